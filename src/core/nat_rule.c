#include "core/nat_rule.h"

/* The mark of the Go program that this one replaces. The instance `default` adopts its rules. */
static const char old_mark[] = "double-natpmp-";
static const char mark[] = "double-natpmp/";

const char nat_rule_proplist[] =
    ".id,chain,action,protocol,dst-port,port,src-port,in-interface,in-interface-list,"
    "src-address,dst-address,src-address-list,dst-address-list,dst-address-type,"
    "connection-mark,packet-mark,routing-mark,hotspot,layer7-protocol,content,time,limit,dst-limit,nth,"
    "random,"
    "connection-limit,connection-type,src-mac-address,to-addresses,to-ports,disabled,dynamic,comment";

/* Conditions of which only the packet decides, or another table of the router. */
static const char *const unknowable[] = {
    "src-address-list",
    "dst-address-list",
    "hotspot",
    "layer7-protocol",
    "content",
    "time",
    "limit",
    "dst-limit",
    "nth",
    "random",
    "connection-limit",
    "connection-type",
    "src-mac-address",
};
static const char *const marks[] = {"connection-mark", "packet-mark", "routing-mark"};

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

/* double-natpmp-<protocol>-<port>-<address> */
static bool is_old_marked(struct span comment, const char *instance)
{
    uint16_t port;
    uint32_t address;
    struct span rest;
    if (strcmp(instance, "default") != 0 || !span_starts(comment, old_mark))
        return false;
    struct span protocol = cut(span_skip(comment, sizeof old_mark - 1), '-', &rest);
    return (span_is(protocol, "tcp") || span_is(protocol, "udp")) &&
           parse_port(cut(rest, '-', &rest), &port) && parse_address(rest, &address);
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

/* A packet has no mark unless a rule sets one. */
static bool mark_is_unknowable(struct span name)
{
    bool negated = span_starts(name, "!");
    return span_is(negated ? span_skip(name, 1) : name, "no-mark") == negated;
}

static bool is_doubtful(const struct ros_sentence *row)
{
    struct span value;
    for (size_t i = 0; i < ARRAY_LEN(unknowable); i++)
        if (has(row, unknowable[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (attribute(row, marks[i], &value) && mark_is_unknowable(value))
            return true;
    return row->skipped > 0 && !has(row, "dst-port");
}

static bool has_condition(const struct ros_sentence *row)
{
    bool any = is_doubtful(row) || has(row, "dst-address-type");
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        any = any || has(row, marks[i]);
    return any;
}

static bool in_force(const struct ros_sentence *row, const struct nat_context *context)
{
    return is(row, "chain", "dstnat") && is(row, "action", "dst-nat") && !ros_flag(row, "disabled") &&
           is(row, "in-interface", context->interface) && !has(row, "in-interface-list") &&
           !has(row, "port") && !has(row, "src-port") && !has(row, "src-address") &&
           !has(row, "dst-address") && !has_condition(row);
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
    rule.comment_current =
        is_marked(value, context->instance, &state) && parse_state(state, &rule.external_port, &rule.lease_s);
    rule.ours = rule.comment_current || is_old_marked(value, context->instance);
    if (!rule.ours)
        return rule;
    rule.sound = parse_target(row, &rule);
    rule.as_wanted = rule.sound && in_force(row, context);
    return rule;
}

/* ---- reading a foreign rule ---- */

static bool could_translate(const struct ros_sentence *row)
{
    if (is(row, "chain", "srcnat") || is(row, "chain", "input") || is(row, "chain", "output"))
        return false;
    return !ros_flag(row, "disabled") &&
           (is(row, "action", "dst-nat") || is(row, "action", "redirect") || is(row, "action", "netmap"));
}

struct interface_list *nat_context_list(struct nat_context *context, struct span name)
{
    for (unsigned i = 0; i < context->lists; i++)
        if (span_is(name, context->list[i].name))
            return &context->list[i];
    return NULL;
}

enum match nat_match_list(const struct nat_context *context, struct span name)
{
    if (span_is(name, "all"))
        return MATCH_YES;
    if (span_is(name, "none"))
        return MATCH_NO;
    if (span_is(name, "dynamic") || span_is(name, "static"))
        return MATCH_MAYBE;
    for (unsigned i = 0; i < context->lists; i++) {
        const struct interface_list *list = &context->list[i];
        if (!span_is(name, list->name))
            continue;
        return list->composed ? MATCH_MAYBE : list->member ? MATCH_YES : MATCH_NO;
    }
    return context->lists_incomplete ? MATCH_MAYBE : MATCH_NO;
}

enum match nat_match_interface(const struct nat_context *context, struct span name)
{
    if (span_is(name, context->interface))
        return MATCH_YES;
    /* all-ethernet, all-ppp, all-vlan and all-wireless are kinds of interfaces. */
    return span_starts(name, "all-") ? MATCH_MAYBE : MATCH_NO;
}

static enum match match_destination(const struct nat_context *context, struct span text)
{
    struct span rest;
    struct span first = cut(text, '-', &rest);
    struct prefix prefix;
    struct prefix last;
    if (context->addresses_incomplete || !parse_prefix(first, &prefix))
        return MATCH_MAYBE;
    bool range = first.len != text.len;
    if (range && !parse_prefix(rest, &last))
        return MATCH_MAYBE;
    bool any_in = false;
    bool any_out = false;
    for (unsigned i = 0; i < context->addresses; i++) {
        uint32_t address = context->address[i];
        if (!context->on_interface[i])
            continue;
        bool in = range ? address >= prefix.address && address <= last.address : prefix_has(&prefix, address);
        any_in = any_in || in;
        any_out = any_out || !in;
    }
    if (any_in == any_out)
        return MATCH_MAYBE;
    return any_in ? MATCH_YES : MATCH_NO;
}

/* A packet from the internet does not come from a private address. */
static enum match match_source(const struct nat_context *context, struct span text)
{
    static const struct prefix private[] = {{0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},
                                            {0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0A80000, 16}};
    struct span rest;
    struct span first = cut(text, '-', &rest);
    struct prefix source;
    struct prefix last;
    (void)context;
    if (!parse_prefix(first, &source) || (first.len != text.len && !parse_prefix(rest, &last)))
        return MATCH_MAYBE;
    if (first.len == text.len)
        last = source;
    for (size_t i = 0; i < ARRAY_LEN(private); i++)
        if (source.length >= private[i].length && prefix_has(&private[i], source.address) &&
            prefix_has(&private[i], last.address))
            return MATCH_NO;
    return source.length == 0 ? MATCH_YES : MATCH_MAYBE;
}

/* The packets are for an address of the router. */
static enum match match_destination_type(const struct nat_context *context, struct span text)
{
    (void)context;
    return span_is(text, "local") ? MATCH_YES : MATCH_MAYBE;
}

/* Whether a packet could match. The matcher may be missing, or negated by a leading '!'. */
static bool could_match(const struct ros_sentence *row, const struct nat_context *context, const char *name,
                        enum match (*match)(const struct nat_context *, struct span))
{
    struct span value;
    if (!attribute(row, name, &value))
        return true;
    if (span_starts(value, "!"))
        return match(context, span_skip(value, 1)) != MATCH_YES;
    return match(context, value) != MATCH_NO;
}

bool nat_match_protocol(const struct ros_sentence *row, enum natpmp_protocol protocol)
{
    struct span value;
    if (!attribute(row, "protocol", &value))
        return true;
    bool negated = span_starts(value, "!");
    enum natpmp_protocol named;
    bool same = parse_protocol(negated ? span_skip(value, 1) : value, &named) && named == protocol;
    return same != negated;
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

/* An invalid text takes every port. */
static void add_ports(struct span text, struct portset *set)
{
    bool negated = span_starts(text, "!");
    struct portset listed;
    if (!parse_ports(negated ? span_skip(text, 1) : text, &listed)) {
        portset_fill(set);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(set->word); i++)
        set->word[i] |= negated ? ~listed.word[i] : listed.word[i];
}

bool nat_rule_take_ports(const struct ros_sentence *row, const struct nat_context *context,
                         struct portset taken[2], struct portset doubted[2])
{
    struct portset *sets = is_doubtful(row) ? doubted : taken;
    if (!could_translate(row) || !could_match(row, context, "in-interface", nat_match_interface) ||
        !could_match(row, context, "in-interface-list", nat_match_list) ||
        !could_match(row, context, "src-address", match_source) ||
        !could_match(row, context, "dst-address-type", match_destination_type) ||
        !could_match(row, context, "dst-address", match_destination) || sets == NULL)
        return false;
    bool any = false;
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        struct span ports;
        if (!nat_match_protocol(row, (enum natpmp_protocol)protocol))
            continue;
        any = true;
        if (attribute(row, "dst-port", &ports) || attribute(row, "port", &ports))
            add_ports(ports, &sets[protocol]);
        else
            portset_fill(&sets[protocol]);
    }
    return any;
}
