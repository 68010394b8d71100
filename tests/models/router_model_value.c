/* Values of NAT properties: what the router accepts, what it stores, and the words of its refusals. */
#include "router_model_internal.h"

#include "base/cursor.h"

#include <stdio.h>

const struct rm_property rm_nat_property[RM_NAT_PROPERTIES] = {
    [RM_NAT_CHAIN] = {"chain", RM_KIND_CHAIN, RM_CONDITION_NONE},
    [RM_NAT_ACTION] = {"action", RM_KIND_ACTION, RM_CONDITION_NONE},
    [RM_NAT_TO_ADDRESSES] = {"to-addresses", RM_KIND_TO_ADDRESSES, RM_CONDITION_NONE},
    [RM_NAT_TO_PORTS] = {"to-ports", RM_KIND_TO_PORTS, RM_CONDITION_NONE},
    [RM_NAT_PROTOCOL] = {"protocol", RM_KIND_PROTOCOL, RM_CONDITION_PROTOCOL},
    [RM_NAT_IN_INTERFACE] = {"in-interface", RM_KIND_INTERFACE, RM_CONDITION_IN_INTERFACE},
    [RM_NAT_OUT_INTERFACE] = {"out-interface", RM_KIND_INTERFACE, RM_CONDITION_LUCK},
    [RM_NAT_IN_INTERFACE_LIST] = {"in-interface-list", RM_KIND_INTERFACE_LIST, RM_CONDITION_IN_LIST},
    [RM_NAT_OUT_INTERFACE_LIST] = {"out-interface-list", RM_KIND_INTERFACE_LIST, RM_CONDITION_LUCK},
    [RM_NAT_SRC_PORT] = {"src-port", RM_KIND_PORTS, RM_CONDITION_SOURCE_PORT},
    [RM_NAT_DST_PORT] = {"dst-port", RM_KIND_PORTS, RM_CONDITION_DESTINATION_PORT},
    [RM_NAT_PORT] = {"port", RM_KIND_PORTS, RM_CONDITION_ANY_PORT},
    [RM_NAT_LOG] = {"log", RM_KIND_BOOL, RM_CONDITION_NONE},
    [RM_NAT_LOG_PREFIX] = {"log-prefix", RM_KIND_TEXT, RM_CONDITION_NONE},
    [RM_NAT_COMMENT] = {"comment", RM_KIND_TEXT, RM_CONDITION_NONE},
    [RM_NAT_OTHERS] = {"src-address", RM_KIND_ADDRESS, RM_CONDITION_SOURCE},
    {"dst-address", RM_KIND_ADDRESS, RM_CONDITION_DESTINATION},
    {"dst-address-type", RM_KIND_ADDRESS_TYPE, RM_CONDITION_DESTINATION_TYPE},
    {"src-address-type", RM_KIND_ADDRESS_TYPE, RM_CONDITION_SOURCE_TYPE},
    {"address-list", RM_KIND_TEXT, RM_CONDITION_NONE},
    {"address-list-timeout", RM_KIND_TEXT, RM_CONDITION_NONE},
    {"connection-bytes", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"connection-limit", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"connection-mark", RM_KIND_TEXT, RM_CONDITION_MARK},
    {"connection-rate", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"connection-type", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"content", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"dscp", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"dst-address-list", RM_KIND_TEXT, RM_CONDITION_DESTINATION_LIST},
    {"dst-limit", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"fragment", RM_KIND_BOOL, RM_CONDITION_LUCK},
    {"hotspot", RM_KIND_TEXT, RM_CONDITION_NEVER},
    {"icmp-options", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"in-bridge-port", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"in-bridge-port-list", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"ingress-priority", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"ipsec-policy", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"ipv4-options", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"jump-target", RM_KIND_TEXT, RM_CONDITION_NONE},
    {"layer7-protocol", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"limit", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"nth", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"out-bridge-port", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"out-bridge-port-list", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"packet-mark", RM_KIND_TEXT, RM_CONDITION_MARK},
    {"packet-size", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"per-connection-classifier", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"priority", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"psd", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"random", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"randomise-ports", RM_KIND_BOOL, RM_CONDITION_NONE},
    {"realm", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"routing-mark", RM_KIND_TEXT, RM_CONDITION_MARK},
    {"same-not-by-dst", RM_KIND_BOOL, RM_CONDITION_NONE},
    {"src-address-list", RM_KIND_TEXT, RM_CONDITION_SOURCE_LIST},
    {"src-mac-address", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"tcp-mss", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"time", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"tos", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"ttl", RM_KIND_TEXT, RM_CONDITION_LUCK},
    {"socks5-port", RM_KIND_TEXT, RM_CONDITION_NONE},
    {"socks5-server", RM_KIND_TEXT, RM_CONDITION_NONE},
    {"socksify-service", RM_KIND_TEXT, RM_CONDITION_NONE},
    {"tls-host", RM_KIND_TEXT, RM_CONDITION_LUCK},
};

int rm_property_find(struct span name)
{
    for (int i = 0; i < RM_NAT_PROPERTIES; i++)
        if (rm_nat_property[i].name && span_is(name, rm_nat_property[i].name))
            return i;
    return -1;
}

struct rm_text *rm_text_new(struct span value)
{
    struct rm_text *text = rm_alloc(sizeof(*text) + value.len + 1);
    text->len = value.len;
    if (value.len > 0)
        memcpy(text->data, value.data, value.len);
    return text;
}

bool rm_parse_bool(struct span value, bool *ret_value)
{
    bool yes = span_is(value, "yes") || span_is(value, "true");
    if (!yes && !span_is(value, "no") && !span_is(value, "false"))
        return false;
    *ret_value = yes;
    return true;
}

bool rm_parse_item_id(struct span text, uint32_t *ret_id)
{
    if (text.len < 2 || text.len > 9 || text.data[0] != '*')
        return false;
    uint32_t id = 0;
    for (size_t i = 1; i < text.len; i++) {
        uint8_t digit = text.data[i];
        uint8_t letter = digit | 0x20;
        if (digit >= '0' && digit <= '9')
            id = id << 4 | (uint32_t)(digit - '0');
        else if (letter >= 'a' && letter <= 'f')
            id = id << 4 | (uint32_t)(letter - 'a' + 10);
        else
            return false;
    }
    *ret_id = id;
    return true;
}

static bool split(struct span text, char at, struct span *ret_left, struct span *ret_right)
{
    const uint8_t *found = text.len > 0 ? memchr(text.data, at, text.len) : NULL;
    if (!found)
        return false;
    size_t length = (size_t)(found - text.data);
    *ret_left = span_of(text.data, length);
    *ret_right = span_skip(text, length + 1);
    return true;
}

bool rm_parse_prefix(struct span text, uint32_t *ret_address, unsigned *ret_length)
{
    struct span address;
    struct span length;
    uint64_t bits = 32;
    if (!split(text, '/', &address, &length))
        address = text;
    else if (!parse_decimal(length, 32, &bits))
        return false;
    if (!parse_address(address, ret_address))
        return false;
    *ret_length = (unsigned)bits;
    return true;
}

/* ---- each kind ---- */

static bool bad_value(struct router_model *m, const char *argument)
{
    return rm_fail(m, 1, "invalid value for argument %s", argument);
}

static bool no_match(struct router_model *m, const char *argument)
{
    return rm_fail(m, 1, "input does not match any value of %s", argument);
}

static bool is_one_of(struct span value, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (span_is(value, names[i]))
            return true;
    return false;
}

static bool without_not(struct span *value)
{
    if (!span_starts(*value, "!"))
        return false;
    *value = span_skip(*value, 1);
    return true;
}

static bool check_action(struct router_model *m, struct span value)
{
    static const char *const actions[] = {
        "accept",
        "add-dst-to-address-list",
        "add-src-to-address-list",
        "dst-nat",
        "endpoint-independent-nat",
        "jump",
        "log",
        "masquerade",
        "netmap",
        "passthrough",
        "return",
        "redirect",
        "same",
        "src-nat",
    };
    return is_one_of(value, actions, ARRAY_LEN(actions)) || no_match(m, "action");
}

/* Printed as a name, also if it came as a number. */
static bool check_protocol(struct router_model *m, struct span value, struct rm_text **ret_text)
{
    static const struct {
        const char *name;
        unsigned number;
    } protocols[] = {
        {"icmp", 1},   {"igmp", 2},   {"ipencap", 4},    {"tcp", 6},        {"egp", 8},   {"udp", 17},
        {"dccp", 33},  {"gre", 47},   {"ipsec-esp", 50}, {"ipsec-ah", 51},  {"ospf", 89}, {"pim", 103},
        {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132},     {"udp-lite", 136},
    };
    bool not = without_not(&value);
    uint64_t number = 256;
    if (value.len == 0 ||
        (!parse_decimal(value, 255, &number) && value.data[0] >= '0' && value.data[0] <= '9'))
        return no_match(m, "protocol");
    for (unsigned i = 0; i < ARRAY_LEN(protocols); i++) {
        if (protocols[i].number != number && !span_is(value, protocols[i].name))
            continue;
        char text[16];
        int length = snprintf(text, sizeof(text), "%s%s", not ? "!" : "", protocols[i].name);
        *ret_text = rm_text_new(span_of(text, (size_t)length));
        return true;
    }
    return number < 256 || no_match(m, "protocol");
}

static bool check_port(struct router_model *m, const char *argument, struct span text, uint64_t *ret_port)
{
    if (parse_decimal(text, 65535, ret_port))
        return true;
    uint64_t any;
    if (parse_decimal(text, UINT64_MAX, &any))
        return rm_fail(m, 1, "value of range out of range (0..65535)");
    return bad_value(m, argument);
}

static bool check_port_range(struct router_model *m, const char *argument, struct span range)
{
    struct span low = range;
    struct span high = range;
    uint64_t first;
    uint64_t last;
    split(range, '-', &low, &high);
    if (!check_port(m, argument, low, &first) || !check_port(m, argument, high, &last))
        return false;
    return first <= last || bad_value(m, argument);
}

static bool check_ports(struct router_model *m, const char *argument, struct span value)
{
    without_not(&value);
    struct span one;
    while (split(value, ',', &one, &value))
        if (!check_port_range(m, argument, one))
            return false;
    return check_port_range(m, argument, value);
}

static bool check_addresses(struct router_model *m, struct span value)
{
    struct span low;
    struct span high;
    uint32_t first;
    uint32_t last;
    unsigned length;
    if (split(value, '-', &low, &high)) {
        if (parse_address(low, &first) && parse_address(high, &last) && first <= last)
            return true;
    } else if (rm_parse_prefix(value, &first, &length)) {
        return true;
    }
    return rm_fail(m, 1, "value of range expects range of ip addresses");
}

static bool check_address_type(struct router_model *m, const char *argument, struct span value)
{
    static const char *const types[] = {"unicast", "local", "broadcast", "multicast", "blackhole"};
    without_not(&value);
    struct span one;
    while (split(value, ',', &one, &value))
        if (!is_one_of(one, types, ARRAY_LEN(types)))
            return no_match(m, argument);
    return is_one_of(value, types, ARRAY_LEN(types)) || no_match(m, argument);
}

static bool check_interface(struct router_model *m, const char *argument, struct span value)
{
    static const char *const pseudo[] = {"all-ethernet", "all-ppp", "all-vlan", "all-wireless"};
    without_not(&value);
    if (is_one_of(value, pseudo, ARRAY_LEN(pseudo)) || rm_item_find(m, RM_MENU_INTERFACE, "name", value))
        return true;
    return no_match(m, m->options.argument_is_named ? argument : "interface");
}

static bool check_list(struct router_model *m, const char *argument, struct span value)
{
    without_not(&value);
    return rm_item_find(m, RM_MENU_LIST, "name", value) || no_match(m, argument);
}

bool rm_check_value(struct router_model *m, int property, struct span value, struct rm_text **ret_text)
{
    const char *name = rm_nat_property[property].name;
    struct rm_text *text = NULL;
    bool flag = false;
    bool fine = false;
    switch (rm_nat_property[property].kind) {
    case RM_KIND_TEXT:
        fine = true;
        break;
    case RM_KIND_CHAIN:
        fine = value.len > 0 || bad_value(m, name);
        break;
    case RM_KIND_ACTION:
        fine = check_action(m, value);
        break;
    case RM_KIND_PROTOCOL:
        fine = check_protocol(m, value, &text);
        break;
    case RM_KIND_PORTS:
        fine = check_ports(m, name, value);
        break;
    case RM_KIND_TO_PORTS:
        fine = check_port_range(m, name, value);
        break;
    case RM_KIND_ADDRESS:
        fine = check_addresses(m, span_starts(value, "!") ? span_skip(value, 1) : value);
        break;
    case RM_KIND_TO_ADDRESSES:
        fine = check_addresses(m, value);
        break;
    case RM_KIND_ADDRESS_TYPE:
        fine = check_address_type(m, name, value);
        break;
    case RM_KIND_INTERFACE:
        fine = check_interface(m, name, value);
        break;
    case RM_KIND_INTERFACE_LIST:
        fine = check_list(m, name, value);
        break;
    case RM_KIND_BOOL:
        fine = rm_parse_bool(value, &flag) || bad_value(m, name);
        text = fine ? rm_text_new(span_text(flag ? "true" : "false")) : NULL;
        break;
    }
    if (fine)
        *ret_text = text ? text : rm_text_new(value);
    return fine;
}
