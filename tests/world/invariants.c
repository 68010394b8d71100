/* The LAN's side of the invariants, and time. The gateway's side is in invariants_gateway.c; the router's
 * side and the state at rest are in world_rules.c. */
#include "invariants.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "world.h"
#include "world_asks.h"

enum {
    LOSS_LEARNT_MS = 600000,
    HOLD_MAX_S = 7200,
    REST_MS = 120000,
    PENDING_ANSWERED = 8, /* more of them may be dropped */
    SCAN_MS = 100,
};

/* ---- requests ---- */

static bool is_allowed(const struct world *w, uint32_t source)
{
    bool local = source >> 24 == 10 || source >> 20 == 0xac1 || source >> 16 == 0xc0a8 ||
                 source >> 16 == 0xa9fe || source >> 24 == 127;

    /* Of the router's networks as world_router_init makes them: their own addresses, and those of a
     * broadcast. */
    bool routers =
        source == 0x0a020002 || source == 0xc0a85800 || source == 0xc0a85801 || source == 0xc0a858ff;

    return local && !routers && source != w->options.config.gateway && source != w->options.router_address;
}

static struct inv_entry *add_pending(struct world *w, struct endpoint from, unsigned internal_port,
                                     unsigned kind)
{
    struct inv_entry *pending = asks_add(&w->invariants.pending, asks_pending_key(from, internal_port), kind);

    if (pending->first_ms == 0) {
        pending->first_ms = w->now_ms;
        pending->lifetime_s = 0;
        pending->overtaken = false;
        pending->more = 0;
        w->invariants.pending_live++;
    } else if (pending->overtaken) {
        pending->more++;
    }
    return pending;
}

/* A later request has overtaken the requests for that mapping, so they need not be answered in time any more.
 * Port 0: for all mappings of the client and the protocol. */
static void overtake(struct world *w, uint32_t address, unsigned internal_port, unsigned kind)
{
    for (size_t i = 0; i < w->invariants.pending.capacity; i++) {
        struct inv_entry *pending = &w->invariants.pending.at[i];

        if (pending->kind == kind && pending->key >> 32 == address &&
            (internal_port == 0 || (pending->key & 0xffff) == internal_port))
            pending->overtaken = true;
    }
}

static void note_deletion(struct world *w, uint32_t address, bool tcp, unsigned internal_port)
{
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        struct inv_entry *ask = &w->invariants.asks.at[i];

        if (ask->kind == (tcp ? KIND_ASK_TCP : KIND_ASK_UDP) && inv_ask_address(ask) == address &&
            (internal_port == 0 || inv_ask_port(ask) == internal_port)) {
            ask->deleted_ms = w->now_ms;
            ask->work_since_ms = 0;
            ask->doubtful = true;
        }
    }
}

static void note_map(struct world *w, struct endpoint from, const uint8_t *bytes)
{
    bool tcp = bytes[1] == 2;
    unsigned internal_port = get16(bytes + 4);
    uint32_t lifetime_s = get32(bytes + 8);
    struct inv_entry *pending;
    struct inv_entry *ask;

    if (lifetime_s == 0) {
        overtake(w, from.address, internal_port, tcp ? KIND_CREATE_TCP : KIND_CREATE_UDP);
        add_pending(w, from, internal_port, tcp ? KIND_DELETE_TCP : KIND_DELETE_UDP);
        note_deletion(w, from.address, tcp, internal_port);
        return;
    }
    pending = add_pending(w, from, internal_port, tcp ? KIND_CREATE_TCP : KIND_CREATE_UDP);
    if (lifetime_s > pending->lifetime_s)
        pending->lifetime_s = lifetime_s;
    if (internal_port == 0)
        return;
    ask = asks_add(&w->invariants.asks, asks_key(from.address, internal_port),
                   tcp ? KIND_ASK_TCP : KIND_ASK_UDP);
    if (ask->asked_ms <= ask->deleted_ms && ask->deleted_ms != 0)
        overtake(w, from.address, internal_port, tcp ? KIND_DELETE_TCP : KIND_DELETE_UDP);
    ask->asked_ms = w->now_ms;
    if (ask->work_since_ms == 0) {
        ask->work_since_ms = w->now_ms;
        ask->lifetime_s = 0;
    }
    if (lifetime_s > ask->lifetime_s)
        ask->lifetime_s = lifetime_s;
    if (pending->first_ms == w->now_ms && ++ask->pending_replies > PENDING_ANSWERED)
        pending->overtaken = true;
}

void inv_request(struct world *w, struct endpoint from, struct span datagram)
{
    const uint8_t *bytes = datagram.data;
    struct inv_entry *pending;

    if (!is_allowed(w, from.address) || datagram.len < 2 || bytes[1] >= 128 || w->stop_ms != 0)
        return;
    if (bytes[0] != 0) {
        add_pending(w, from, 0, KIND_VERSION);
    } else if (bytes[1] == 0) {
        add_pending(w, from, 0, KIND_ADDRESS);
    } else if (bytes[1] > 2) {
        pending = add_pending(w, from, 0, KIND_OPCODE);
        pending->len = datagram.len;
        pending->bytes_hash =
            hash_bytes(HASH_START, span_skip(datagram, datagram.len < 4 ? datagram.len : 4));
    } else if (datagram.len >= 12) {
        note_map(w, from, bytes);
    }
}

/* ---- answers ---- */

static struct inv_entry *find_pending(const struct world *w, struct endpoint to, unsigned internal_port,
                                      unsigned kind)
{
    struct inv_entry *pending = asks_find(&w->invariants.pending, asks_pending_key(to, internal_port), kind);

    return pending && pending->first_ms != 0 ? pending : NULL;
}

static void answered(struct world *w, struct inv_entry *pending)
{
    if (!pending)
        world_fail(w, "an answer without a request");
    if (pending->more > 0) {
        pending->more--;
        return;
    }
    pending->first_ms = 0;
    w->invariants.pending_live--;
}

/* The gateway's own losses: leases that ended or got another port. */
static void note_losses(struct world *w)
{
    gateway_expire(&w->gateway, w->now_ms);
    if (w->gateway.losses != w->invariants.losses)
        inv_state_lost(w);
    w->invariants.losses = w->gateway.losses;
}

static void check_epoch(struct world *w, uint32_t epoch_s)
{
    struct invariants *inv = &w->invariants;
    int64_t origin_ms = (int64_t)w->now_ms - (int64_t)epoch_s * 1000;
    int64_t earliest_ms = origin_ms < inv->epoch_origin_ms ? origin_ms : inv->epoch_origin_ms;
    int64_t latest_ms = origin_ms > inv->epoch_latest_ms ? origin_ms : inv->epoch_latest_ms;
    bool same = inv->has_epoch && latest_ms - earliest_ms < 1000;

    if (!same) {
        note_losses(w);
        if (inv->has_epoch && origin_ms < inv->epoch_origin_ms)
            world_fail(w, "the epoch is ahead of the time");
        if (inv->has_epoch && (int64_t)inv->last_loss_ms + LOSS_LEARNT_MS < inv->epoch_origin_ms)
            world_fail(w, "the epoch was reset, and nothing was lost since the last reset");
        inv->reset_ms = w->now_ms;
        inv->epoch_origin_ms = origin_ms;
        inv->epoch_latest_ms = origin_ms;
        inv->has_epoch = true;
    } else {
        inv->epoch_origin_ms = earliest_ms;
        inv->epoch_latest_ms = latest_ms;
    }
}

/* No two clients may be advertised one external port, and no client the companion of another client's
 * port. */
static void check_promises(struct world *w, const struct inv_entry *ask)
{
    /* With a single port, the client that requests first after what looks like a reboot of the gateway gets
     * the port of another one. */
    if (w->gateway.options.one_port && w->gateway.reboots + w->gateway.clock_changes > 0)
        return;
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        const struct inv_entry *other = &w->invariants.asks.at[i];
        const struct inv_rule *rule;
        const struct gateway_lease *lease;

        /* A lifetime in whole seconds ends up to one second after its lease. */
        if (other == ask || other->promised_until_ms <= w->now_ms + 1000 ||
            other->external_port != ask->external_port || other->doubtful)
            continue;
        if (inv_ask_tcp(other) != inv_ask_tcp(ask) && inv_ask_address(other) == inv_ask_address(ask))
            continue;
        /* After a loss the gateway may have granted the port to another client. */
        rule = inv_find_rule(w, inv_ask_address(other), inv_ask_tcp(other), inv_ask_port(other));
        lease = rule ? gateway_find(&w->gateway, w->now_ms, rule->tcp, rule->router_port) : NULL;
        if (lease && lease->external_port == ask->external_port)
            world_fail(w, "external port %u is advertised to %s %s port %u as well", ask->external_port,
                       address_text(inv_ask_address(other)).text, inv_ask_tcp(other) ? "tcp" : "udp",
                       inv_ask_port(other));
    }
}

/* The advertised lifetime is in whole seconds, rounded up. The reply to an earlier request may also have been
 * taken for the reply to a later one, by as much as the gateway is late: when all of its replies are late,
 * the epoch shows nothing. */
static void check_length(struct world *w, const struct gateway_lease *lease, uint32_t lifetime_s)
{
    uint64_t late_ms = inv_grant_late_ms(w, lease->tcp, lease->internal_port, lease->external_port);

    if (late_ms < w->gateway.faults.late_ms)
        late_ms = w->gateway.faults.late_ms;
    if (w->now_ms + (uint64_t)lifetime_s * 1000 >= lease->ends_ms + 1000 + GATEWAY_LATE_MS + late_ms)
        world_fail(w, "%" PRIu32 " s are advertised, and the gateway's lease of %u ends in %" PRIu64 " ms",
                   lifetime_s, lease->internal_port, lease->ends_ms - w->now_ms);
}

/* A packet from the internet to that external port reaches the client. Returns the lease; NULL: something is
 * missing, and the core need not know that yet. */
static const struct gateway_lease *check_forwards(struct world *w, const char *what, uint32_t address,
                                                  bool tcp, uint16_t internal_port, uint16_t external_port)
{
    const struct inv_rule *rule = inv_find_rule(w, address, tcp, internal_port);
    const struct gateway_lease *lease;

    if (!rule || !rule->enabled) {
        if (!inv_rule_is_excused(w, address, tcp, internal_port))
            world_fail(w, "%s without a rule on the router", what);
        return NULL;
    }
    inv_check_reach(w, rule);
    inv_check_way(w, rule);
    lease = gateway_find(&w->gateway, w->now_ms, tcp, rule->router_port);
    if (lease && lease->external_port == external_port)
        return lease;
    if (!inv_lease_is_excused(w, tcp, rule->router_port, external_port) &&
        inv_grant_late_ms(w, tcp, rule->router_port, external_port) == 0 &&
        !inv_rule_is_excused(w, address, tcp, internal_port))
        world_fail(w, "%s without a lease at the gateway (internal %u external %u)", what, rule->router_port,
                   external_port);
    return NULL;
}

void inv_noticed(struct world *w, const struct notice *notice)
{
    if (w->process == 1 && w->is_stranger)
        return;
    (void)check_forwards(w, "a notice", notice->client, notice->protocol == NATPMP_TCP, notice->internal_port,
                         notice->external_port);
}

static void check_success(struct world *w, struct endpoint to, bool tcp, uint16_t internal_port,
                          uint16_t external_port, uint32_t lifetime_s)
{
    const struct gateway_lease *lease =
        check_forwards(w, "a success", to.address, tcp, internal_port, external_port);

    if (lease)
        check_length(w, lease, lifetime_s);
}

/* An external port that a client released is in quarantine for two minutes. */
static void check_quarantine(struct world *w, const struct inv_entry *ask, uint16_t external_port)
{
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        const struct inv_entry *other = &w->invariants.asks.at[i];

        if (other->freed_ms > w->proxy_started_ms && other->freed_ms + REST_MS > w->now_ms &&
            other->external_port == external_port && inv_ask_address(other) != inv_ask_address(ask) &&
            (ask->promised_until_ms <= other->freed_ms || ask->external_port != external_port))
            world_fail(w, "external port %u was released by %s a moment ago", external_port,
                       address_text(inv_ask_address(other)).text);
    }
}

static void created(struct world *w, struct endpoint to, bool tcp, const uint8_t *bytes)
{
    uint16_t internal_port = get16(bytes + 8);
    uint32_t lifetime_s = get32(bytes + 12);
    struct inv_entry *pending = find_pending(w, to, internal_port, tcp ? KIND_CREATE_TCP : KIND_CREATE_UDP);
    struct inv_entry *ask = inv_find_ask(w, to.address, tcp, internal_port);

    answered(w, pending);
    if (!ask || internal_port == 0)
        world_fail(w, "a mapping without a request");
    /* Requests for one mapping that are answered together get one lifetime. */
    if (lifetime_s > pending->lifetime_s && lifetime_s > ask->lifetime_s)
        world_fail(w, "granted %" PRIu32 " s, asked %" PRIu32, lifetime_s, pending->lifetime_s);
    if (get16(bytes + 10) == 0)
        world_fail(w, "a success without a port");
    check_success(w, to, tcp, internal_port, get16(bytes + 10), lifetime_s);
    check_quarantine(w, ask, get16(bytes + 10));
    ask->promised_until_ms = w->now_ms + (uint64_t)lifetime_s * 1000;
    ask->external_port = get16(bytes + 10);
    ask->advertised_ms = w->now_ms;
    ask->freed_ms = 0;
    ask->held_until_ms = 0;
    if (w->options.config.lease_hold != LEASE_HOLD_OFF)
        ask->held_until_ms =
            w->now_ms + (uint64_t)(ask->lifetime_s < HOLD_MAX_S ? ask->lifetime_s : HOLD_MAX_S) * 1000;
    ask->work_since_ms = 0;
    ask->pending_replies = 0;
    ask->doubtful = ask->deleted_ms >= ask->asked_ms;
    check_promises(w, ask);
    w->invariants.successes++;
}

static void deleted(struct world *w, struct endpoint to, bool tcp, const uint8_t *bytes)
{
    uint16_t internal_port = get16(bytes + 8);
    struct inv_entry *pending = find_pending(w, to, internal_port, tcp ? KIND_DELETE_TCP : KIND_DELETE_UDP);

    /* A request for a mapping that a deletion has overtaken may get the answer to the deletion. */
    if (!pending)
        pending = find_pending(w, to, internal_port, tcp ? KIND_CREATE_TCP : KIND_CREATE_UDP);
    if (pending && pending->kind >= KIND_CREATE_UDP && pending->kind <= KIND_CREATE_TCP &&
        !pending->overtaken)
        world_fail(w, "a request for a mapping is answered with a deletion");
    answered(w, pending);
    if (get16(bytes + 10) != 0)
        world_fail(w, "a deletion with a port");
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        struct inv_entry *ask = &w->invariants.asks.at[i];

        if (ask->kind != (tcp ? KIND_ASK_TCP : KIND_ASK_UDP) || inv_ask_address(ask) != to.address ||
            (internal_port != 0 && inv_ask_port(ask) != internal_port) || ask->asked_ms > ask->deleted_ms)
            continue;
        if (inv_is_static(w, to.address, tcp, inv_ask_port(ask))) {
            if (internal_port != 0)
                world_fail(w, "the deletion of a static mapping is confirmed");
            continue;
        }
        if (ask->promised_until_ms > w->now_ms && w->invariants.last_loss_ms < ask->advertised_ms &&
            w->proxy_started_ms < ask->advertised_ms)
            ask->freed_ms = w->now_ms;
        ask->promised_until_ms = 0;
        ask->held_until_ms = 0;
        ask->doubtful = false;
        /* For events of the same millisecond the order is unknown. */
        if (ask->asked_ms < ask->deleted_ms && inv_find_rule(w, to.address, tcp, inv_ask_port(ask)) &&
            inv_find_rule(w, to.address, tcp, inv_ask_port(ask))->enabled &&
            w->now_ms > w->invariants.hand_known_ms)
            world_fail(w, "a deletion is confirmed and the rule for port %u is still there",
                       inv_ask_port(ask));
    }
    w->invariants.deletions++;
}

static void failed(struct world *w, struct endpoint to, bool tcp, const uint8_t *bytes)
{
    unsigned internal_port = get16(bytes + 8);
    unsigned result = get16(bytes + 2);
    struct inv_entry *pending = find_pending(w, to, internal_port, tcp ? KIND_CREATE_TCP : KIND_CREATE_UDP);
    struct inv_entry *deletion = find_pending(w, to, internal_port, tcp ? KIND_DELETE_TCP : KIND_DELETE_UDP);
    bool creation = pending && !(deletion && pending->overtaken);
    struct inv_entry *ask = inv_find_ask(w, to.address, tcp, (uint16_t)internal_port);

    if (!creation)
        pending = deletion;
    answered(w, pending);
    if (result < 2 || result > 4)
        world_fail(w, "result %u for a mapping", result);
    if (get16(bytes + 10) != 0 || get32(bytes + 12) != 0)
        world_fail(w, "an error with a port or a lifetime");
    if (ask && creation) {
        /* The daemon does not report a transient problem before its time limit. */
        if (result == 3 && ask->work_since_ms != 0 && w->stop_ms == 0 && !pending->overtaken &&
            w->now_ms + ANSWER_SLACK_MS < ask->work_since_ms + ANSWER_MS)
            world_fail(w, "network failure after %" PRIu64 " ms", w->now_ms - ask->work_since_ms);
        ask->doubtful = true;
        ask->work_since_ms = 0;
        ask->pending_replies = 0;
    }
    w->invariants.errors++;
}

static void opcode_answered(struct world *w, struct endpoint to, struct span datagram)
{
    struct inv_entry *pending = find_pending(w, to, 0, KIND_OPCODE);

    answered(w, pending);
    if (get16(datagram.data + 2) != 5 || datagram.len != (pending->len <= 4 ? 8 : pending->len))
        world_fail(w, "not the answer to an unsupported opcode");
    if (pending->len > 4 && hash_bytes(HASH_START, span_skip(datagram, 4)) != pending->bytes_hash)
        world_fail(w, "an unsupported request came back changed");
}

void inv_reply(struct world *w, struct endpoint to, struct span datagram)
{
    const uint8_t *bytes = datagram.data;
    bool tcp;

    inv_check_secrets(w, "a reply", datagram);
    if (datagram.len >= 4 && bytes[0] == 0 && bytes[1] > 130) {
        opcode_answered(w, to, datagram);
        return;
    }
    if (datagram.len < 8 || bytes[0] != 0 || bytes[1] < 128)
        world_fail(w, "not a response");
    check_epoch(w, get32(bytes + 4));
    tcp = bytes[1] == 130;
    if (bytes[1] == 128 && datagram.len == 8 && get16(bytes + 2) == 1)
        answered(w, find_pending(w, to, 0, KIND_VERSION));
    else if (bytes[1] == 128 && datagram.len == 12)
        answered(w, find_pending(w, to, 0, KIND_ADDRESS));
    else if (bytes[1] == 128 || datagram.len != 16)
        world_fail(w, "a response of %zu bytes", datagram.len);
    else if (get16(bytes + 2) != 0)
        failed(w, to, tcp, bytes);
    else if (get32(bytes + 12) == 0)
        deleted(w, to, tcp, bytes);
    else
        created(w, to, tcp, bytes);
}

void inv_announce(struct world *w, struct span datagram)
{
    inv_check_secrets(w, "an announcement", datagram);
    if (datagram.len != 12 || datagram.data[0] != 0 || datagram.data[1] != 128)
        world_fail(w, "not an announcement");
    if ((get16(datagram.data + 2) == 0) != (get32(datagram.data + 8) != 0))
        world_fail(w, "an announcement with a result and an address");
    check_epoch(w, get32(datagram.data + 4));
    w->invariants.announcements++;
}

/* ---- the process and time ---- */

void inv_state_lost(struct world *w)
{
    w->invariants.last_loss_ms = w->now_ms;
}

static void forget_pending(struct world *w)
{
    memset(w->invariants.pending.at, 0, w->invariants.pending.capacity * sizeof(struct inv_entry));
    w->invariants.pending.count = 0;
    w->invariants.pending_live = 0;
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        w->invariants.asks.at[i].work_since_ms = 0;
        w->invariants.asks.at[i].pending_replies = 0;
    }
}

void inv_process_changed(struct world *w)
{
    forget_pending(w);
    w->invariants.log_kinds = 0;
    w->invariants.has_epoch = false;
    w->invariants.gateway_heard = false;
    inv_router_begins(w);
    inv_state_lost(w);
}

void inv_started(struct world *w)
{
    w->invariants.adopting = true;
    inv_process_changed(w);
}

/* The gateway has not announced it, but its leases are over. */
void inv_exited(struct world *w)
{
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        w->invariants.asks.at[i].promised_until_ms = 0;
        w->invariants.asks.at[i].held_until_ms = 0;
    }
}

void inv_dead(struct world *w)
{
    inv_hand_unnoticed(w);
    forget_pending(w);
}

static void check_pending(struct world *w)
{
    struct invariants *inv = &w->invariants;

    inv->pending_scan_ms = w->now_ms;
    for (size_t i = 0; i < inv->pending.capacity; i++) {
        const struct inv_entry *pending = &inv->pending.at[i];
        uint64_t due_ms = pending->first_ms + ANSWER_MS + ANSWER_SLACK_MS + w->options.deadline_late_max_ms;

        if (pending->first_ms != 0 && !pending->overtaken && w->now_ms > due_ms &&
            w->now_ms > inv->stalled_until_ms)
            world_fail(w, "no answer to %s:%u (kind %u, port %u) for %" PRIu64 " ms",
                       address_text((uint32_t)(pending->key >> 32)).text,
                       (unsigned)(pending->key >> 16 & 0xffff), (unsigned)pending->kind,
                       (unsigned)(pending->key & 0xffff), w->now_ms - pending->first_ms);
    }
}

/* A connection may be dead although nothing has reported it. */
static bool is_connected(const struct world *w)
{
    bool any = false;

    for (unsigned slot = 0; slot < ROUTER_SESSIONS_MAX; slot++) {
        if (w->streams[slot].state != WORLD_STREAM_OPEN)
            continue;
        if (!router_model_session_lives(w->router, w->streams[slot].session))
            return false;
        any = true;
    }
    return any;
}

void inv_after_step(struct world *w)
{
    uint64_t failed = router_model_counters(w->router)->failed;

    note_losses(w);
    if (!is_connected(w) || failed != w->invariants.failed_commands)
        inv_router_trouble(w);
    w->invariants.failed_commands = failed;
    if (w->invariants.pending_live > 0 && w->stop_ms == 0 &&
        w->now_ms >= w->invariants.pending_scan_ms + SCAN_MS)
        check_pending(w);
}

void inv_init(struct world *w)
{
    asks_init(&w->invariants.asks, 256);
    asks_init(&w->invariants.pending, 256);
    inv_rules_init(w);
}

void inv_free(struct world *w)
{
    asks_free(&w->invariants.asks);
    asks_free(&w->invariants.pending);
}
