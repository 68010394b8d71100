/* Packets that cross the router: the routing rules and tables that lead them, and the connection table that
 * remembers them. */
#include "router_model_internal.h"

#include "base/cursor.h"

#include <stdio.h>

enum {
    /* RouterOS's defaults: udp-timeout, and udp-stream-timeout for what goes on after the first answer. */
    UDP_MS = 30 * 1000,
    UDP_STREAM_MS = 180 * 1000,
    UDP_STREAM_AFTER_MS = 2000,
};

/* ---- routing rules ---- */

static enum rm_menu rules_menu(const struct router_model *m)
{
    return m->major >= 7 ? RM_MENU_RULE : RM_MENU_RULE_6;
}

void router_model_routing_rules_clear(struct router_model *m)
{
    m->table[rules_menu(m)].count = 0;
}

static bool matches(const struct rm_item *rule, const char *name, uint32_t address)
{
    uint32_t network;
    unsigned length;
    const char *text = rm_item_get(rule, name);
    return !text[0] ||
           (rm_parse_prefix(span_text(text), &network, &length) && !((network ^ address) & rm_mask(length)));
}

const char *router_model_way(const struct router_model *m, uint32_t source, uint32_t destination)
{
    const struct rm_table *rules = &m->table[rules_menu(m)];
    const struct rm_item *route = NULL;
    for (unsigned i = 0; i < rules->count && !route; i++)
        if (matches(&rules->item[i], "src-address", source) &&
            matches(&rules->item[i], "dst-address", destination))
            route = rm_route_look_up(m, rm_item_get(&rules->item[i], "table"), destination);
    if (!route)
        route = rm_route_look_up(m, "main", destination);
    return route ? rm_item_get(route, "_interface") : NULL;
}

/* ---- the connection table ---- */

static void set_end(const struct router_model *m, struct rm_item *item, const char *address_name,
                    const char *port_name, const char *address, uint16_t port)
{
    char text[RM_ITEM_VALUE_MAX];
    snprintf(text, sizeof(text), m->options.ports_joined ? "%.40s:%u" : "%.40s", address, port);
    rm_item_set(item, address_name, text);
    snprintf(text, sizeof(text), "%u", port);
    if (!m->options.ports_joined)
        rm_item_set(item, port_name, text);
}

/* The address that a masquerade puts in the place of the source's. */
static uint32_t translated(const struct router_model *m, const char *interface, uint32_t source)
{
    const struct rm_item *item =
        m->options.untranslated ? NULL : rm_item_find(m, RM_MENU_ADDRESS, "interface", span_text(interface));
    uint32_t address;
    unsigned length;
    bool known = item && rm_parse_prefix(span_text(rm_item_get(item, "address")), &address, &length);
    return known ? address : source;
}

/* `from` sends the answers, to the address `to`. */
static void set_ends(struct router_model *m, struct rm_item *item, const struct router_model_flow *flow,
                     struct router_model_end from, uint32_t to)
{
    char text[4][20];
    rm_print_address(text[0], sizeof(text[0]), flow->source);
    rm_print_address(text[1], sizeof(text[1]), flow->destination);
    rm_print_address(text[2], sizeof(text[2]), from.address);
    rm_print_address(text[3], sizeof(text[3]), to);
    item->flow = *flow;
    item->answers = from;
    rm_item_set(item, "protocol", flow->tcp ? "tcp" : "udp");
    set_end(m, item, "src-address", "src-port", text[0], flow->source_port);
    set_end(m, item, "dst-address", "dst-port", text[1], flow->destination_port);
    set_end(m, item, "reply-src-address", "reply-src-port", text[2], from.port);
    set_end(m, item, "reply-dst-address", "reply-dst-port", text[3], flow->source_port);
}

static struct router_model_end destination_of(const struct router_model_flow *flow)
{
    return (struct router_model_end){flow->destination, flow->destination_port};
}

static void fill(struct router_model *m, struct rm_item *item, const struct router_model_flow *flow,
                 const char *interface)
{
    set_ends(m, item, flow, destination_of(flow), translated(m, interface, flow->source));
    rm_item_set(item, "seen-reply", "false");
    rm_item_set(item, "_out", interface);
}

static bool is_same(const struct router_model_flow *a, const struct router_model_flow *b)
{
    return a->source == b->source && a->destination == b->destination && a->source_port == b->source_port &&
           a->destination_port == b->destination_port && a->tcp == b->tcp;
}

static struct rm_item *find(struct router_model *m, const struct router_model_flow *flow)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    for (unsigned i = 0; i < table->count; i++)
        if (is_same(&table->item[i].flow, flow))
            return &table->item[i];
    return NULL;
}

void router_model_connections_begin(struct router_model *m)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    for (unsigned i = 0; i < table->count; i++)
        table->item[i].until_ms = 0;
}

void router_model_connections_end(struct router_model *m)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    for (unsigned i = table->count; i-- > 0;)
        if (table->item[i].until_ms == 0)
            rm_item_remove(m, RM_MENU_CONNECTION, &table->item[i]);
}

void router_model_connection_add(struct router_model *m, uint64_t now_ms,
                                 const struct router_model_flow *flow, struct router_model_end answers,
                                 uint32_t answers_to, bool replied, uint32_t left_s)
{
    struct rm_item *item = find(m, flow);
    item = item ? item : rm_item_add(m, RM_MENU_CONNECTION);
    if (!item)
        return;
    set_ends(m, item, flow, answers, answers_to);
    rm_item_set(item, "seen-reply", replied ? "true" : "false");
    item->until_ms = now_ms + 1 + (uint64_t)left_s * 1000;
}

static bool is_over(const struct router_model *m, const struct rm_item *item)
{
    return item->until_ms <= m->now_ms;
}

static void purge(struct router_model *m)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    for (unsigned i = table->count; i-- > 0;)
        if (is_over(m, &table->item[i]))
            rm_item_remove(m, RM_MENU_CONNECTION, &table->item[i]);
}

void rm_connections_forget(struct router_model *m, const char *interface)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    for (unsigned i = table->count; i-- > 0;)
        if (strcmp(rm_item_get(&table->item[i], "_out"), interface) == 0)
            rm_item_remove(m, RM_MENU_CONNECTION, &table->item[i]);
}

const char *router_model_sends(struct router_model *m, uint64_t now_ms, const struct router_model_flow *flow)
{
    const char *interface = router_model_way(m, flow->source, flow->destination);
    m->now_ms = now_ms > m->now_ms ? now_ms : m->now_ms;
    purge(m);
    if (!interface || m->options.untracked)
        return interface;
    struct rm_item *item = find(m, flow);
    /* The masquerade of another interface ends with the way there. */
    if (item && strcmp(rm_item_get(item, "_out"), interface) != 0 && !m->options.flows_stick)
        fill(m, item, flow, interface);
    if (!item && (item = rm_item_add(m, RM_MENU_CONNECTION)))
        fill(m, item, flow, interface);
    if (!item)
        return interface;
    bool stream = strcmp(rm_item_get(item, "seen-reply"), "true") == 0 &&
                  m->now_ms > item->since_ms + UDP_STREAM_AFTER_MS;
    item->since_ms = item->since_ms ? item->since_ms : m->now_ms;
    item->until_ms = m->now_ms + (stream ? UDP_STREAM_MS : UDP_MS);
    return interface;
}

const char *router_model_connection_interface(struct router_model *m, const struct router_model_flow *flow)
{
    const struct rm_item *item = find(m, flow);
    return item ? rm_item_get(item, "_out") : "";
}

void router_model_replies(struct router_model *m, uint64_t now_ms, const struct router_model_flow *flow)
{
    struct rm_item *item = find(m, flow);
    m->now_ms = now_ms > m->now_ms ? now_ms : m->now_ms;
    if (item && !is_over(m, item))
        rm_item_set(item, "seen-reply", "true");
}

struct router_model_fate router_model_receive(struct router_model *m, uint64_t now_ms,
                                              const struct router_model_packet *packet)
{
    const struct router_model_flow flow = {.source = packet->source,
                                           .destination = packet->destination,
                                           .source_port = packet->source_port,
                                           .destination_port = packet->destination_port,
                                           .tcp = packet->tcp};
    m->now_ms = now_ms > m->now_ms ? now_ms : m->now_ms;
    purge(m);
    struct rm_item *item = find(m, &flow);
    struct router_model_fate fate = router_model_arrive(m, packet);
    if (item) {
        fate = (struct router_model_fate){.translated = item->answers.address != flow.destination ||
                                                        item->answers.port != flow.destination_port,
                                          .address = item->answers.address,
                                          .port = item->answers.port,
                                          .since_ms = item->since_ms};
    } else if (!m->options.untracked && (item = rm_item_add(m, RM_MENU_CONNECTION))) {
        set_ends(m, item, &flow, (struct router_model_end){fate.address, fate.port}, flow.source);
        rm_item_set(item, "seen-reply", "false");
        item->since_ms = m->now_ms;
    }
    if (item)
        item->until_ms = m->now_ms + UDP_MS;
    return fate;
}

/* ---- removing ---- */

static bool remove_one(struct router_model *m, struct span text)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    uint32_t id = 0;
    for (unsigned i = 0; rm_parse_item_id(text, &id) && i < table->count; i++) {
        struct rm_item *item = &table->item[i];
        if (item->id != id || is_over(m, item))
            continue;
        if (m->callbacks.connection_removed)
            m->callbacks.connection_removed(m->callbacks.ctx, &item->flow);
        m->counters.connection_removes++;
        rm_item_remove(m, RM_MENU_CONNECTION, item);
        return true;
    }
    return rm_fail(m, RM_NO_CATEGORY, "no such item%s", m->options.error_numbers ? " (4)" : "");
}

void rm_connection_remove(struct router_model *m, const struct rm_command *c)
{
    struct span ids;
    bool fine = rm_find(c, ".id", &ids) || rm_find(c, "numbers", &ids) ||
                rm_fail(m, 0, "missing value(s) of argument(s) .id");
    while (fine && ids.len > 0) {
        const uint8_t *comma = memchr(ids.data, ',', ids.len);
        size_t len = comma ? (size_t)(comma - ids.data) : ids.len;
        fine = remove_one(m, span_of(ids.data, len));
        ids = span_skip(ids, comma ? len + 1 : len);
    }
    if (fine)
        rm_done(m, c->tag);
    else
        rm_refuse(m, c->tag);
}

bool rm_connection_row(const struct router_model *m, const struct rm_item *item, struct rm_row *row)
{
    uint64_t left_s = is_over(m, item) ? 0 : (item->until_ms - m->now_ms) / 1000;
    rm_item_row(item, row);
    if (left_s >= 60)
        rm_row_printf(row, "timeout", "%um%us", (unsigned)left_s / 60, (unsigned)left_s % 60);
    else
        rm_row_printf(row, "timeout", "%us", (unsigned)left_s);
    return !is_over(m, item);
}
