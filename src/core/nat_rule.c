#include "core/nat_rule.h"

/* The mark of the Go program that this one replaces. The instance `default` adopts its rules. */
static const char old_mark[] = "double-natpmp-";
static const char mark[] = "double-natpmp/";

enum {
    /* The longest comment has the mark, an instance, and about 40 bytes more. */
    RULE_COMMENT_MAX = 128,
};

/* The conditions that a rule of the NAT table can have and ours do not. The router is asked for those that
 * all versions know; the others are seen where it shows a row whole, as listen does. */
#define CONDITIONS_OF_ALL(X)                                                                                 \
    X("port")                                                                                                \
    X("src-port")                                                                                            \
    X("src-address")                                                                                         \
    X("src-address-type")                                                                                    \
    X("src-address-list")                                                                                    \
    X("dst-address-list")                                                                                    \
    X("src-mac-address")                                                                                     \
    X("in-interface-list")                                                                                   \
    X("out-interface")                                                                                       \
    X("out-interface-list")                                                                                  \
    X("in-bridge-port")                                                                                      \
    X("in-bridge-port-list")                                                                                 \
    X("out-bridge-port")                                                                                     \
    X("out-bridge-port-list")                                                                                \
    X("connection-mark")                                                                                     \
    X("packet-mark")                                                                                         \
    X("routing-mark")                                                                                        \
    X("connection-bytes")                                                                                    \
    X("connection-limit")                                                                                    \
    X("connection-rate")                                                                                     \
    X("connection-type")                                                                                     \
    X("per-connection-classifier")                                                                           \
    X("hotspot")                                                                                             \
    X("layer7-protocol")                                                                                     \
    X("content")                                                                                             \
    X("ipsec-policy")                                                                                        \
    X("tcp-mss")                                                                                             \
    X("packet-size")                                                                                         \
    X("dscp")                                                                                                \
    X("priority")                                                                                            \
    X("ingress-priority")                                                                                    \
    X("ttl")                                                                                                 \
    X("realm")                                                                                               \
    X("fragment")                                                                                            \
    X("icmp-options")                                                                                        \
    X("ipv4-options")                                                                                        \
    X("psd")                                                                                                 \
    X("time")                                                                                                \
    X("limit")                                                                                               \
    X("dst-limit")                                                                                           \
    X("nth")                                                                                                 \
    X("random")
#define CONDITIONS_OF_SOME(X)                                                                                \
    X("p2p")                                                                                                 \
    X("tcp-flags")                                                                                           \
    X("tls-host")                                                                                            \
    X("tos")                                                                                                 \
    X("connection-state")                                                                                    \
    X("connection-nat-state")

#define ASKED(name) name ","
#define LISTED(name) {name, sizeof(name) - 1},
#define BIT(name) | bit_of(sizeof(name) - 1, (uint8_t)(name)[0], (uint8_t)(name)[sizeof(name) - 2])

const char nat_rule_proplist[] =
    ".id,chain,action,protocol,dst-port,in-interface,dst-address,dst-address-type," CONDITIONS_OF_ALL(
        ASKED) "jump-target,to-addresses,to-ports,invalid,disabled,dynamic,comment,bytes,packets";

static const struct {
    const char *name;
    size_t len;
} conditions[] = {CONDITIONS_OF_ALL(LISTED) CONDITIONS_OF_SOME(LISTED)};

/* ---- values ---- */

/* An attribute that is present and not empty. RouterOS omits unset matchers, or prints them empty. */
static bool attribute(const struct ros_sentence *row, const char *name, struct span *ret_value)
{
    return ros_attribute(row, name, ret_value) && ret_value->len > 0;
}

static bool has(const struct ros_sentence *row, const char *name)
{
    struct span value;
    return attribute(row, name, &value);
}

static bool is(const struct ros_sentence *row, const char *name, const char *text)
{
    struct span value;
    return attribute(row, name, &value) && span_is(value, text);
}

/* Returns the part before the separator, and in *rest the part after it, which may be empty. */
static struct span cut(struct span text, char separator, struct span *rest)
{
    const uint8_t *at = text.len > 0 ? memchr(text.data, separator, text.len) : NULL;
    size_t len = at != NULL ? (size_t)(at - text.data) : text.len;
    *rest = at != NULL ? span_skip(text, len + 1) : span_of(NULL, 0);
    return span_of(text.data, len);
}

static bool parse_port(struct span text, uint16_t *ret_port)
{
    uint64_t value;
    if (!parse_decimal(text, 65535, &value))
        return false;
    *ret_port = (uint16_t)value;
    return true;
}

/* N or N-M. */
static bool parse_port_range(struct span text, uint16_t *ret_first, uint16_t *ret_last)
{
    struct span rest;
    struct span first = cut(text, '-', &rest);
    if (!parse_port(first, ret_first))
        return false;
    *ret_last = *ret_first;
    return first.len == text.len || (parse_port(rest, ret_last) && *ret_last >= *ret_first);
}

bool parse_ports(struct span text, struct portset *ret_set)
{
    portset_clear(ret_set);
    while (text.len > 0) {
        uint16_t first;
        uint16_t last;
        if (!parse_port_range(cut(text, ',', &text), &first, &last))
            return false;
        portset_add_range(ret_set, first, last);
    }
    return true;
}

bool parse_prefix(struct span text, struct prefix *ret_prefix)
{
    struct span rest;
    struct span address = cut(text, '/', &rest);
    uint64_t length = 32;
    if (!parse_address(address, &ret_prefix->address))
        return false;
    if (address.len != text.len && !parse_decimal(rest, 32, &length))
        return false;
    ret_prefix->length = (uint8_t)length;
    return true;
}

bool prefix_has(const struct prefix *prefix, uint32_t address)
{
    return prefix->length == 0 || (prefix->address ^ address) >> (32 - prefix->length) == 0;
}

/* ---- our mark ---- */

void nat_rule_write_comment(struct writer *w, const char *instance, uint16_t external_port, uint32_t lease_s)
{
    write_text(w, mark);
    write_text(w, instance);
    write_text(w, " external ");
    if (external_port != 0)
        write_decimal(w, external_port);
    else
        write_text(w, "pending");
    write_text(w, " lease ");
    write_decimal(w, lease_s);
    write_text(w, " s");
}

/* *ret_rest is the text after the mark; false: the comment has no mark. */
static bool is_marked(struct span comment, const char *instance, struct span *ret_rest)
{
    size_t len = strlen(instance);
    if (!span_starts(comment, mark))
        return false;
    struct span name = span_skip(comment, sizeof mark - 1);
    if (!span_starts(name, instance) || (name.len > len && name.data[len] != ' '))
        return false;
    *ret_rest = span_skip(name, name.len > len ? len + 1 : len);
    return true;
}

static const char trial[] = "check, may be removed";

void nat_rule_write_trial_comment(struct writer *w, const char *instance)
{
    write_text(w, mark);
    write_text(w, instance);
    write_text(w, " ");
    write_text(w, trial);
}

bool nat_rule_is_trial(const struct ros_sentence *row, const char *instance)
{
    struct span comment;
    struct span rest;
    return attribute(row, "comment", &comment) && is_marked(comment, instance, &rest) &&
           span_is(rest, trial) && ros_flag(row, "disabled") && !ros_flag(row, "dynamic");
}

/* "external <port|pending> lease <seconds> s" */
static bool parse_state(struct span text, uint16_t *ret_external_port, uint32_t *ret_lease_s)
{
    struct span word[5];
    for (size_t i = 0; i < 5; i++)
        word[i] = cut(text, ' ', &text);
    uint64_t lease_s;
    if (text.len != 0 || !span_is(word[0], "external") || !span_is(word[2], "lease") ||
        !span_is(word[4], "s") || !parse_decimal(word[3], UINT32_MAX, &lease_s))
        return false;
    if (span_is(word[1], "pending"))
        *ret_external_port = 0;
    else if (!parse_port(word[1], ret_external_port))
        return false;
    *ret_lease_s = (uint32_t)lease_s;
    return true;
}

bool nat_rule_is_of_another(const struct ros_sentence *row, const char *instance, struct span *ret_instance)
{
    struct span comment;
    struct span rest;
    uint16_t external_port;
    uint32_t lease_s;
    if (!attribute(row, "comment", &comment) || !span_starts(comment, mark) || ros_flag(row, "dynamic"))
        return false;
    *ret_instance = cut(span_skip(comment, sizeof mark - 1), ' ', &rest);
    return !span_is(*ret_instance, instance) && parse_state(rest, &external_port, &lease_s);
}

/* Numbers have more than one form, and only that of the daemon is ours. */
static bool is_as_written(struct span comment, const char *instance, uint16_t external_port, uint32_t lease_s)
{
    uint8_t text[RULE_COMMENT_MAX];
    struct writer w = writer_of(text, sizeof(text));
    nat_rule_write_comment(&w, instance, external_port, lease_s);
    return span_equal(comment, writer_span(&w));
}

/* double-natpmp-<protocol>-<port>-<address> */
static bool is_as_old_written(struct span comment, struct span protocol, uint16_t port, uint32_t address)
{
    uint8_t text[RULE_COMMENT_MAX];
    struct writer w = writer_of(text, sizeof(text));
    write_text(&w, old_mark);
    write_bytes(&w, protocol);
    write_text(&w, "-");
    write_decimal(&w, port);
    write_text(&w, "-");
    write_address(&w, address);
    return span_equal(comment, writer_span(&w));
}

static bool is_old_marked(struct span comment, const char *instance)
{
    uint16_t port;
    uint32_t address;
    struct span rest;
    if (strcmp(instance, "default") != 0 || !span_starts(comment, old_mark))
        return false;
    struct span protocol = cut(span_skip(comment, sizeof old_mark - 1), '-', &rest);
    return (span_is(protocol, "tcp") || span_is(protocol, "udp")) &&
           parse_port(cut(rest, '-', &rest), &port) && parse_address(rest, &address) &&
           is_as_old_written(comment, protocol, port, address);
}

/* ---- reading a rule of ours ---- */

static bool parse_protocol(struct span text, enum natpmp_protocol *ret_protocol)
{
    bool tcp = span_is(text, "tcp") || span_is(text, "6");
    *ret_protocol = tcp ? NATPMP_TCP : NATPMP_UDP;
    return tcp || span_is(text, "udp") || span_is(text, "17");
}

/* A single address. Versions print it as a.b.c.d, a.b.c.d/32 or a.b.c.d-a.b.c.d. */
static bool parse_single_address(struct span text, uint32_t *ret_address)
{
    struct span rest;
    struct span first = cut(text, '-', &rest);
    struct prefix prefix;
    if (!parse_prefix(first, &prefix) || prefix.length != 32 || prefix.address == 0)
        return false;
    *ret_address = prefix.address;
    return first.len == text.len || span_equal(first, rest);
}

static bool parse_single_port(struct span text, uint16_t *ret_port)
{
    uint16_t last;
    return parse_port_range(text, ret_port, &last) && last == *ret_port && *ret_port != 0;
}

static bool parse_target(const struct ros_sentence *row, struct nat_rule *rule)
{
    struct span protocol;
    struct span dst_port;
    struct span to_addresses;
    struct span to_ports;
    if (!attribute(row, "protocol", &protocol) || !attribute(row, "dst-port", &dst_port) ||
        !attribute(row, "to-addresses", &to_addresses))
        return false;
    if (!parse_protocol(protocol, &rule->protocol) || !parse_single_port(dst_port, &rule->router_port) ||
        !parse_single_address(to_addresses, &rule->client))
        return false;
    rule->internal_port = rule->router_port;
    return !attribute(row, "to-ports", &to_ports) || parse_single_port(to_ports, &rule->internal_port);
}

/* The numbers are such that hardly any word of our own rules shares its bit with a condition. */
static uint64_t bit_of(size_t len, uint8_t first, uint8_t last)
{
    return UINT64_C(1) << ((41 * len + (size_t)33 * first + last) % 64);
}

static bool is_condition(struct span name)
{
    const uint64_t bits = 0 CONDITIONS_OF_ALL(BIT) CONDITIONS_OF_SOME(BIT);
    bool may_be = (bits & bit_of(name.len, name.data[0], name.data[name.len - 1])) != 0;
    for (size_t i = 0; may_be && i < ARRAY_LEN(conditions); i++)
        if (name.len == conditions[i].len && memcmp(name.data, conditions[i].name, name.len) == 0)
            return true;
    return false;
}

/* This is asked of each row of ours that changes, so it goes through the words once. */
static bool has_condition(const struct ros_sentence *row)
{
    bool any = row->skipped > 0;
    for (unsigned i = 1; i < row->words && !any; i++) {
        struct span value;
        struct span name = cut(span_skip(ros_word(row, i), 1), '=', &value);
        any = name.len > 0 && value.len > 0 && is_condition(name);
    }
    return any;
}

/* As we write it, but perhaps for another interface or address of the router. */
static bool in_force(const struct ros_sentence *row)
{
    return is(row, "chain", "dstnat") && is(row, "action", "dst-nat") && !ros_flag(row, "disabled") &&
           has(row, "in-interface") && !has_condition(row);
}

/* It takes what is for the tunnel's own address, and not what is routed through the router to other hosts. */
static bool is_for_us(const struct ros_sentence *row, const struct nat_context *context)
{
    uint32_t own = nat_context_own_address(context);
    struct span text;
    uint32_t address;
    if (own == 0)
        return !has(row, "dst-address") && is(row, "dst-address-type", "local");
    return attribute(row, "dst-address", &text) && parse_single_address(text, &address) && address == own &&
           !has(row, "dst-address-type");
}

/* Some versions send rows for changed counters, and some send only the attributes that changed, also after
 * our own change of the comment. A row with nothing but our comment
 * and counters contains no news. */
static bool only_ours(const struct ros_sentence *row, const char *instance)
{
    struct span rest;
    for (unsigned i = 1; i < row->words; i++) {
        struct span word = ros_word(row, i);
        bool comment = span_starts(word, "=comment=") &&
                       is_marked(span_skip(word, sizeof "=comment=" - 1), instance, &rest);
        if (!comment && !span_starts(word, ".tag=") && !span_starts(word, "=.id=") &&
            !span_starts(word, "=bytes=") && !span_starts(word, "=packets="))
            return false;
    }
    return true;
}

struct nat_rule nat_rule_parse(const struct ros_sentence *row, const struct nat_context *context)
{
    struct nat_rule rule = {0};
    struct span value;
    struct span state;
    if (!attribute(row, ".id", &value) || !ros_parse_id(value, &rule.id))
        rule.id = 0;
    rule.partial = !has(row, "action") || !has(row, "chain");
    rule.only_ours = rule.partial && only_ours(row, context->instance);
    if (rule.partial || ros_flag(row, "dynamic") || !attribute(row, "comment", &value))
        return rule;
    /* Only the exact form is ours: the operator may begin the comment of another rule with our name. */
    rule.comment_current = is_marked(value, context->instance, &state) &&
                           parse_state(state, &rule.external_port, &rule.lease_s) &&
                           is_as_written(value, context->instance, rule.external_port, rule.lease_s);
    rule.ours = rule.comment_current || is_old_marked(value, context->instance);
    if (!rule.ours)
        return rule;
    rule.sound = parse_target(row, &rule);
    bool in_force_now = rule.sound && in_force(row);
    rule.elsewhere = in_force_now && !is(row, "in-interface", context->interface);
    rule.as_wanted = in_force_now && !rule.elsewhere && is_for_us(row, context);
    rule.outdated = in_force_now && !rule.as_wanted;
    rule.invalid = rule.sound && ros_flag(row, "invalid");
    return rule;
}

struct nat_counters nat_counters_parse(const struct ros_sentence *row)
{
    struct nat_counters counters = {0};
    struct span text;
    uint64_t packets;
    /* No rule gets as far in a router's life. The sum would stay at its maximum for ever. */
    counters.known = attribute(row, "packets", &text) && parse_decimal(text, UINT32_MAX - 1, &packets) &&
                     attribute(row, "bytes", &text) && parse_decimal(text, INT64_MAX, &counters.bytes);
    if (counters.known)
        counters.packets = (uint32_t)packets;
    return counters;
}

/* ---- what it refers to ---- */

uint32_t nat_context_own_address(const struct nat_context *context)
{
    uint32_t own = 0;
    unsigned count = context->addresses_incomplete ? 2 : 0;
    for (unsigned i = 0; i < context->addresses; i++) {
        if (!context->on_interface[i])
            continue;
        own = context->address[i];
        count++;
    }
    return count == 1 ? own : 0;
}

struct interface_list *nat_context_list(struct nat_context *context, struct span name)
{
    for (unsigned i = 0; i < context->lists; i++)
        if (span_is(name, context->list[i].name))
            return &context->list[i];
    return NULL;
}
