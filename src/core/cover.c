#include "core/cover.h"

#include "base/address_use.h"
#include "base/attributes.h"

/* ---- values ---- */

static enum cover negate(enum cover cover)
{
    if (cover == COVER_ALL)
        return COVER_NONE;
    return cover == COVER_NONE ? COVER_ALL : cover;
}

static bool list_has(struct span list, const char *name)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;
        if (span_is(span_of(list.data, len), name))
            return true;
        list = span_skip(list, comma != NULL ? len + 1 : len);
    }
    return false;
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

/* True if all addresses of the range have the same special purpose. */
static bool is_reserved(uint32_t first, uint32_t last)
{
    const char *use = address_use(first);
    bool near = first >> 24 == last >> 24 || first >> 29 == 7;
    return near && use != NULL && address_use(last) == use;
}

static enum cover cover_address(struct span value, struct prefix actual)
{
    uint32_t first;
    uint32_t last;
    if (!parse_range(value, &first, &last))
        return COVER_MAYBE;
    if (actual.length == 0 && is_reserved(first, last))
        return COVER_NONE; /* no host on the internet has such an address */
    uint32_t actual_first = actual.address & mask(actual.length);
    uint32_t actual_last = actual.address | ~mask(actual.length);
    if (first <= actual_first && actual_last <= last)
        return COVER_ALL;
    return last < actual_first || actual_last < first ? COVER_NONE : COVER_PART;
}

/* ---- matchers, of values without '!' ---- */

/* all-ethernet and the like are kinds of interfaces. */
static enum cover cover_kind(struct span type, struct span kind)
{
    static const struct {
        const char *kind;
        const char *types; /* what the names of its types begin with */
    } kinds[] = {
        {"all-ethernet", "ether"}, {"all-ppp", "ppp"},      {"all-ppp", "l2tp"},  {"all-ppp", "pptp"},
        {"all-ppp", "sstp"},       {"all-ppp", "ovpn"},     {"all-vlan", "vlan"}, {"all-wireless", "wlan"},
        {"all-wireless", "wifi"},  {"all-wireless", "cap"},
    };
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!span_is(kind, kinds[i].kind))
            continue;
        if (span_starts(type, kinds[i].types))
            return COVER_ALL;
        known = true;
    }
    return known && type.len > 0 ? COVER_NONE : COVER_MAYBE;
}

static enum cover cover_interface(const struct nat_context *at, struct span name)
{
    if (span_is(name, at->interface))
        return COVER_ALL;
    return span_starts(name, "all-") ? cover_kind(span_text(at->type), name) : COVER_NONE;
}

/* A list that is no list of lists. */
static enum cover cover_plain_list(const struct nat_context *at, const struct interface_list *list)
{
    if (list->member || strcmp(list->name, "all") == 0)
        return COVER_ALL;
    bool unknown = list->composed || strcmp(list->name, "dynamic") == 0 || strcmp(list->name, "static") == 0;
    return unknown || at->lists_incomplete ? COVER_MAYBE : COVER_NONE;
}

static enum cover cover_any_list(const struct nat_context *at, uint32_t lists)
{
    enum cover most = COVER_NONE;
    for (unsigned i = 0; i < at->lists; i++) {
        bool named = (lists >> i & 1) != 0;
        enum cover cover = named ? cover_plain_list(at, &at->list[i]) : COVER_NONE;
        most = cover > most ? cover : most;
    }
    return most;
}

enum cover cover_of_list(const struct nat_context *at, struct span name)
{
    if (span_is(name, "all"))
        return COVER_ALL;
    if (span_is(name, "none"))
        return COVER_NONE;
    if (span_is(name, "dynamic") || span_is(name, "static"))
        return COVER_MAYBE;
    unsigned i = 0;
    while (i < at->lists && !span_is(name, at->list[i].name))
        i++;
    if (i == at->lists)
        return at->lists_incomplete ? COVER_MAYBE : COVER_NONE;
    const struct interface_list *list = &at->list[i];
    if (list->member || !list->composed)
        return all_or_none(list->member);
    if (at->lists_incomplete)
        return COVER_MAYBE;
    enum cover in = cover_any_list(at, list->includes);
    enum cover out = cover_any_list(at, list->excludes);
    if (out == COVER_ALL)
        return COVER_NONE;
    return in == COVER_ALL && out == COVER_MAYBE ? COVER_MAYBE : in;
}

static enum cover in_interface(struct span value, const struct packet *p)
{
    return cover_interface(p->in, value);
}

static enum cover in_interface_list(struct span value, const struct packet *p)
{
    return cover_of_list(p->in, value);
}

static enum cover out_interface(struct span value, const struct packet *p)
{
    return p->out == NULL ? COVER_MAYBE : cover_interface(p->out, value);
}

static enum cover out_interface_list(struct span value, const struct packet *p)
{
    return p->out == NULL ? COVER_MAYBE : cover_of_list(p->out, value);
}

/* What comes from the internet has no private source. 100.64.0.0/10 is of a provider's NAT. */
static bool is_never_on_the_internet(struct span value)
{
    static const struct prefix blocks[] = {{0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},
                                           {0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0A80000, 16}};
    uint32_t first;
    uint32_t last;
    if (!parse_range(value, &first, &last))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (prefix_has(&blocks[i], first) && prefix_has(&blocks[i], last))
            return true;
    return false;
}

static enum cover src_address(struct span value, const struct packet *p)
{
    return p->arrival && is_never_on_the_internet(value) ? COVER_NONE : cover_address(value, p->src);
}

/* The destination is one of the addresses of the interface where it enters, and it is not known which. */
static enum cover cover_own_addresses(struct span value, const struct nat_context *at)
{
    bool any[COVER_ALL + 1] = {false};
    if (at->addresses_incomplete)
        return COVER_MAYBE;
    for (unsigned i = 0; i < at->addresses; i++)
        if (at->on_interface[i])
            any[cover_address(value, (struct prefix){.address = at->address[i], .length = 32})] = true;
    if (any[COVER_MAYBE] || any[COVER_NONE] == any[COVER_ALL])
        return COVER_MAYBE;
    return all_or_none(any[COVER_ALL]);
}

/* Of all hosts on the internet, hardly any are meant by a rule for some of them. */
static enum cover of_any_host(enum cover cover, struct prefix addresses)
{
    return cover == COVER_PART && addresses.length == 0 ? COVER_NONE : cover;
}

static enum cover dst_address(struct span value, const struct packet *p)
{
    return p->dst_known ? of_any_host(cover_address(value, p->dst), p->dst)
                        : cover_own_addresses(value, p->in);
}

static enum cover src_address_list(struct span value, const struct packet *p)
{
    if (p->lists == NULL)
        return p->arrival ? COVER_MAYBE : COVER_PART;
    return p->lists->cover(p->lists->state, value, p->src);
}

/* The destination is an address of the interface, and the list has all of them, none, or some. */
static enum cover own_addresses_in_list(struct span value, const struct packet *p)
{
    unsigned in = 0;
    unsigned all = 0;
    for (unsigned i = 0; i < p->in->addresses; i++) {
        struct prefix one = {.address = p->in->address[i], .length = 32};
        all += p->in->on_interface[i];
        in += p->in->on_interface[i] && p->lists->cover(p->lists->state, value, one) != COVER_NONE;
    }
    if (all == 0 || p->in->addresses_incomplete || (in > 0 && in < all))
        return COVER_MAYBE;
    return all_or_none(in > 0);
}

static enum cover dst_address_list(struct span value, const struct packet *p)
{
    if (p->lists == NULL)
        return COVER_MAYBE;
    if (!p->dst_known)
        return p->dst_local ? own_addresses_in_list(value, p) : COVER_MAYBE;
    return of_any_host(p->lists->cover(p->lists->state, value, p->dst), p->dst);
}

enum { USUAL_FIRST = 49152 }; /* RFC 6335 section 6: the ports from which programs get theirs */

/* A port that may be any, but hardly a server's one. The value may be negated. */
static enum cover cover_any_port(struct span value)
{
    bool not = span_starts(value, "!");
    struct portset ports;
    unsigned count = 0;
    if (!parse_ports(not ? span_skip(value, 1) : value, &ports))
        return COVER_MAYBE;
    for (unsigned port = USUAL_FIRST; port <= UINT16_MAX; port++)
        count += portset_has(&ports, (uint16_t)port) != not ;
    return count == UINT16_MAX + 1 - USUAL_FIRST ? COVER_MAYBE : COVER_PART;
}

static enum cover dst_port(struct span value, const struct packet *p)
{
    struct portset ports;
    return parse_ports(value, &ports) ? all_or_none(portset_has(&ports, p->dst_port)) : COVER_MAYBE;
}

static enum cover src_port(struct span value, const struct packet *p)
{
    struct portset ports;
    return parse_ports(value, &ports) ? all_or_none(portset_has(&ports, p->src_port)) : COVER_MAYBE;
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
    return all_or_none(list_has(value, p->established ? "established" : "new"));
}

static enum cover connection_nat_state(struct span value, const struct packet *p)
{
    return all_or_none((list_has(value, "dstnat") && p->dstnat) || (list_has(value, "srcnat") && p->srcnat));
}

static enum cover mark(struct span value, const char *actual)
{
    if (actual == NULL)
        return COVER_MAYBE;
    return all_or_none(span_is(value, actual[0] != '\0' ? actual : "no-mark"));
}

static enum cover connection_mark(struct span value, const struct packet *p)
{
    return mark(value, p->connection_mark);
}

static enum cover packet_mark(struct span value, const struct packet *p)
{
    return mark(value, p->packet_mark);
}

static enum cover routing_mark(struct span value, const struct packet *p)
{
    return mark(value, p->routing_mark);
}

static enum cover ipsec_policy(struct span value, const struct packet *p)
{
    (void)p;
    return list_has(value, "none") ? COVER_ALL : COVER_PART;
}

/* Conditions that some senders or some kinds of traffic meet. */
static enum cover partial(struct span value, const struct packet *p)
{
    (void)value;
    return p->arrival ? COVER_MAYBE : COVER_PART;
}

/* Conditions that any packet may meet, at some times or by chance. */
static enum cover sometimes(struct span value, const struct packet *p)
{
    (void)value;
    (void)p;
    return COVER_MAYBE;
}

/* The first packet of a TCP connection has the flag syn alone. */
static enum cover tcp_flags(struct span value, const struct packet *p)
{
    if (p->established || p->arrival)
        return partial(value, p);
    while (value.len > 0) {
        const uint8_t *comma = memchr(value.data, ',', value.len);
        size_t len = comma != NULL ? (size_t)(comma - value.data) : value.len;
        bool not = span_starts(value, "!");
        if (span_is(span_of(value.data + not, len - not ), "syn") == not )
            return COVER_NONE;
        value = span_skip(value, comma != NULL ? len + 1 : len);
    }
    return all_or_none(p->protocol == NATPMP_TCP);
}

static enum cover hotspot(struct span value, const struct packet *p)
{
    (void)value;
    return p->arrival ? COVER_NONE : COVER_PART;
}

/* No condition. The protocol is matched apart, because it has names and numbers. */
static enum cover anything(struct span value, const struct packet *p)
{
    (void)value;
    (void)p;
    return COVER_ALL;
}

/* Sorted by name. What is not named here may cover anything. */
static const struct matcher {
    const char *name;
    enum cover (*cover)(struct span value, const struct packet *packet);
} matchers[] = {
    {".about", anything},
    {".id", anything},
    {".nextid", anything},
    {"action", anything},
    {"address-list", anything},
    {"address-list-timeout", anything},
    {"bytes", anything},
    {"chain", anything},
    {"comment", anything},
    {"connection-bytes", sometimes},
    {"connection-limit", partial},
    {"connection-mark", connection_mark},
    {"connection-nat-state", connection_nat_state},
    {"connection-rate", sometimes},
    {"connection-state", connection_state},
    {"connection-type", partial},
    {"content", sometimes},
    {"disabled", anything},
    {"dscp", sometimes},
    {"dst-address", dst_address},
    {"dst-address-list", dst_address_list},
    {"dst-address-type", dst_address_type},
    {"dst-limit", sometimes},
    {"dst-port", dst_port},
    {"dynamic", anything},
    {"fragment", partial},
    {"hotspot", hotspot},
    {"hw-offload", anything},
    {"icmp-options", partial},
    {"in-interface", in_interface},
    {"in-interface-list", in_interface_list},
    {"ingress-priority", sometimes},
    {"invalid", anything},
    {"ipsec-policy", ipsec_policy},
    {"ipv4-options", partial},
    {"jump-target", anything},
    {"layer7-protocol", sometimes},
    {"limit", sometimes},
    {"log", anything},
    {"log-prefix", anything},
    {"new-connection-mark", anything},
    {"new-dscp", anything},
    {"new-mss", anything},
    {"new-packet-mark", anything},
    {"new-priority", anything},
    {"new-routing-mark", anything},
    {"new-ttl", anything},
    {"nth", partial},
    {"out-interface", out_interface},
    {"out-interface-list", out_interface_list},
    {"p2p", sometimes},
    {"packet-mark", packet_mark},
    {"packet-size", sometimes},
    {"packets", anything},
    {"passthrough", anything},
    {"per-connection-classifier", partial},
    {"port", any_port},
    {"priority", sometimes},
    {"protocol", anything},
    {"psd", partial},
    {"random", sometimes},
    {"randomise-ports", anything},
    {"realm", sometimes},
    {"reject-with", anything},
    {"routing-mark", routing_mark},
    {"same-not-by-dst", anything},
    {"src-address", src_address},
    {"src-address-list", src_address_list},
    {"src-address-type", src_address_type},
    {"src-mac-address", partial},
    {"src-port", src_port},
    {"tcp-flags", tcp_flags},
    {"tcp-mss", partial},
    {"time", sometimes},
    {"tls-host", partial},
    {"to-addresses", anything},
    {"to-ports", anything},
    {"tos", sometimes},
    {"ttl", sometimes},
};

static int compare(struct span name, const char *text)
{
    size_t len = strlen(text);
    int order = memcmp(name.data, text, name.len < len ? name.len : len);
    return order != 0 ? order : (name.len > len) - (name.len < len);
}

static const struct matcher *find_matcher(struct span name)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(matchers);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(name, matchers[middle].name);
        if (order == 0)
            return &matchers[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool cover_knows(struct span attribute)
{
    return find_matcher(attribute) != NULL;
}

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

/* Matchers that take a value with its '!', or to which it makes no difference. */
static bool takes_negation(const struct matcher *matcher)
{
    return matcher->cover == partial || matcher->cover == anything || matcher->cover == tcp_flags;
}

static enum cover cover_value(const struct matcher *matcher, struct span value, const struct packet *packet)
{
    bool to = matcher->cover == dst_port || matcher->cover == any_port;
    if (packet->arrival && to)
        return COVER_ALL;
    if (to && packet->dst_port == 0)
        return cover_any_port(value);
    if (matcher->cover == src_port && packet->src_port == 0)
        return packet->arrival ? COVER_MAYBE : cover_any_port(value);
    if (takes_negation(matcher) || !span_starts(value, "!"))
        return matcher->cover(value, packet);
    return negate(matcher->cover(span_skip(value, 1), packet));
}

enum cover cover_of_word(struct span word, const struct packet *packet, struct span *ret_name)
{
    struct span value;
    /* Some versions of RouterOS print conditions that are not set with an empty value. */
    if (!split_word(word, ret_name, &value) || ret_name->len == 0 || value.len == 0)
        return COVER_ALL;
    const struct matcher *matcher = find_matcher(*ret_name);
    return matcher != NULL ? cover_value(matcher, value, packet) : COVER_MAYBE;
}

/* True if the row accepts packets of the protocol. A missing condition does. */
static bool has_protocol(const struct ros_sentence *row, enum natpmp_protocol protocol)
{
    static const char *const names[2][2] = {[NATPMP_UDP] = {"udp", "17"}, [NATPMP_TCP] = {"tcp", "6"}};
    struct span value;
    if (!ros_attribute(row, "protocol", &value) || value.len == 0)
        return true;
    bool negated = span_starts(value, "!");
    struct span name = negated ? span_skip(value, 1) : value;
    return (span_is(name, names[protocol][0]) || span_is(name, names[protocol][1])) != negated;
}

enum cover cover_of_row(const struct ros_sentence *row, const struct packet *packet)
{
    enum cover least = !has_protocol(row, packet->protocol) ? COVER_NONE
                       : row->skipped > 0                   ? COVER_MAYBE
                                                            : COVER_ALL;
    for (unsigned i = 1; i < row->words && least != COVER_NONE; i++) {
        struct span name;
        enum cover cover = cover_of_word(ros_word(row, i), packet, &name);
        least = cover < least ? cover : least;
    }
    return least;
}
