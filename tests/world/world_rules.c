/* The router's side of the invariants, and the state at rest. */
#include <assert.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "hash.h"
#include "world.h"

enum {
    /* A mapping that ends is removed by two round trips, and not in the same millisecond. */
    REST_SLACK_MS = 5000,
    PUT_BACK_MS = 1000,
    KEEP_ALIVE_MS = 45000, /* with the resync that follows it */
    /* The rules have followed a way that moved so long after the router reported it, or without a report. */
    WAY_SIGN_MS = 10000,
    WAY_NO_SIGN_MS = 60000,
    REPLACED_MS = 5000,
    FOREIGN_MS = 18000,
    NO_LEASE_S = 3600,
    ADOPTED_MS = 1500000, /* time until the next start, and the longest lease of the tests' gateways */
};

/* ---- reading the table ---- */

/* The forms of a comment: the daemon's own, and that of the predecessor, which the default instance
 * adopts. */
static bool has_our_form(const struct world *w, const char *comment)
{
    char form[96];

    (void)snprintf(form, sizeof(form), "double-natpmp/%s external * lease * s", w->options.config.instance);
    if (fnmatch(form, comment, 0) == 0)
        return true;
    return strcmp(w->options.config.instance, "default") == 0 &&
           (fnmatch("double-natpmp-tcp-*-*.*.*.*", comment, 0) == 0 ||
            fnmatch("double-natpmp-udp-*-*.*.*.*", comment, 0) == 0);
}

/* A disabled rule that is there for a moment: it does nothing. */
static bool is_claim(const struct router_model_rule *rule)
{
    struct span comment;
    char text[160];

    if (!router_model_rule_disabled(rule) || !router_model_rule_get(rule, "comment", &comment))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", (int)comment.len, (const char *)comment.data);
    return fnmatch("double-natpmp/* takes over, may be removed: *", text, 0) == 0;
}

static bool is_ours(const struct world *w, const struct router_model_rule *rule)
{
    struct span comment;
    char text[128];

    if (router_model_rule_dynamic(rule) || !router_model_rule_get(rule, "comment", &comment) ||
        comment.len >= sizeof(text))
        return false;
    memcpy(text, comment.data, comment.len);
    text[comment.len] = '\0';
    return has_our_form(w, text);
}

static bool read_port(const struct router_model_rule *rule, const char *name, uint16_t *ret_port)
{
    struct span text;
    uint64_t port;

    if (!router_model_rule_get(rule, name, &text) || !parse_decimal(text, 65535, &port) || port == 0)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool property_is(const struct router_model_rule *rule, const char *name, const char *value)
{
    struct span text;

    return router_model_rule_get(rule, name, &text) && span_is(text, value);
}

/* "... lease 60 s". The predecessor's comments contain none, and the daemon takes an hour for it. */
static uint32_t comment_lease_s(const struct router_model_rule *rule)
{
    static const char before[] = " lease ";
    char text[128] = "";
    struct span comment;
    const char *lease;
    unsigned lease_s = 0;

    if (router_model_rule_get(rule, "comment", &comment) && comment.len < sizeof(text))
        memcpy(text, comment.data, comment.len);
    lease = strstr(text, before);
    if (lease)
        lease_s = (unsigned)strtoul(lease + sizeof(before) - 1, NULL, 10);
    return lease_s != 0 ? lease_s : NO_LEASE_S;
}

static uint64_t hash_text(uint64_t hash, struct span text)
{
    return hash_bytes(hash_bytes(hash, text), span_text("\xff"));
}

/* All that a person could see change, without the counters and the id. */
static uint64_t hash_rule(uint64_t hash, const struct router_model_rule *rule)
{
    const char *name;
    struct span text;

    for (unsigned i = 0; router_model_rule_next_property(rule, &i, &name, &text);)
        hash = hash_text(hash ^ i, text);
    return hash * 31 + router_model_rule_disabled(rule);
}

/* Somebody changed or disabled it, however long ago. */
static bool was_changed(const struct world *w, uint32_t id)
{
    for (unsigned i = 0; i < INV_TAKEN_MAX; i++) {
        if (w->invariants.taken[i].known_ms != 0 && w->invariants.taken[i].id == id)
            return true;
    }
    return false;
}

static struct book_rule read_rule(const struct world *w, const struct router_model_rule *rule)
{
    struct book_rule read = {.id = router_model_rule_id(rule)};
    struct span text;

    read.tcp = property_is(rule, "protocol", "tcp");
    read.sane = (read.tcp || property_is(rule, "protocol", "udp")) &&
                read_port(rule, "dst-port", &read.router_port) && read_port(rule, "to-ports", &read.port) &&
                router_model_rule_get(rule, "to-addresses", &text) && parse_address(text, &read.address) &&
                property_is(rule, "chain", "dstnat") && property_is(rule, "action", "dst-nat") &&
                router_model_rule_get(rule, "in-interface", &text) && text.len > 0;
    static const char *const places[] = {"in-interface", "dst-address", "dst-address-type"};
    for (unsigned i = 0; i < ARRAY_LEN(places); i++)
        if (router_model_rule_get(rule, places[i], &text))
            read.place = hash_text(read.place + i + 1, text);
    read.by_hand = was_changed(w, read.id);
    read.lease_s = comment_lease_s(rule);

    if (router_model_rule_get(rule, "comment", &text))
        read.comment_hash = hash_bytes(HASH_START, text);
    read.enabled =
        read.sane && !router_model_rule_disabled(rule) && !router_model_rule_invalid(w->router, rule);
    return read;
}

static bool was_ours_a_moment_ago(const struct world *w, uint32_t id)
{
    for (unsigned i = 0; i < INV_TAKEN_MAX; i++) {
        if (w->invariants.taken[i].id == id && w->invariants.taken[i].known_ms >= w->now_ms)
            return true;
    }
    return false;
}

static void read_rules(struct world *w)
{
    struct invariants *inv = &w->invariants;
    uint64_t hash = 1;
    unsigned foreign = 0;
    unsigned excused = 0;
    const struct router_model_rule *rule = NULL;

    inv->rule_count = 0;
    inv->claims = 0;
    while ((rule = router_model_rule_next(w->router, rule))) {
        if (is_ours(w, rule)) {
            assert(inv->rule_count < INV_RULES_MAX);
            inv->rules[inv->rule_count] = read_rule(w, rule);
            inv->rules[inv->rule_count++].foreign_before = foreign;
        } else if (was_ours_a_moment_ago(w, router_model_rule_id(rule))) {
            excused++;
        } else if (is_claim(rule)) {
            inv->claims++;
        } else {
            hash = hash_rule(hash, rule);
            foreign++;
        }
    }
    if (!inv->hand && excused == inv->excused_count &&
        (hash != inv->foreign_hash || foreign != inv->foreign_count))
        world_fail(w, "the foreign rules have changed: %u, before %u", foreign, inv->foreign_count);
    inv->foreign_hash = hash;
    inv->foreign_count = foreign;
    inv->excused_count = excused;
}

void inv_rules_read(struct world *w)
{
    read_rules(w);
    book_rules(&w->book, w->now_ms, w->invariants.rules, w->invariants.rule_count);
}

const struct book_rule *inv_find_rule(const struct world *w, uint32_t address, bool tcp, uint16_t port)
{
    return book_rule_of(&w->book, address, tcp, port);
}

/* ---- after each change ---- */

/* While no packet of the daemon gets to the router, none shows what moves. */
static bool way_is_moving(const struct world *w)
{
    return w->now_ms <= w->invariants.way_known_ms || w->faults.tunnel_down;
}

/* A rule follows the way or the tunnel's address, or goes to the front of foreign rules, and the new one is
 * added first. Then the old one must go soon. */
static bool is_replaced(struct world *w, const struct book_rule *a, const struct book_rule *b)
{
    struct invariants *inv = &w->invariants;
    struct inv_pair *pair = NULL;

    bool elsewhere = a->place != b->place || a->foreign_before != b->foreign_before;
    /* A slow router may add a rule when its connection was given up and the rule is made anew. */
    bool may_be_late = w->now_ms <= inv->slow_until_ms;

    if (a->tcp != b->tcp || a->address != b->address || a->port != b->port)
        return false;
    for (unsigned i = 0; i < INV_PAIRS_MAX && !pair; i++) {
        if (inv->pair[i].a == a->id && inv->pair[i].b == b->id)
            pair = &inv->pair[i];
    }
    if (!pair && !elsewhere && !may_be_late)
        return false;
    if (!pair) {
        pair = &inv->pair[inv->pair_next++ % INV_PAIRS_MAX];
        *pair = (struct inv_pair){a->id, b->id, w->now_ms};
    }
    return w->now_ms <= pair->since_ms + REPLACED_MS ||
           w->now_ms <= inv->router_trouble_ms + GRACE_RECONNECT_MS;
}

static void check_pair(struct world *w, const struct book_rule *a, const struct book_rule *b)
{
    if (!a->enabled || !b->enabled || a->router_port != b->router_port)
        return;
    if (is_replaced(w, a, b))
        return;
    if (a->tcp == b->tcp)
        world_fail(w, "two rules of ours for %s port %u", a->tcp ? "tcp" : "udp", a->router_port);
    /* A process that died did not see that somebody changed one of them, and the next one adopts it. */
    bool adopted = was_ours_a_moment_ago(w, a->id) || was_ours_a_moment_ago(w, b->id);
    if (a->address != b->address && !adopted)
        world_fail(w, "the companion of port %u belongs to another client", a->router_port);
}

static void check_rules(struct world *w)
{
    const struct invariants *inv = &w->invariants;

    /* A change by hand may break all of this until the core has seen it and restored the rules. */
    if (w->now_ms <= inv->hand_known_ms + PUT_BACK_MS)
        return;
    for (unsigned i = 0; i < inv->rule_count; i++) {
        const struct book_rule *rule = &inv->rules[i];

        if (!rule->sane)
            world_fail(w, "a rule of ours forwards no single port");
        if (!book_find(&w->book, rule->address, rule->tcp, rule->port) && !was_ours_a_moment_ago(w, rule->id))
            world_fail(w, "a rule leads to %s port %u, which no client requested",
                       address_text(rule->address).text, rule->port);
        for (unsigned k = 0; k < i; k++)
            check_pair(w, rule, &inv->rules[k]);
    }
}

void inv_nat_changed(struct world *w)
{
    inv_rules_read(w);
    if (!w->invariants.hand)
        check_rules(w);
}

void inv_rules_init(struct world *w)
{
    w->invariants.hand = true;
    inv_rules_read(w);
    w->invariants.hand = false;
}

/* ---- packets ---- */

/* The router's address number i on that interface, or 0 if it cannot be parsed; false: there is none. */
static bool read_address(const struct world *w, const char *interface, unsigned i, uint32_t *ret_address)
{
    struct span text = span_text(router_model_address(w->router, i, interface));
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;

    *ret_address = 0;
    if (slash)
        (void)parse_address(span_of(text.data, (size_t)(slash - text.data)), ret_address);
    return text.len > 0;
}

bool inv_interface_address(const struct world *w, const char *interface, uint32_t *ret_address)
{
    for (unsigned i = 0; read_address(w, interface, i, ret_address); i++) {
        if (*ret_address != 0)
            return true;
    }
    return false;
}

bool inv_is_routers(const struct world *w, uint32_t address)
{
    const char *interface;
    uint32_t own;

    for (unsigned k = 0; (interface = router_model_interface(w->router, k)); k++) {
        for (unsigned i = 0; read_address(w, interface, i, &own); i++) {
            if (own == address)
                return true;
        }
    }
    return false;
}

/* Where a packet that comes from the internet to the rule's port goes. False: nothing is known. */
static bool fate_of(const struct world *w, const struct book_rule *rule, struct router_model_fate *ret_fate)
{
    const struct router_model_rule *row = router_model_rule_find(w->router, rule->id);
    const char *interface = row ? router_model_rule_text(row, "in-interface") : "";
    struct router_model_packet packet = {.interface = interface,
                                         .tcp = rule->tcp,
                                         .source = 0xc6336407,
                                         .source_port = 40000,
                                         .destination_port = rule->router_port};

    if (!inv_interface_address(w, interface, &packet.destination))
        return false;
    *ret_fate = router_model_arrive(w->router, &packet);
    return true;
}

void inv_check_reach(struct world *w, const struct book_rule *rule)
{
    struct router_model_fate fate;

    if (w->now_ms <= w->invariants.hand_known_ms + FOREIGN_MS || way_is_moving(w) || !fate_of(w, rule, &fate))
        return;
    if (fate.address != rule->address || fate.port != rule->port)
        world_fail(w,
                   "a success, and a packet to router port %u reaches %s port %u, not %s port %u (rule *%X)",
                   rule->router_port, address_text(fate.address).text, fate.port,
                   address_text(rule->address).text, rule->port, (unsigned)fate.rule);
}

bool inv_is_hidden(const struct world *w, const struct book_rule *rule)
{
    struct router_model_fate fate;

    return fate_of(w, rule, &fate) && (fate.address != rule->address || fate.port != rule->port);
}

bool inv_is_barred(const struct world *w, bool tcp)
{
    const char *way = world_way(w);
    struct router_model_packet packet = {
        .interface = way, .tcp = tcp, .source = 0xc6336407, .source_port = 40000, .destination_port = 1};

    if (!way || !inv_interface_address(w, way, &packet.destination))
        return false;
    const struct router_model_rule *row =
        router_model_rule_find(w->router, router_model_arrive(w->router, &packet).rule);
    return row &&
           (router_model_rule_dynamic(row) || strcmp(router_model_rule_text(row, "chain"), "dstnat") != 0);
}

/* With MIKROTIK_IN_INTERFACE the operator is responsible. */
bool inv_is_elsewhere(const struct world *w, uint32_t rule)
{
    const struct router_model_rule *row = router_model_rule_find(w->router, rule);
    const char *way = world_way(w);

    return row && way && w->options.config.in_interface[0] == '\0' &&
           strcmp(router_model_rule_text(row, "in-interface"), way) != 0;
}

/* What comes from the gateway must match the rule. */
void inv_check_way(struct world *w, const struct book_rule *rule)
{
    const struct router_model_rule *row = router_model_rule_find(w->router, rule->id);
    const char *interface = row ? router_model_rule_text(row, "in-interface") : "";

    if (!inv_is_elsewhere(w, rule->id) || w->now_ms <= w->invariants.hand_known_ms + PUT_BACK_MS ||
        way_is_moving(w))
        return;
    world_fail(w, "a rule that was advertised is on %s, and the gateway's packets arrive on %s", interface,
               world_way(w));
}

/* ---- changes by hand ---- */

void inv_hand_begin(struct world *w)
{
    struct invariants *inv = &w->invariants;

    inv_rules_read(w);
    inv->hand = true;
    inv->rule_count_before = inv->rule_count;
    memcpy(inv->rules_before, inv->rules, sizeof(inv->rules));
}

static unsigned count_alike(const struct book_rule *rules, unsigned count, const struct book_rule *one)
{
    unsigned alike = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct book_rule *rule = &rules[i];

        alike += rule->enabled == one->enabled && rule->tcp == one->tcp && rule->address == one->address &&
                 rule->port == one->port && rule->router_port == one->router_port;
    }
    return alike;
}

/* The id may be another one, because the router has restarted. While a rule is replaced, there are two. */
static bool is_unchanged(const struct invariants *inv, const struct book_rule *before)
{
    return count_alike(inv->rules, inv->rule_count, before) >=
           count_alike(inv->rules_before, inv->rule_count_before, before);
}

/* From when on the core must have noticed what happens now. */
static uint64_t noticed_ms(const struct world *w)
{
    const struct router_model_options *router = router_model_options(w->router);
    uint64_t listen_ms = w->now_ms + GRACE_LISTEN_MS + UINT64_C(2) * w->options.stream_max_ms +
                         router->listen_delay_max_ms + w->options.deadline_late_max_ms;
    uint64_t trouble_ms = w->invariants.router_trouble_ms + GRACE_RECONNECT_MS;

    /* Events lost on a forgotten connection are noticed by the next keep-alive. */
    if (router->idle == ROUTER_MODEL_IDLE_FORGET)
        listen_ms += KEEP_ALIVE_MS;
    if (listen_ms < w->invariants.stalled_until_ms + GRACE_LISTEN_MS)
        listen_ms = w->invariants.stalled_until_ms + GRACE_LISTEN_MS;
    return listen_ms < trouble_ms ? trouble_ms : listen_ms;
}

void inv_way_moves(struct world *w, bool has_sign)
{
    struct invariants *inv = &w->invariants;
    bool reports = has_sign && !inv->listen_refused;
    uint64_t known_ms = reports ? noticed_ms(w) + WAY_SIGN_MS : w->now_ms + WAY_NO_SIGN_MS;

    if (known_ms < inv->router_trouble_ms + GRACE_RECONNECT_MS)
        known_ms = inv->router_trouble_ms + GRACE_RECONNECT_MS;
    if (inv->way_known_ms < known_ms)
        inv->way_known_ms = known_ms;
    book_router_trouble(&w->book, inv->way_known_ms);
}

void inv_way_is_lost(struct world *w, uint64_t until_ms)
{
    w->invariants.way_known_ms = until_ms;
    book_router_trouble(&w->book, until_ms);
}

void inv_way_is_back(struct world *w)
{
    struct invariants *inv = &w->invariants;

    inv->way_known_ms = 0;
    w->book.router_ms =
        inv->hand_known_ms > inv->router_trouble_ms ? inv->hand_known_ms : inv->router_trouble_ms;
}

void inv_router_restarted(struct world *w)
{
    memset(w->invariants.pair, 0, sizeof(w->invariants.pair));
    memset(w->invariants.taken, 0, sizeof(w->invariants.taken));
}

static void note_taken(struct invariants *inv, const struct book_rule *rule)
{
    inv->taken[inv->taken_next++ % INV_TAKEN_MAX] = (struct inv_taken){
        .id = rule->id,
        .address = rule->address,
        .tcp = rule->tcp,
        .port = rule->port,
        .known_ms = inv->hand_known_ms,
    };
}

void inv_hand_end(struct world *w)
{
    struct invariants *inv = &w->invariants;

    read_rules(w);
    inv->hand_known_ms = noticed_ms(w);
    book_router_trouble(&w->book, inv->hand_known_ms);
    for (unsigned i = 0; i < inv->rule_count_before; i++) {
        if (!is_unchanged(inv, &inv->rules_before[i]))
            note_taken(inv, &inv->rules_before[i]);
    }
    /* A second time, because only now it is known which rules somebody changed. */

    inv_rules_read(w);
    inv->hand = false;
    if (w->adopting)
        inv_hand_unnoticed(w);
}

bool inv_rule_is_excused(const struct world *w, uint32_t address, bool tcp, uint16_t port)
{
    for (unsigned i = 0; i < INV_TAKEN_MAX; i++) {
        const struct inv_taken *taken = &w->invariants.taken[i];

        if (taken->address == address && taken->tcp == tcp && taken->port == port &&
            taken->known_ms >= w->now_ms)
            return true;
    }
    return false;
}

/* If the process died before it noticed a changed rule, the next process takes that rule for its own: it
 * adopts it, and the rule stays until its lease ends. */
void inv_hand_unnoticed(struct world *w)
{
    for (unsigned i = 0; i < INV_TAKEN_MAX; i++) {
        struct inv_taken *taken = &w->invariants.taken[i];

        if (taken->known_ms >= w->now_ms)
            taken->known_ms = w->now_ms + ADOPTED_MS;
    }
    /* An adopted rule is made again under another id as often as somebody takes it away. */
    for (unsigned i = 0; i < w->invariants.rule_count; i++) {
        const struct book_rule *rule = &w->invariants.rules[i];

        if (rule->sane && was_ours_a_moment_ago(w, rule->id))
            book_asked_before(&w->book, rule->address, rule->tcp, rule->port);
    }
}

/* A way that has not been followed yet is found when the connections work again. */
static void delay_way(struct world *w)
{
    struct invariants *inv = &w->invariants;
    uint64_t known_ms = inv->router_trouble_ms + GRACE_RECONNECT_MS;

    if (way_is_moving(w) && inv->way_known_ms < known_ms)
        inv->way_known_ms = known_ms;
}

void inv_router_begins(struct world *w)
{
    if (w->invariants.router_trouble_ms < w->now_ms) /* a slow router stays slow */
        w->invariants.router_trouble_ms = w->now_ms;
    delay_way(w);
}

void inv_router_trouble(struct world *w)
{
    struct invariants *inv = &w->invariants;

    if (inv->router_trouble_ms < w->now_ms)
        inv->router_trouble_ms = w->now_ms;
    delay_way(w);
    book_router_trouble(&w->book, inv->router_trouble_ms);
    /* Events that were still on their way arrive late now, and so do the commands that put back what was
     * changed. */
    if (inv->hand_known_ms + PUT_BACK_MS >= w->now_ms)
        inv->hand_known_ms = inv->router_trouble_ms + GRACE_RECONNECT_MS;
    for (unsigned i = 0; i < INV_TAKEN_MAX; i++) {
        uint64_t known_ms = inv->router_trouble_ms + GRACE_RECONNECT_MS;

        if (inv->taken[i].known_ms + PUT_BACK_MS >= w->now_ms && inv->taken[i].known_ms < known_ms)
            inv->taken[i].known_ms = known_ms;
    }
}

void inv_router_trouble_until(struct world *w, uint64_t until_ms)
{
    if (w->invariants.router_trouble_ms < until_ms)
        w->invariants.router_trouble_ms = until_ms;
    inv_router_trouble(w);
}

void inv_router_fault(struct world *w, uint64_t until_ms)
{
    if (w->invariants.fault_until_ms < until_ms)
        w->invariants.fault_until_ms = until_ms;
    inv_router_trouble_until(w, until_ms);
}

static void trouble_is_over(struct world *w)
{
    struct invariants *inv = &w->invariants;
    uint64_t expected_ms = inv->router_trouble_ms + GRACE_RECONNECT_MS;
    uint64_t known_ms = w->now_ms + GRACE_RECONNECT_MS;

    if (inv->router_trouble_ms <= w->now_ms)
        return;
    inv->router_trouble_ms = w->now_ms;
    w->book.router_ms = w->now_ms;
    if (inv->hand_known_ms == expected_ms)
        inv->hand_known_ms = known_ms;
    if (inv->way_known_ms == expected_ms)
        inv->way_known_ms = known_ms;
    for (unsigned i = 0; i < INV_TAKEN_MAX; i++) {
        if (inv->taken[i].known_ms == expected_ms)
            inv->taken[i].known_ms = known_ms;
    }
}

void inv_router_trouble_over(struct world *w)
{
    trouble_is_over(w);
    inv_router_trouble_until(w, w->invariants.slow_until_ms);
    inv_router_trouble_until(w, w->invariants.fault_until_ms);
}

/* ---- at rest ---- */

bool inv_is_static(const struct world *w, uint32_t address, bool tcp, uint16_t port)
{
    for (unsigned i = 0; i < w->options.config.static_mappings; i++) {
        const struct static_mapping *one = &w->options.config.static_mapping[i];

        if (one->address == address && (one->protocol == NATPMP_TCP) == tcp && one->internal_port == port)
            return true;
    }
    return false;
}

static bool has_few_ports(const struct world *w)
{
    const struct gateway_options *gateway = &w->gateway.options;

    return gateway->ports_max != 0 || gateway->one_port || gateway->symmetric;
}

/* A static mapping may have taken the port of a client. */
static bool has_few_ports_for_statics(const struct world *w)
{
    return w->options.config.static_mappings > 0 && has_few_ports(w);
}

/* Why no mapping may lead to the address. */
static enum target_refusal refusal_of(const struct world *w, uint32_t address)
{
    if (address == w->options.router_address || address == 0xc0a85801)
        return TARGET_ROUTER;
    if (address == w->options.config.gateway)
        return TARGET_GATEWAY;
    if (address == w->router_local)
        return TARGET_OWN;
    if (address >= 0xe0000000)
        return TARGET_OUTSIDE;
    return address == 0xc0a858ff ? TARGET_BROADCAST : TARGET_ALLOWED;
}

/* How often the status shows it; a mapping that is not made is shown with its reason. */
static unsigned shown(const struct world *w, const struct static_mapping *one, enum target_refusal refusal)
{
    struct mapping_status row;
    unsigned count = 0;

    for (uint16_t m = 0; (m = mapping_status_from(w->proxy, m, w->now_ms, &row)) != 0; m++)
        count += refusal == TARGET_ALLOWED && row.client == one->address && row.protocol == one->protocol &&
                 row.internal_port == one->internal_port;
    for (unsigned i = 0; i < w->options.config.static_mappings; i++)
        count += static_status(w->proxy, i, &row) && row.client == one->address &&
                 row.protocol == one->protocol && row.internal_port == one->internal_port &&
                 row.refusal == refusal;
    return count;
}

/* Static mappings are there, unless their gateway has too few ports, or refuses. */
static void check_statics_at_rest(struct world *w)
{
    const struct gateway_options *gateway = &w->gateway.options;
    bool few = has_few_ports(w) || gateway->wants_suggestion || gateway->wants_internal_port;

    for (unsigned i = 0; i < w->options.config.static_mappings; i++) {
        const struct static_mapping *one = &w->options.config.static_mapping[i];
        bool tcp = one->protocol == NATPMP_TCP;
        const struct book_rule *rule = inv_find_rule(w, one->address, tcp, one->internal_port);

        enum target_refusal refusal = refusal_of(w, one->address);

        if (shown(w, one, refusal) != 1)
            world_fail(w, "at rest: the status does not show the static mapping of port %u",
                       one->internal_port);
        if (refusal != TARGET_ALLOWED) {
            if (rule)
                world_fail(w, "at rest: a static mapping leads to %s", address_text(one->address).text);
            continue;
        }
        if (few)
            continue;
        if (!rule)
            world_fail(w, "at rest: the static mapping of port %u has no rule", one->internal_port);
        if (!gateway_find(&w->gateway, w->now_ms, tcp, rule->router_port))
            world_fail(w, "at rest: the static mapping of port %u has no lease", one->internal_port);
    }
}

/* A script on the router may read it. */
static void check_comment_at_rest(struct world *w, const struct book_rule *rule)
{
    const char *comment = router_model_rule_text(router_model_rule_find(w->router, rule->id), "comment");
    const struct gateway_lease *lease = gateway_find(
        &w->gateway, w->now_ms > REST_SLACK_MS ? w->now_ms - REST_SLACK_MS : 0, rule->tcp, rule->router_port);

    if (!lease && strstr(comment, " external pending ") == NULL && strchr(comment, '/') != NULL)
        world_fail(w, "at rest: the comment of the rule for %s port %u names an external port without lease",
                   address_text(rule->address).text, rule->port);
}

/* The gateway refuses the renewal of a lease that lives, by what it said when it granted it, which counts as
 * silence [G3]. */
static bool is_renewal_refused(const struct world *w, const struct book_rule *rule)
{
    const struct book_lease *lease = book_lease_of(&w->book, rule->tcp, rule->router_port);

    for (unsigned i = 0; lease && lease->grants > 0 && i < BOOK_RESULTS; i++)
        if (lease->refused_ms[i] > lease->grant[0].got_ms)
            return true;
    return false;
}

static void check_rule_at_rest(struct world *w, const struct book_rule *rule)
{
    const struct book_mapping *m = book_find(&w->book, rule->address, rule->tcp, rule->port);
    const char *client = address_text(rule->address).text;

    if (was_ours_a_moment_ago(w, rule->id))
        return;
    if (!rule->enabled)
        world_fail(w, "at rest: the rule for %s port %u is not in force", client, rule->port);
    inv_check_way(w, rule);
    if (inv_is_static(w, rule->address, rule->tcp, rule->port)) {
        check_comment_at_rest(w, rule);
        return;
    }
    if (!m ||
        (!m->doubtful && m->until_ms + REST_SLACK_MS <= w->now_ms && m->kept_ms + REST_SLACK_MS <= w->now_ms))
        world_fail(w, "at rest: the rule for %s %s port %u has no client", client, rule->tcp ? "tcp" : "udp",
                   rule->port);
    /* The gateway's clock is ahead by the way of its reply, so a mapping that ends now has already ended
     * there. */
    if (m->until_ms <= w->now_ms + REST_SLACK_MS && m->until_ms != 0)
        return;
    if (!gateway_find(&w->gateway, w->now_ms, rule->tcp, rule->router_port) &&
        !w->invariants.restart_unseen && !is_renewal_refused(w, rule))
        world_fail(w, "at rest: the rule for %s %s port %u has no lease at the gateway (internal %u)", client,
                   rule->tcp ? "tcp" : "udp", rule->port, rule->router_port);
}

static void check_mapping_at_rest(struct world *w, const struct book_mapping *m)
{
    const struct book_rule *rule = inv_find_rule(w, m->address, m->tcp, m->port);
    const char *protocol = m->tcp ? "tcp" : "udp";
    const struct gateway_lease *lease;

    bool kept = w->options.config.lease_hold == LEASE_HOLD_ALWAYS && w->gateway.options.ports_max == 0 &&
                !w->gateway.options.one_port && m->told_ms > w->invariants.quiet_since_ms &&
                m->kept_ms > w->now_ms + REST_SLACK_MS;

    if ((m->until_ms <= w->now_ms + 1000 && !kept) || m->doubtful)
        return;
    /* The mapping was refused when the daemon requested it again, or a static one took its port, and the
     * epoch reported that to a client that does not exist any more. */
    bool lost = m->told_ms < w->book.own.error_ms || has_few_ports_for_statics(w);
    if (!rule && lost && m->told_ms < w->book.reset_ms)
        return;
    if (!rule)
        world_fail(w, "at rest: %s was advertised %s port %u and has no rule", address_text(m->address).text,
                   protocol, m->port);
    lease = gateway_find(&w->gateway, w->now_ms, rule->tcp, rule->router_port);
    if (kept && !lease)
        world_fail(w, "at rest: %s %s port %u is to be kept alive and has no lease",
                   address_text(m->address).text, protocol, m->port);
    if (lease && lease->external_port != m->external_port && m->told_ms > w->invariants.quiet_since_ms)
        world_fail(w,
                   "at rest: %s was advertised external port %u for %s port %u, the gateway has "
                   "granted %u",
                   address_text(m->address).text, m->external_port, protocol, m->port, lease->external_port);
}

/* A gateway with a single port grants it to a second client, too. Deleting that lease would end the first
 * one's. */
const struct gateway_lease *inv_lease_without_rule(const struct world *w)
{
    const struct invariants *inv = &w->invariants;

    for (unsigned i = 0; i < w->gateway.leases_end && !w->gateway.options.one_port; i++) {
        const struct gateway_lease *lease = &w->gateway.leases[i];
        bool has_rule = false;

        for (unsigned k = 0; k < inv->rule_count; k++)
            has_rule |= inv->rules[k].router_port == lease->internal_port && inv->rules[k].tcp == lease->tcp;
        if (lease->used && lease->ends_ms > w->now_ms && !has_rule)
            return lease;
    }
    return NULL;
}

void inv_at_rest(struct world *w)
{
    const struct invariants *inv = &w->invariants;
    const struct gateway_lease *lease;

    check_rules(w);
    if (inv->claims > 0)
        world_fail(w, "at rest: %u claims are on the router", inv->claims);
    for (unsigned i = 0; i < inv->rule_count; i++)
        check_rule_at_rest(w, &inv->rules[i]);
    check_statics_at_rest(w);
    for (size_t i = 0; i < w->book.mappings_room; i++) {
        if (w->book.mappings[i].used)
            check_mapping_at_rest(w, &w->book.mappings[i]);
    }
    lease = inv_lease_without_rule(w);
    if (lease)
        world_fail(w, "at rest: the gateway's lease of %s %u has no rule", lease->tcp ? "tcp" : "udp",
                   lease->internal_port);
}
