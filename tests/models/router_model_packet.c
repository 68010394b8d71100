/* What the chain dstnat does with the first packet of a connection: the rules in their order, with jumps and
 * returns, as Linux does it. */
#include "router_model_internal.h"

#include "base/cursor.h"

enum { JUMPS_MAX = 64 };

static struct span cut(struct span *list, char separator)
{
    const uint8_t *at = list->len > 0 ? memchr(list->data, separator, list->len) : NULL;
    size_t len = at ? (size_t)(at - list->data) : list->len;
    struct span first = span_of(list->data, len);
    *list = at ? span_skip(*list, len + 1) : span_of(NULL, 0);
    return first;
}

/* ---- conditions, of values without '!' ---- */

static bool ports_have(struct span list, uint16_t port)
{
    while (list.len > 0) {
        struct span last = cut(&list, ',');
        struct span first = cut(&last, '-');
        uint64_t low = 0;
        uint64_t high = 0;
        if (!parse_decimal(first, 65535, &low) || !parse_decimal(last.len > 0 ? last : first, 65535, &high))
            continue;
        if (port >= low && port <= high)
            return true;
    }
    return false;
}

static bool range_has(struct span text, uint32_t address)
{
    struct span last = text;
    struct span first = cut(&last, '-');
    uint32_t low;
    uint32_t high;
    unsigned length;
    if (!rm_parse_prefix(first, &low, &length))
        return false;
    if (last.len > 0)
        return parse_address(last, &high) && address >= low && address <= high;
    return (address & rm_mask(length)) == (low & rm_mask(length));
}

static bool is_local(const struct router_model *m, uint32_t address)
{
    for (unsigned i = 0; i < m->table[RM_MENU_ADDRESS].count; i++) {
        const struct rm_item *item = &m->table[RM_MENU_ADDRESS].item[i];
        uint32_t own;
        unsigned length;
        if (rm_parse_prefix(span_text(rm_item_get(item, "address")), &own, &length) && own == address)
            return strcmp(rm_item_get(item, "disabled"), "true") != 0;
    }
    return false;
}

static bool type_has(struct span list, bool local)
{
    while (list.len > 0)
        if (span_is(cut(&list, ','), local ? "local" : "unicast"))
            return true;
    return false;
}

static bool is_kind(struct span kind, struct span type)
{
    static const struct {
        const char *kind;
        const char *prefix; /* of the type */
    } kinds[] = {
        {"all-ethernet", "ether"}, {"all-vlan", "vlan"}, {"all-wireless", "wlan"},
        {"all-wireless", "wifi"},  {"all-ppp", "ppp"},   {"all-ppp", "l2tp"},
        {"all-ppp", "pptp"},       {"all-ppp", "sstp"},  {"all-ppp", "ovpn"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (span_is(kind, kinds[i].kind) && span_starts(type, kinds[i].prefix))
            return true;
    return false;
}

static bool interface_is(const struct router_model *m, struct span value, const char *interface)
{
    const struct rm_item *item = rm_item_find(m, RM_MENU_INTERFACE, "name", span_text(interface));
    return span_is(value, interface) || (item && is_kind(value, span_text(rm_item_get(item, "type"))));
}

static bool in_address_list(const struct router_model *m, struct span list, uint32_t address)
{
    for (unsigned i = 0; i < m->table[RM_MENU_ADDRESS_LIST].count; i++) {
        const struct rm_item *item = &m->table[RM_MENU_ADDRESS_LIST].item[i];
        if (span_is(list, rm_item_get(item, "list")) && strcmp(rm_item_get(item, "disabled"), "true") != 0 &&
            range_has(span_text(rm_item_get(item, "address")), address))
            return true;
    }
    return false;
}

static bool list_holds(const struct router_model *m, struct span list, const char *interface)
{
    char name[ROUTER_MODEL_TEXT_MAX] = "";
    if (list.len < sizeof(name))
        memcpy(name, list.data, list.len);
    return router_model_list_holds(m, name, interface);
}

static bool protocol_is(struct span value, bool tcp)
{
    return span_is(value, tcp ? "tcp" : "udp") || span_is(value, tcp ? "6" : "17");
}

static bool condition_holds(const struct router_model *m, enum rm_condition condition, struct span value,
                            const struct router_model_packet *p)
{
    switch (condition) {
    case RM_CONDITION_NONE:
        return true;
    case RM_CONDITION_NEVER:
        return false;
    case RM_CONDITION_PROTOCOL:
        return protocol_is(value, p->tcp);
    case RM_CONDITION_IN_INTERFACE:
        return interface_is(m, value, p->interface);
    case RM_CONDITION_IN_LIST:
        return list_holds(m, value, p->interface);
    case RM_CONDITION_SOURCE:
        return range_has(value, p->source);
    case RM_CONDITION_DESTINATION:
        return range_has(value, p->destination);
    case RM_CONDITION_SOURCE_LIST:
        return in_address_list(m, value, p->source);
    case RM_CONDITION_DESTINATION_LIST:
        return in_address_list(m, value, p->destination);
    case RM_CONDITION_SOURCE_TYPE:
        return type_has(value, false);
    case RM_CONDITION_DESTINATION_TYPE:
        return type_has(value, is_local(m, p->destination));
    case RM_CONDITION_SOURCE_PORT:
        return ports_have(value, p->source_port);
    case RM_CONDITION_DESTINATION_PORT:
        return ports_have(value, p->destination_port);
    case RM_CONDITION_ANY_PORT:
        return ports_have(value, p->source_port) || ports_have(value, p->destination_port);
    case RM_CONDITION_MARK:
        return span_is(value, p->mark && p->mark[0] ? p->mark : "no-mark");
    case RM_CONDITION_LUCK:
        break;
    }
    return p->lucky;
}

static bool matches(const struct router_model *m, const struct router_model_rule *rule,
                    const struct router_model_packet *p)
{
    if (rule->disabled)
        return false;
    for (int i = 0; i < RM_NAT_PROPERTIES; i++) {
        enum rm_condition condition = rm_nat_property[i].condition;
        if (!rule->value[i] || condition == RM_CONDITION_NONE)
            continue;
        struct span value = rm_rule_value(rule, i);
        bool negated = span_starts(value, "!");
        if (condition_holds(m, condition, negated ? span_skip(value, 1) : value, p) == negated)
            return false;
    }
    return !rm_rule_invalid(m, rule);
}

/* ---- the chain ---- */

static void translate(const struct router_model_rule *rule, struct router_model_fate *fate)
{
    struct span to = rm_rule_value(rule, RM_NAT_TO_ADDRESSES);
    struct span first = cut(&to, '-');
    struct span ports = rm_rule_value(rule, RM_NAT_TO_PORTS);
    struct span port = cut(&ports, '-');
    uint64_t number;
    unsigned length;
    fate->translated = true;
    if (first.len > 0)
        rm_parse_prefix(first, &fate->address, &length);
    if (parse_decimal(port, 65535, &number))
        fate->port = (uint16_t)number;
}

static struct span jump_target(const struct router_model_rule *rule)
{
    return span_text(router_model_rule_text(rule, "jump-target"));
}

static struct router_model_rule *next_match(const struct router_model *m, struct router_model_rule *rule,
                                            struct span chain, const struct router_model_packet *p)
{
    while (rule && (!span_equal(rm_rule_value(rule, RM_NAT_CHAIN), chain) || !matches(m, rule, p)))
        rule = rule->next;
    return rule;
}

/* The rules at which the packet jumped; it goes on behind them. */
struct jumps {
    const struct router_model_rule *at[JUMPS_MAX];
    unsigned depth;
};

static void pass(const struct router_model *m, const struct router_model_packet *p,
                 struct router_model_fate *fate)
{
    struct jumps jumps = {.depth = 0};
    struct span chain = span_text("dstnat");
    struct router_model_rule *rule = m->first;
    for (;;) {
        rule = next_match(m, rule, chain, p);
        struct span action = rule ? rm_rule_value(rule, RM_NAT_ACTION) : span_of(NULL, 0);
        fate->rule = rule ? rule->id : fate->rule;
        if (!rule || span_is(action, "return")) {
            if (jumps.depth == 0)
                return;
            rule = jumps.at[--jumps.depth]->next;
            chain = jumps.depth > 0 ? jump_target(jumps.at[jumps.depth - 1]) : span_text("dstnat");
            continue;
        }
        if (span_is(action, "accept"))
            return;
        if (span_is(action, "jump") && jumps.depth < JUMPS_MAX) {
            jumps.at[jumps.depth++] = rule;
            chain = jump_target(rule);
            rule = m->first;
            continue;
        }
        if (span_is(action, "dst-nat") || span_is(action, "redirect") || span_is(action, "netmap") ||
            (span_is(action, "endpoint-independent-nat") && p->lucky)) {
            translate(rule, fate);
            return;
        }
        rule = rule->next;
    }
}

struct router_model_fate router_model_arrive(const struct router_model *m,
                                             const struct router_model_packet *packet)
{
    struct router_model_fate fate = {.address = packet->destination, .port = packet->destination_port};
    pass(m, packet, &fate);
    return fate;
}
