#include "check/firewall.h"

#include "base/attributes.h"

/* ---- values ---- */

static enum cover negate(enum cover cover)
{
    if (cover == COVER_ALL)
        return COVER_NONE;
    return cover == COVER_NONE ? COVER_ALL : cover;
}

static bool list_has_span(struct span list, struct span name)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;
        if (span_equal(span_of(list.data, len), name))
            return true;
        list = span_skip(list, comma != NULL ? len + 1 : len);
    }
    return false;
}

static bool list_has(struct span list, const char *name)
{
    return list_has_span(list, span_text(name));
}

static enum cover all_or_none(bool all)
{
    return all ? COVER_ALL : COVER_NONE;
}

static uint32_t mask(uint8_t length)
{
    return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

/* "10.0.0.0/8", "10.0.0.1" or "10.0.0.1-10.0.0.9". */
static bool parse_range(struct span text, uint32_t *ret_first, uint32_t *ret_last)
{
    struct prefix prefix;
    const uint8_t *dash = memchr(text.data, '-', text.len);
    if (dash != NULL) {
        size_t len = (size_t)(dash - text.data);
        return parse_address(span_of(text.data, len), ret_first) &&
               parse_address(span_skip(text, len + 1), ret_last);
    }
    if (!parse_prefix(text, &prefix))
        return false;
    *ret_first = prefix.address & mask(prefix.length);
    *ret_last = prefix.address | ~mask(prefix.length);
    return true;
}

static enum cover cover_address(struct span value, struct prefix actual)
{
    uint32_t first;
    uint32_t last;
    if (!parse_range(value, &first, &last))
        return COVER_MAYBE;
    uint32_t actual_first = actual.address & mask(actual.length);
    uint32_t actual_last = actual.address | ~mask(actual.length);
    if (first <= actual_first && actual_last <= last)
        return COVER_ALL;
    return last < actual_first || actual_last < first ? COVER_NONE : COVER_PART;
}

/* ---- matchers, of values without '!' ---- */

static enum cover cover_of_match(enum match match)
{
    static const enum cover covers[] = {
        [MATCH_NO] = COVER_NONE, [MATCH_MAYBE] = COVER_MAYBE, [MATCH_YES] = COVER_ALL};
    return covers[match];
}

static enum cover in_interface(struct span value, const struct packet *p)
{
    return cover_of_match(nat_match_interface(p->in, value));
}

static enum cover in_interface_list(struct span value, const struct packet *p)
{
    return cover_of_match(nat_match_list(p->in, value));
}

static enum cover out_interface(struct span value, const struct packet *p)
{
    return p->out == NULL ? COVER_MAYBE : cover_of_match(nat_match_interface(p->out, value));
}

static enum cover out_interface_list(struct span value, const struct packet *p)
{
    return p->out == NULL ? COVER_MAYBE : cover_of_match(nat_match_list(p->out, value));
}

static enum cover src_address(struct span value, const struct packet *p)
{
    return cover_address(value, p->src);
}

static enum cover dst_address(struct span value, const struct packet *p)
{
    return p->dst_known ? cover_address(value, p->dst) : COVER_MAYBE;
}

static enum cover dst_port(struct span value, const struct packet *p)
{
    struct portset ports;
    if (p->dst_port == 0)
        return COVER_PART;
    return parse_ports(value, &ports) ? all_or_none(portset_has(&ports, p->dst_port)) : COVER_MAYBE;
}

/* The port of the source or of the destination. The source port may be any. */
static enum cover any_port(struct span value, const struct packet *p)
{
    enum cover cover = dst_port(value, p);
    return cover == COVER_NONE ? COVER_PART : cover;
}

static enum cover dst_address_type(struct span value, const struct packet *p)
{
    return all_or_none(list_has(value, p->dst_local ? "local" : "unicast"));
}

/* The sender is never the router itself. */
static enum cover src_address_type(struct span value, const struct packet *p)
{
    (void)p;
    return all_or_none(list_has(value, "unicast"));
}

static enum cover connection_state(struct span value, const struct packet *p)
{
    (void)p;
    return all_or_none(list_has(value, "new"));
}

static enum cover connection_nat_state(struct span value, const struct packet *p)
{
    return all_or_none(list_has(value, "dstnat") && p->dstnat);
}

static enum cover ipsec_policy(struct span value, const struct packet *p)
{
    (void)p;
    return list_has(value, "none") ? COVER_ALL : COVER_PART;
}

/* What is not named here may cover anything. */
static const struct matcher {
    const char *name;
    enum cover (*cover)(struct span value, const struct packet *packet);
} matchers[] = {
    {"in-interface", in_interface},
    {"in-interface-list", in_interface_list},
    {"out-interface", out_interface},
    {"out-interface-list", out_interface_list},
    {"src-address", src_address},
    {"dst-address", dst_address},
    {"src-address-type", src_address_type},
    {"dst-address-type", dst_address_type},
    {"dst-port", dst_port},
    {"port", any_port},
    {"connection-state", connection_state},
    {"connection-nat-state", connection_nat_state},
    {"ipsec-policy", ipsec_policy},
};

/* Conditions that some senders, some times or some kinds of traffic meet. */
static const char partial[] =
    "src-address-list,src-mac-address,src-port,connection-bytes,connection-limit,"
    "connection-rate,connection-type,content,dscp,dst-limit,fragment,hotspot,icmp-options,"
    "ingress-priority,ipv4-options,layer7-protocol,limit,nth,p2p,packet-size,"
    "per-connection-classifier,priority,psd,random,realm,tcp-flags,tcp-mss,time,tls-host,"
    "tos,ttl";

/* These are not conditions. The protocol is matched apart, because it has names and numbers. */
static const char unconditional[] =
    "protocol,.id,.nextid,.about,action,address-list,address-list-timeout,bytes,chain,"
    "comment,disabled,dynamic,invalid,jump-target,log,log-prefix,packets,randomise-ports,"
    "reject-with,same-not-by-dst,to-addresses,to-ports";

/* The name of an attribute word =name=value; *ret_value is empty if there is none. */
static bool split_word(struct span word, struct span *ret_name, struct span *ret_value)
{
    if (!span_starts(word, "="))
        return false;
    struct span rest = span_skip(word, 1);
    const uint8_t *equals = rest.len > 0 ? memchr(rest.data, '=', rest.len) : NULL;
    size_t len = equals != NULL ? (size_t)(equals - rest.data) : rest.len;
    *ret_name = span_of(rest.data, len);
    *ret_value = equals != NULL ? span_skip(rest, len + 1) : span_of(NULL, 0);
    return true;
}

static enum cover cover_word(struct span name, struct span value, const struct packet *packet)
{
    if (list_has_span(span_text(unconditional), name))
        return COVER_ALL;
    if (list_has_span(span_text(partial), name))
        return COVER_PART;
    for (size_t i = 0; i < ARRAY_LEN(matchers); i++) {
        if (!span_is(name, matchers[i].name))
            continue;
        if (!span_starts(value, "!"))
            return matchers[i].cover(value, packet);
        return negate(matchers[i].cover(span_skip(value, 1), packet));
    }
    return COVER_MAYBE;
}

enum cover firewall_cover(const struct ros_sentence *row, const struct packet *packet)
{
    enum cover least = nat_match_protocol(row, packet->protocol) ? COVER_ALL : COVER_NONE;
    for (unsigned i = 1; i < row->words; i++) {
        struct span name;
        struct span value;
        /* Some versions of RouterOS print conditions that are not set with an empty value. */
        if (!split_word(ros_word(row, i), &name, &value) || value.len == 0)
            continue;
        enum cover cover = cover_word(name, value, packet);
        least = cover < least ? cover : least;
    }
    return least;
}

/* ---- chains ---- */

enum {
    DEPTH_MAX = 8, /* also for chains that jump to each other in a circle */
    /* Chains that jump to each other several times make many paths through few rules. */
    ROWS_MAX = 1 << 20,
    CHAIN_NAME_MAX = 127,
};

/* A chain that is being followed, with how much of the class entered it. */
struct frame {
    struct table_rows rows;
    enum cover limit;
    struct span chain;
    uint8_t name[CHAIN_NAME_MAX]; /* what `chain` points to, because the row that jumped is not kept */
};

struct walk {
    const struct survey *survey;
    const struct packet *packet;
    enum table_name table;
    uint32_t until;
    struct verdict *verdict;
    bool decided;
    unsigned rows; /* number of rows visited */
    unsigned depth;
    struct frame frame[DEPTH_MAX];
};

/* False if the packet goes on to the next rule. */
static bool ends_here(const struct ros_sentence *row, enum firewall_action *ret_action)
{
    static const struct {
        const char *name;
        enum firewall_action action;
    } ends[] = {
        {"accept", FIREWALL_ACCEPT},
        {"fasttrack-connection", FIREWALL_ACCEPT},
        {"drop", FIREWALL_DROP},
        {"reject", FIREWALL_DROP},
        {"tarpit", FIREWALL_DROP},
        {"dst-nat", FIREWALL_TRANSLATE},
        {"redirect", FIREWALL_TRANSLATE},
        {"netmap", FIREWALL_TRANSLATE},
        {"masquerade", FIREWALL_TRANSLATE},
        {"src-nat", FIREWALL_TRANSLATE},
        {"same", FIREWALL_TRANSLATE},
        {"endpoint-independent-nat", FIREWALL_TRANSLATE},
    };
    struct span action;
    if (!row_get(row, "action", &action))
        action = span_text("accept");
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (span_is(action, ends[i].name)) {
            *ret_action = ends[i].action;
            return true;
        }
    }
    return false;
}

static void note(struct ruling *ruling, uint32_t id, enum firewall_action action)
{
    if (!ruling->found)
        *ruling = (struct ruling){.found = true, .id = id, .action = action};
}

static void enter(struct walk *walk, struct span chain, enum cover limit)
{
    if (walk->depth == DEPTH_MAX || chain.len == 0 || chain.len > CHAIN_NAME_MAX)
        return;
    struct frame *frame = &walk->frame[walk->depth++];
    frame->rows = table_rows_of(walk->survey, walk->table);
    frame->limit = limit;
    memcpy(frame->name, chain.data, chain.len);
    frame->chain = span_of(frame->name, chain.len);
}

static void take_row(struct walk *walk, const struct ros_sentence *row)
{
    uint32_t id = row_id(row);
    bool last = walk->until != 0 && id == walk->until;
    enum cover limit = walk->frame[walk->depth - 1].limit;
    enum cover own = last ? COVER_ALL : firewall_cover(row, walk->packet);
    enum cover cover = own < limit ? own : limit;
    enum firewall_action action = FIREWALL_ACCEPT;
    struct span target;
    if (cover == COVER_NONE)
        return;
    if (row_is(row, "action", "return")) {
        walk->depth -= own == COVER_ALL;
    } else if (row_is(row, "action", "jump")) {
        if (row_get(row, "jump-target", &target))
            enter(walk, target, cover);
    } else if (ends_here(row, &action)) {
        walk->decided = cover == COVER_ALL || last;
        note(walk->decided          ? &walk->verdict->sure
             : cover == COVER_MAYBE ? &walk->verdict->maybe[action]
                                    : &walk->verdict->part[action],
             id, action);
    }
}

/* The rules that were not visited could do anything. */
static void give_up(struct walk *walk, const struct ros_sentence *row)
{
    for (unsigned action = 0; action < FIREWALL_ACTIONS; action++)
        note(&walk->verdict->maybe[action], row_id(row), (enum firewall_action)action);
    walk->decided = true;
}

void firewall_judge(const struct survey *s, enum table_name table, const char *chain,
                    const struct packet *packet, uint32_t until, struct verdict *ret_verdict)
{
    struct walk walk = {
        .survey = s, .packet = packet, .table = table, .until = until, .verdict = ret_verdict};
    *ret_verdict = (struct verdict){0};
    enter(&walk, span_text(chain), COVER_ALL);
    while (walk.depth > 0 && !walk.decided) {
        struct frame *frame = &walk.frame[walk.depth - 1];
        const struct ros_sentence *row = table_rows_next(&frame->rows);
        struct span name;
        if (row == NULL)
            walk.depth--;
        else if (walk.rows++ == ROWS_MAX)
            give_up(&walk, row);
        else if (ros_attribute(row, "chain", &name) && span_equal(name, frame->chain) &&
                 !ros_flag(row, "disabled") && !ros_flag(row, "invalid"))
            take_row(&walk, row);
    }
}
