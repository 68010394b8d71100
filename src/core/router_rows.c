#include "core/router_rows.h"

#include "core/step.h"

const char route_proplist[] =
    "dst-address,gateway,gateway-status,immediate-gw,routing-table,routing-mark,active,disabled";
const char address_proplist[] = "address,interface,actual-interface,disabled";
const char flow_proplist[] = "src-address,dst-address,dst-port,reply-dst-address,seen-reply,timeout";
const char tunnel_proplist[] = "name,type,disabled";

/* Interfaces of these types lead through another network to somebody else's. RouterOS 7 calls WireGuard `wg`.
 */
static const char *const tunnels[] = {
    "wg",  "wireguard",   "l2tp-out", "pptp-out",    "sstp-out", "ovpn-out", "gre-tunnel",
    "gre", "ipip-tunnel", "ipip",     "eoip-tunnel", "eoip",     "zerotier",
};

void copy_interface(char name[INTERFACE_NAME_MAX + 1], struct span text)
{
    size_t len = text.len <= INTERFACE_NAME_MAX ? text.len : 0;
    if (len > 0)
        memcpy(name, text.data, len);
    name[len] = '\0';
}

bool interface_names_have(const struct interface_names *names, const char *name)
{
    for (unsigned i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0)
            return true;
    return false;
}

void interface_names_add(struct interface_names *names, struct span name)
{
    char text[INTERFACE_NAME_MAX + 1];
    copy_interface(text, name);
    if (text[0] == '\0' || interface_names_have(names, text))
        return;
    if (names->count == ROUTER_TUNNELS_MAX)
        names->incomplete = true;
    else
        memcpy(names->name[names->count++], text, sizeof text);
}

/* ---- connections ---- */

void flow_end_write(struct writer *w, const char *name, uint32_t address, uint16_t port)
{
    char text[64];
    struct writer word = writer_of(text, sizeof text);
    write_text(&word, name);
    write_text(&word, address_text(address).text);
    if (port != 0) {
        write_text(&word, ":");
        write_decimal(&word, port);
    }
    ros_write_word(w, writer_span(&word));
}

void flow_write_query(struct writer *w, uint32_t address, uint16_t port)
{
    ros_write_word(w, span_text("?protocol=udp"));
    flow_end_write(w, "?dst-address=", address, port);
    flow_end_write(w, "?dst-address=", address, 0);
    ros_write_pair_decimal(w, "?dst-port=", port);
    ros_write_word(w, span_text("?#&|"));
}

bool flow_end_parse(struct span text, uint32_t *ret_address, uint64_t *ret_port)
{
    const uint8_t *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    size_t len = colon != NULL ? (size_t)(colon - text.data) : text.len;
    *ret_port = 0;
    return parse_address(span_of(text.data, len), ret_address) &&
           (colon == NULL || parse_decimal(span_skip(text, len + 1), 65535, ret_port));
}

/* "2m59s", or "00:02:59". */
static uint32_t parse_time_s(struct span text)
{
    uint64_t total = 0;
    uint64_t number = 0;
    for (size_t i = 0; i < text.len && total < UINT32_MAX / 60; i++) {
        uint8_t c = text.data[i];
        if (c >= '0' && c <= '9') {
            number = number > UINT32_MAX / 3600 ? number : number * 10 + (uint64_t)(c - '0');
            continue;
        }
        total = c == ':' ? (total + number) * 60
                         : total + number * (c == 'd'   ? 86400
                                             : c == 'h' ? 3600
                                             : c == 'm' ? 60
                                                        : 1);
        number = 0;
    }
    return (uint32_t)earlier_ms(total + number, UINT32_MAX);
}

static bool shows_more(const struct flow *a, const struct flow *b)
{
    if (!b->known || a->ours != b->ours)
        return !b->known || a->ours;
    if (a->replied != b->replied)
        return a->replied;
    return a->left_s > b->left_s;
}

void flow_consider(struct flow *f, const struct ros_sentence *row, uint32_t address, uint16_t port,
                   uint32_t own_address)
{
    struct flow flow = {.known = true, .replied = ros_flag(row, "seen-reply")};
    struct span text;
    uint32_t destination;
    uint64_t to_port;
    uint64_t ignored;
    if (!ros_attribute(row, "dst-address", &text) || !flow_end_parse(text, &destination, &to_port) ||
        destination != address)
        return;
    if (to_port == 0 && (!ros_attribute(row, "dst-port", &text) || !parse_decimal(text, 65535, &to_port)))
        return;
    if (to_port != port || !ros_attribute(row, "src-address", &text) ||
        !flow_end_parse(text, &flow.source, &ignored) || !ros_attribute(row, "reply-dst-address", &text) ||
        !flow_end_parse(text, &flow.reply_to, &ignored))
        return;
    flow.ours = flow.source == own_address;
    if (ros_attribute(row, "timeout", &text))
        flow.left_s = parse_time_s(text);
    bool both = f->known && f->source == flow.source && f->replied && flow.replied;
    flow.divided = f->divided || (both && f->reply_to != flow.reply_to);
    f->divided = flow.divided;
    if (shows_more(&flow, f))
        *f = flow;
}

/* ---- tunnels ---- */

void tunnel_write_query(struct writer *w)
{
    char operations[2 + ARRAY_LEN(tunnels)] = "?#";
    for (size_t i = 0; i < ARRAY_LEN(tunnels); i++)
        ros_write_pair_text(w, "?type=", tunnels[i]);
    memset(operations + 2, '|', ARRAY_LEN(tunnels) - 1);
    ros_write_word(w, span_of(operations, 1 + ARRAY_LEN(tunnels)));
}

void interface_names_add_tunnel(struct interface_names *names, const struct ros_sentence *row)
{
    struct span type;
    struct span name;
    if (ros_flag(row, "disabled") || !ros_attribute(row, "type", &type) || !ros_attribute(row, "name", &name))
        return;
    for (size_t i = 0; i < ARRAY_LEN(tunnels); i++)
        if (span_is(type, tunnels[i]))
            interface_names_add(names, name);
}

/* ---- the route to an address ---- */

/* The interface of "10.2.0.1%wg1" or of "wg1"; of several gateways, the first one counts. */
static struct span gateway_interface(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ',')
            text.len = i;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '%')
            return span_skip(text, i + 1);
    uint32_t address;
    return parse_address(text, &address) ? span_of(NULL, 0) : text;
}

/* RouterOS 6 prints "10.2.0.1 reachable via  wg1". */
static struct span status_interface(struct span text)
{
    static const char via[] = "via ";
    for (size_t i = 0; i + sizeof via <= text.len; i++) {
        struct span rest = span_skip(text, i);
        if (!span_starts(rest, via))
            continue;
        rest = span_skip(rest, sizeof via - 1);
        while (rest.len > 0 && rest.data[0] == ' ')
            rest = span_skip(rest, 1);
        return rest;
    }
    return span_of(NULL, 0);
}

static void consider(struct route_choice *c, struct prefix prefix, struct span interface)
{
    if (interface.len == 0 || interface.len > INTERFACE_NAME_MAX || !prefix_has(&prefix, c->target) ||
        prefix.length < c->shortest)
        return;
    if (c->known && c->best.length >= prefix.length)
        return;
    c->best = prefix;
    c->known = true;
    copy_interface(c->interface, interface);
}

/* RouterOS 7 prints routing-table, RouterOS 6 routing-mark if it is not main. */
static bool is_of_table(const struct ros_sentence *row, struct span wanted)
{
    struct span table = span_of(NULL, 0);
    struct span mark;
    (void)ros_attribute(row, "routing-table", &table);
    if ((table.len == 0 || span_is(table, "main")) && ros_attribute(row, "routing-mark", &mark))
        table = mark;
    bool in_main = table.len == 0 || span_is(table, "main");
    return wanted.len == 0 || span_is(wanted, "main") ? in_main : span_equal(table, wanted);
}

void route_choice_route(struct route_choice *c, const struct ros_sentence *row)
{
    struct span text;
    struct span gateway;
    struct prefix prefix;
    struct span interface = span_of(NULL, 0);
    if (!is_of_table(row, c->table) || ros_flag(row, "disabled") ||
        !ros_attribute(row, "dst-address", &text) || !parse_prefix(text, &prefix))
        return;
    if (ros_attribute(row, "immediate-gw", &gateway))
        interface = gateway_interface(gateway);
    if (interface.len == 0 && ros_attribute(row, "gateway-status", &gateway))
        interface = status_interface(gateway);
    if (interface.len == 0 && ros_attribute(row, "gateway", &gateway))
        interface = gateway_interface(gateway);
    consider(c, prefix, interface);
}

void route_choice_address(struct route_choice *c, const struct ros_sentence *row)
{
    struct prefix prefix;
    struct span interface;
    struct span peer;
    bool in_main = c->table.len == 0 || span_is(c->table, "main");
    if (!in_main || !address_row_parse(row, &prefix, &interface))
        return;
    consider(c, prefix, interface);
    /* The other end of a point-to-point link. */
    if (prefix.length == 32 && ros_attribute(row, "network", &peer) && parse_prefix(peer, &prefix))
        consider(c, prefix, interface);
}

/* ---- the addresses and lists of an interface ---- */

bool address_row_parse(const struct ros_sentence *row, struct prefix *ret_prefix, struct span *ret_interface)
{
    struct span text;
    if (ros_flag(row, "disabled") || !ros_attribute(row, "address", &text) || !parse_prefix(text, ret_prefix))
        return false;
    return (ros_attribute(row, "actual-interface", ret_interface) && ret_interface->len > 0) ||
           ros_attribute(row, "interface", ret_interface);
}

void nat_context_set_type(struct nat_context *context, const struct ros_sentence *row)
{
    struct span name;
    struct span type;
    if (ros_attribute(row, "name", &name) && span_is(name, context->interface) &&
        ros_attribute(row, "type", &type) && type.len <= INTERFACE_TYPE_MAX && type.len > 0) {
        memcpy(context->type, type.data, type.len);
        context->type[type.len] = '\0';
    }
}

void nat_context_add_address(struct nat_context *context, const struct ros_sentence *row)
{
    struct prefix prefix;
    struct span interface;
    if (!address_row_parse(row, &prefix, &interface))
        return;
    if (context->addresses == ROUTER_ADDRESSES_MAX) {
        context->addresses_incomplete = true;
        return;
    }
    context->address[context->addresses] = prefix.address;
    context->length[context->addresses] = prefix.length;
    context->on_interface[context->addresses++] = span_is(interface, context->interface);
}

bool nat_context_assume_address(struct nat_context *context, uint32_t address)
{
    bool none = !context->addresses_incomplete && context->addresses < ROUTER_ADDRESSES_MAX;
    for (unsigned i = 0; i < context->addresses; i++)
        none = none && !context->on_interface[i] && context->address[i] != address;
    if (!none)
        return false;
    context->address[context->addresses] = address;
    context->length[context->addresses] = 32;
    context->on_interface[context->addresses++] = true;
    return true;
}

static struct interface_list *take_list(struct nat_context *context, struct span name)
{
    struct interface_list *list = nat_context_list(context, name);
    if (list != NULL)
        return list;
    if (context->lists == ROUTER_LISTS_MAX || name.len > INTERFACE_NAME_MAX) {
        context->lists_incomplete = true;
        return NULL;
    }
    list = &context->list[context->lists++];
    copy_interface(list->name, name);
    return list;
}

/* The lists that an attribute names, with commas between them. */
static uint32_t take_lists(struct nat_context *context, const struct ros_sentence *row, const char *attribute)
{
    struct span names;
    uint32_t lists = 0;
    if (!ros_attribute(row, attribute, &names))
        return 0;
    while (names.len > 0) {
        const uint8_t *comma = memchr(names.data, ',', names.len);
        size_t len = comma != NULL ? (size_t)(comma - names.data) : names.len;
        struct interface_list *list = take_list(context, span_of(names.data, len));
        if (list != NULL)
            lists |= UINT32_C(1) << (list - context->list);
        names = span_skip(names, comma != NULL ? len + 1 : len);
    }
    return lists;
}

void nat_context_add_list(struct nat_context *context, const struct ros_sentence *row)
{
    struct span name;
    struct span value;
    if (!ros_attribute(row, "name", &name))
        return;
    bool composed = (ros_attribute(row, "include", &value) && value.len > 0) ||
                    (ros_attribute(row, "exclude", &value) && value.len > 0);
    struct interface_list *list = composed ? take_list(context, name) : NULL;
    if (list == NULL)
        return;
    list->composed = true;
    list->includes = take_lists(context, row, "include");
    list->excludes = take_lists(context, row, "exclude");
}

void nat_context_add_member(struct nat_context *context, const struct ros_sentence *row)
{
    struct span name;
    struct span interface;
    if (ros_flag(row, "disabled") || !ros_attribute(row, "list", &name) ||
        !ros_attribute(row, "interface", &interface) || !span_is(interface, context->interface))
        return;
    struct interface_list *list = take_list(context, name);
    if (list != NULL)
        list->member = true;
}

/* ---- where the router listens ---- */

const char listener_proplist[] = "port,listen-port,disabled,dynamic,connection,remote";

bool service_row_is_connection(const struct ros_sentence *row)
{
    struct span remote;
    return ros_flag(row, "connection") || ros_flag(row, "dynamic") ||
           (ros_attribute(row, "remote", &remote) && remote.len > 0);
}

uint16_t listener_port(const struct ros_sentence *row)
{
    struct span text;
    uint64_t port;
    if (ros_flag(row, "disabled") || service_row_is_connection(row) ||
        (!ros_attribute(row, "listen-port", &text) && !ros_attribute(row, "port", &text)))
        return 0;
    return parse_decimal(text, 65535, &port) ? (uint16_t)port : 0;
}
