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
static bool translated(const struct router_model *m, const char *interface, char *ret_text, size_t size)
{
    const struct rm_item *address =
        m->options.untranslated ? NULL : rm_item_find(m, RM_MENU_ADDRESS, "interface", span_text(interface));
    if (!address)
        return false;
    snprintf(ret_text, size, "%s", rm_item_get(address, "address"));
    ret_text[strcspn(ret_text, "/")] = 0;
    return true;
}

static void set_ends(struct router_model *m, struct rm_item *item, const struct router_model_flow *flow,
                     const char *reply)
{
    char source[20];
    char destination[20];
    rm_print_address(source, sizeof(source), flow->source);
    rm_print_address(destination, sizeof(destination), flow->destination);
    reply = reply[0] ? reply : source;
    rm_item_set(item, "protocol", "udp");
    set_end(m, item, "src-address", "src-port", source, flow->source_port);
    set_end(m, item, "dst-address", "dst-port", destination, flow->destination_port);
    set_end(m, item, "reply-src-address", "reply-src-port", destination, flow->destination_port);
    set_end(m, item, "reply-dst-address", "reply-dst-port", reply, flow->source_port);
}

static void fill(struct router_model *m, struct rm_item *item, const struct router_model_flow *flow,
                 const char *interface)
{
    char reply[RM_ITEM_VALUE_MAX];
    if (!translated(m, interface, reply, sizeof(reply)))
        reply[0] = 0;
    set_ends(m, item, flow, reply);
    rm_item_set(item, "seen-reply", "false");
    rm_item_set(item, "_out", interface);
}

void router_model_connections_clear(struct router_model *m)
{
    m->table[RM_MENU_CONNECTION].count = 0;
}

void router_model_connection_add(struct router_model *m, uint64_t now_ms,
                                 const struct router_model_flow *flow, uint32_t reply_to, bool replied,
                                 uint32_t left_s)
{
    char reply[20];
    struct rm_item *item = rm_item_add(m, RM_MENU_CONNECTION);
    if (!item)
        return;
    rm_print_address(reply, sizeof(reply), reply_to);
    item->flow = *flow;
    set_ends(m, item, flow, reply);
    rm_item_set(item, "seen-reply", replied ? "true" : "false");
    item->until_ms = now_ms + (uint64_t)left_s * 1000;
}

static bool is_over(const struct router_model *m, const struct rm_item *item)
{
    return item->until_ms <= m->now_ms;
}

static struct rm_item *find(struct router_model *m, const struct router_model_flow *flow)
{
    struct rm_table *table = &m->table[RM_MENU_CONNECTION];
    for (unsigned i = 0; i < table->count; i++)
        if (memcmp(&table->item[i].flow, flow, sizeof(*flow)) == 0)
            return &table->item[i];
    return NULL;
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
    if (!item && (item = rm_item_add(m, RM_MENU_CONNECTION))) {
        item->flow = *flow;
        fill(m, item, flow, interface);
    }
    if (!item)
        return interface;
    bool stream = strcmp(rm_item_get(item, "seen-reply"), "true") == 0 &&
                  m->now_ms > item->since_ms + UDP_STREAM_AFTER_MS;
    item->since_ms = item->since_ms ? item->since_ms : m->now_ms;
    item->until_ms = m->now_ms + (stream ? UDP_STREAM_MS : UDP_MS);
    return interface;
}

void router_model_replies(struct router_model *m, uint64_t now_ms, const struct router_model_flow *flow)
{
    struct rm_item *item = find(m, flow);
    m->now_ms = now_ms > m->now_ms ? now_ms : m->now_ms;
    if (item && !is_over(m, item))
        rm_item_set(item, "seen-reply", "true");
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
