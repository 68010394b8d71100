/* What the gateway answered, and what follows from its having lost its state. */
#include "core/address_use.h"
#include "core/proxy_parts.h"

#include <assert.h>

enum {
    /* RFC 6886 section 3.7: a random delay before everybody recreates his mappings at once [C-27]. */
    RECOVER_DELAY_MS = 5 * 1000,
    /* After that the clients must learn whether their ports still hold. */
    RECOVER_MS = 10 * 1000,
    CONFLICTS_MAX = 3,
    /* A port that was granted so recently has not changed unnoticed. */
    CONFIRMED_MS = 10 * 1000,
    MOVES_MAX = 3,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30 * 1000,
    /* A port is being given up for it at the gateway. */
    ROOM_RETRY_MS = 250,
    RELEASE_RETRY_MS = 30 * 1000,
    /* A lease beyond this is taken for this long. */
    LEASE_MAX_S = 7 * 24 * 60 * 60,
};

static void retry_later(struct proxy *p, struct mapping *mapping)
{
    unsigned shift = mapping->ask_failures < 5 ? mapping->ask_failures : 5;
    uint64_t delay_ms = (uint64_t)RETRY_FIRST_MS << shift;
    mapping->ask_failures++;
    mapping_set_ask_retry(&p->tables, mapping,
                          p->now_ms + (delay_ms < RETRY_MAX_MS ? delay_ms : RETRY_MAX_MS));
}

void proxy_break_promise(struct proxy *p, const struct mapping *mapping)
{
    if (mapping->ends_ms > p->now_ms && mapping->work != WORK_MAP)
        p->promises_broken = true;
}

/* ---- what to ask for ---- */

/* Another client's rule stands on that port, and what the gateway granted for it is not known (yet): most
 * likely this number. To give away its companion would be against section 3.3. */
static bool is_claimed(const struct proxy *p, uint16_t m, enum natpmp_protocol protocol, uint16_t port)
{
    uint16_t holder = mapping_find_router_port(&p->tables, protocol, port);
    const struct mapping *mapping = &p->tables.mapping[holder];
    return holder != 0 && mapping->wanted && mapping->external_port == 0 &&
           mapping->client != p->tables.mapping[m].client;
}

static bool rests_for_another(const struct proxy *p, uint16_t m, uint16_t external_port)
{
    uint64_t since_ms = p->now_ms > REST_MS ? p->now_ms - REST_MS : 0;
    return mapping_port_rests(&p->tables, m, external_port, since_ms);
}

uint16_t proxy_suggestion(const struct proxy *p, uint16_t m)
{
    const struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = &t->mapping[m];
    enum natpmp_protocol other = mapping->protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
    if (mapping->external_port != 0)
        return mapping->external_port;
    uint16_t wish = mapping->pair != PAIR_REJOINS ? mapping->told_port : 0;
    uint16_t companion = proxy_is_symmetric(p)
                             ? mapping_find(t, mapping_address(t, m), other, mapping->internal_port)
                             : mapping_find_router_port(t, other, mapping->router_port);
    if (wish == 0 && companion != 0)
        wish = t->mapping[companion].external_port;
    if (wish == 0)
        wish = mapping->suggested_port;
    uint16_t holder = mapping_find_external_port(t, (enum natpmp_protocol)mapping->protocol, wish);
    uint16_t neighbour = mapping_find_external_port(t, other, wish);
    bool foreign = (holder != 0 && holder != m) ||
                   (neighbour != 0 && t->mapping[neighbour].client != mapping->client) ||
                   is_claimed(p, m, NATPMP_UDP, wish) || is_claimed(p, m, NATPMP_TCP, wish) ||
                   rests_for_another(p, m, wish);
    return wish != 0 && !foreign ? wish : 0;
}

/* ---- grants ---- */

/* Each copy of the request renews the lease when it arrives; the client is promised what the first one got.
 */
static uint64_t gone_ms(const struct upstream_outcome *o)
{
    uint64_t sent_ms = o->copies_ms > o->asked_ms ? o->copies_ms : o->asked_ms;
    return sent_ms + COPIES_MS + (uint64_t)o->lifetime_s * 1000;
}

void proxy_refuse_for_good(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    mapping->refusal = NATPMP_OUT_OF_RESOURCES;
    proxy_break_promise(p, mapping);
    proxy_end_promise(mapping);
}

/* The gateway gave this mapping a port that another one holds. Either the other one's is out of date: then
 * asking for it again tells. Or the gateway has only this one port: then the first holder keeps it, and
 * nothing is deleted, for that would hit the holder [M-11]; unless it is only held for a client that is not
 * there. */
static void conflict(struct proxy *p, uint16_t m, uint16_t holder, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (!mapping_at(&p->tables, holder)->asking) {
        proxy_recover(p, holder);
        mapping_touch(&p->tables, holder);
    }
    mapping_set_lease(&p->tables, m, mapping->external_port != 0 ? LEASE_UNSURE : LEASE_NONE);
    bool confirmed = mapping_at(&p->tables, holder)->granted_ms + CONFIRMED_MS > p->now_ms;
    if (++mapping->conflicts < CONFLICTS_MAX && !confirmed) {
        if (mapping->work != WORK_MAP)
            proxy_recover(p, m);
        retry_later(p, mapping);
        return;
    }
    if (proxy_yield(p, m, holder, out)) {
        mapping->conflicts = 0;
        mapping_set_ask_retry(&p->tables, mapping, p->now_ms + ROOM_RETRY_MS);
        return;
    }
    proxy_refuse_for_good(p, m);
    proxy_recovered(p, m);
}

/* The other protocol of this external port belongs to another client, and RFC 6886 section 3.3 keeps the pair
 * together [M-10]; or another client had it until a moment ago: another router port may get another external
 * one. */
static void move(struct proxy *p, uint16_t m, const struct upstream_outcome *o)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    mapping_set_lease(&p->tables, m, LEASE_UNSURE);
    mapping->lease_ends_ms = o->asked_ms + (uint64_t)o->lifetime_s * 1000;
    mapping->lease_gone_ms = gone_ms(o);
    mapping->moving =
        !proxy_is_symmetric(p) && mapping->moves < MOVES_MAX && mapping->moved_from != o->external_port;
    if (proxy_is_symmetric(p)) /* to give it back */
        mapping_set_external_port(&p->tables, m, o->external_port);
    mapping->moved_from = o->external_port;
    if (mapping->moving)
        mapping->moves++;
    else
        proxy_refuse_for_good(p, m);
    proxy_recovered(p, m);
}

/* A client relies on this port. It was told so before we started, and the gateway has not been heard about it
 * yet; or the gateway answered only a late copy of the last request, and its lease counts from there. */
static bool may_live(const struct proxy *p, uint16_t m)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    bool adopted = mapping->adopted && mapping->lease == LEASE_UNSURE;
    bool granted = mapping->lease == LEASE_GRANTED && mapping->lease_gone_ms > p->now_ms;
    return (adopted || granted) && proxy_promised(p, mapping);
}

/* Makes the external port free in our books if its holder's lease is not alive. */
static uint16_t live_holder(struct proxy *p, enum natpmp_protocol protocol, uint16_t external_port)
{
    uint16_t holder = mapping_find_external_port(&p->tables, protocol, external_port);
    if (holder == 0 || proxy_lease_lives(p, holder) || may_live(p, holder))
        return holder;
    mapping_set_external_port(&p->tables, holder, 0);
    mapping_touch(&p->tables, holder);
    return 0;
}

static void note_grant(struct proxy *p, uint16_t m, const struct upstream_outcome *o, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->lease == LEASE_NONE && mapping->gateway_result != NATPMP_OUT_OF_RESOURCES &&
        mapping_find_external_port(&p->tables, proxy_other_protocol(mapping), o->external_port) == 0)
        p->ports_short = false; /* there was one more */
    p->unauthorized_told = false;
    uint32_t lifetime_s = o->lifetime_s < LEASE_MAX_S ? o->lifetime_s : LEASE_MAX_S;
    bool rotated = proxy_lease_lives(p, m);
    mapping_set_lease(&p->tables, m, LEASE_GRANTED);
    mapping->granted_s = lifetime_s;
    mapping->granted_ms = p->now_ms;
    mapping->lease_ends_ms = o->asked_ms + (uint64_t)lifetime_s * 1000;
    mapping->lease_gone_ms = gone_ms(o);
    mapping->lease_sure_ms = mapping->lease_ends_ms;
    mapping->ahead = mapping->ahead || o->asked_ms + MEMORY_MS < p->now_ms;
    mapping->need_grant = false;
    mapping->ask_failures = 0;
    mapping->conflicts = 0;
    if (mapping->adopted && mapping->lease_ends_ms < mapping->ends_ms) {
        mapping->ends_ms = mapping->lease_ends_ms;
        mapping->told_until_ms = mapping->lease_ends_ms;
    }
    mapping->adopted = false;
    uint16_t old = mapping->external_port != 0 ? mapping->external_port : mapping->told_port;
    mapping_set_external_port(&p->tables, m, o->external_port);
    proxy_recovered(p, m);
    proxy_port_granted(p, m, old, rotated, out);
}

static void granted(struct proxy *p, uint16_t m, const struct upstream_outcome *o, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    enum natpmp_protocol protocol = (enum natpmp_protocol)mapping->protocol;
    enum natpmp_protocol other = protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
    bool rests = mapping->external_port != o->external_port && rests_for_another(p, m, o->external_port);
    uint16_t holder = live_holder(p, protocol, o->external_port);
    uint16_t neighbour =
        proxy_symmetric_ends(p, other, o->external_port) ? 0 : live_holder(p, other, o->external_port);
    if (holder != 0 && holder != m)
        conflict(p, m, holder, out);
    else if (rests || (neighbour != 0 && p->tables.mapping[neighbour].client != mapping->client))
        move(p, m, o);
    else
        note_grant(p, m, o, out);
}

/* ---- refusals and silence ---- */

/* What will not pass is told at once, as it is [N-05]; anything else, unknown results among it [C-25],
 * may pass while the client waits. */
static bool is_final(uint16_t result)
{
    return result == NATPMP_NOT_AUTHORIZED || result == NATPMP_OUT_OF_RESOURCES;
}

static void failed(struct proxy *p, uint16_t m, uint16_t result, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    proxy_port_failed(p, m);
    if (mapping->releasing) {
        if (!proxy_end_rejoin(p, m))
            mapping_set_ask_retry(&p->tables, mapping, p->now_ms + RELEASE_RETRY_MS);
        return;
    }
    if (!is_final(result) && mapping->gateway_result != result)
        actions_log(out, LOG_LEVEL_WARN, "gateway",
                    "the gateway answers with an error; trying on result=%u %s", (unsigned)result,
                    proxy_text(p, m).text);
    mapping->gateway_result = result;
    uint64_t soon_ms = (uint64_t)ROOM_RETRY_MS << (mapping->ask_failures < 4 ? mapping->ask_failures : 4);
    retry_later(p, mapping);
    bool room = result == NATPMP_OUT_OF_RESOURCES && proxy_make_room(p, m, out);
    bool final = is_final(result) && !room;
    if (room)
        mapping_set_ask_retry(&p->tables, mapping, p->now_ms + soon_ms);
    if (result == NATPMP_NOT_AUTHORIZED && !p->unauthorized_told) {
        p->unauthorized_told = true;
        actions_log(out, LOG_LEVEL_WARN, "gateway",
                    "the gateway does not authorize mappings (result 2); with ProtonVPN: a paid plan, a key "
                    "made with "
                    "NAT-PMP enabled, a P2P server; clients are refused until it does");
    }
    if (final) {
        mapping->refusal = (uint8_t)result;
        proxy_recovered(p, m);
    }
    /* An error that passes says nothing of a lease of before our start. */
    if (proxy_lease_lives(p, m) || (!final && may_live(p, m)))
        return;
    /* Nothing is there any more: a rule without a lease leads nowhere. */
    if (mapping->lease != LEASE_NONE)
        proxy_break_promise(p, mapping);
    mapping_set_lease(&p->tables, m, LEASE_NONE);
    if (!final || mapping->ends_ms <= p->now_ms)
        return;
    actions_log(out, LOG_LEVEL_WARN, "gateway",
                "the gateway refuses a mapping that it held; it is removed result=%u %s", (unsigned)result,
                proxy_text(p, m).text);
    proxy_end_promise(mapping);
}

static void unanswered(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    proxy_port_failed(p, m);
    if (mapping->releasing) {
        if (!proxy_end_rejoin(p, m))
            mapping_set_ask_retry(&p->tables, mapping,
                                  p->stopping ? p->now_ms : p->now_ms + RELEASE_RETRY_MS);
        return;
    }
    if (mapping->ends_ms > p->now_ms && !proxy_lease_lives(p, m))
        proxy_recover(p, m); /* its client relies on it and nobody else asks */
    retry_later(p, mapping);
    if (mapping->lease == LEASE_NONE) {
        mapping_set_lease(&p->tables, m, LEASE_UNSURE);
        mapping->lease_ends_ms = p->now_ms + (uint64_t)mapping->asked_s * 1000;
    }
}

static uint16_t owner_of(const struct proxy *p, const struct upstream_outcome *o)
{
    return proxy_is_symmetric(p) ? proxy_symmetric_owner(p, o)
                                 : mapping_find_router_port(&p->tables, o->protocol, o->internal_port);
}

/* Requests carry no number and may overtake each other. A grant that nobody waits for: an answer to a request
 * that was given up came late, and if its deletion was done before it, the gateway holds a lease that nobody
 * wants. A deletion that nobody waits for: a late copy may have hit the lease that was made after it. */
static void stray(struct proxy *p, const struct upstream_outcome *o)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = owner_of(p, o);
    if (m == 0)
        return;
    struct mapping *mapping = mapping_at(t, m);
    bool contradicts = o->lifetime_s == 0 || o->external_port != mapping->external_port;
    if (mapping->lease == LEASE_GRANTED && contradicts) {
        mapping_set_lease(t, m, LEASE_UNSURE);
        mapping->need_grant = mapping->work == WORK_MAP;
        if (mapping->wanted)
            proxy_recover(p, m);
    } else if (o->lifetime_s == 0) {
        return;
    } else {
        if (mapping->wanted || mapping->lease != LEASE_NONE)
            return;
        mapping_wake(t, m);
        mapping_set_lease(t, m, LEASE_UNSURE);
        mapping->lease_ends_ms = p->now_ms + (uint64_t)o->lifetime_s * 1000;
    }
    mapping_touch(t, m);
}

/* It says what the gateway thought a while ago. If that is another port than ours, one of the two is out of
 * date, and nothing is told from memory until the gateway was asked. */
static void late(struct proxy *p, const struct upstream_outcome *o)
{
    uint16_t m = owner_of(p, o);
    if (m != 0 && mapping_at(&p->tables, m)->external_port != o->external_port)
        mapping_at(&p->tables, m)->lease_sure_ms = 0;
}

/* ---- recovery ---- */

void proxy_recover(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->recover)
        return;
    mapping->recover = true;
    mapping_set_ask_retry(&p->tables, mapping, 0);
    p->recovering++;
}

void proxy_recovered(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (!mapping->recover)
        return;
    mapping->recover = false;
    assert(p->recovering > 0);
    p->recovering--;
}

static bool is_of_before(const struct proxy *p, const struct mapping *mapping)
{
    return mapping->client != 0 && mapping->lease != LEASE_NONE && mapping->granted_ms < p->lost_ms;
}

/* Nothing that was granted before holds any more; only the asking waits. */
static void state_lost(struct proxy *p, uint64_t lost_ms, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    p->lost_ms = lost_ms;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        struct mapping *mapping = &t->mapping[i];
        if (!is_of_before(p, mapping))
            continue;
        mapping_set_lease(t, (uint16_t)i, mapping->wanted || mapping->asking ? LEASE_UNSURE : LEASE_NONE);
        mapping->need_grant = mapping->work == WORK_MAP;
        mapping_touch(t, (uint16_t)i);
    }
    if (p->recover_ms != UINT64_MAX)
        return;
    p->recover_ms = p->now_ms + prng_below(&p->prng, RECOVER_DELAY_MS + 1);
    actions_log(
        out, LOG_LEVEL_WARN, "gateway",
        "the gateway has started anew and forgot its mappings; asking for all of them again mappings=%u",
        (unsigned)t->live);
}

/* All of them now, not when each renewal is due (section 3.7 [C-28]). */
static void recover_all(struct proxy *p)
{
    struct mapping_tables *t = &p->tables;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        if (!is_of_before(p, &t->mapping[i]) || !t->mapping[i].wanted)
            continue;
        proxy_recover(p, (uint16_t)i);
        mapping_touch(t, (uint16_t)i);
    }
}

void proxy_tick_recovery(struct proxy *p, struct actions *out)
{
    if (p->recover_ms <= p->now_ms) {
        p->recover_ms = UINT64_MAX;
        p->recover_until_ms = p->now_ms + RECOVER_MS;
        recover_all(p);
    }
    if (p->recover_until_ms != UINT64_MAX && (p->recovering == 0 || p->recover_until_ms <= p->now_ms)) {
        p->recover_until_ms = UINT64_MAX;
        p->promises_broken = p->promises_broken || p->recovering > 0;
    }
    /* As long as the clients keep their ports they need not know [E-04]. */
    if (!p->promises_broken || p->recover_until_ms != UINT64_MAX || p->recover_ms != UINT64_MAX)
        return;
    p->promises_broken = false;
    server_reset_epoch(&p->server, p->now_ms, out);
}

/* ---- outcomes ---- */

static void end_of_transaction(struct proxy *p, const struct upstream_outcome *o, struct actions *out)
{
    uint16_t m = o->owner;
    struct mapping *mapping = mapping_at(&p->tables, m);
    assert(mapping->client != 0 && mapping->asking);
    mapping->asking = false;
    p->tables.client[mapping->client].asking--;
    proxy_client_turn(p, mapping->client);
    if (proxy_is_symmetric(p))
        proxy_symmetric_ended(p, m, o);
    switch (o->type) {
    case UPSTREAM_GRANTED:
        granted(p, m, o, out);
        break;
    case UPSTREAM_DELETED:
        mapping_set_lease(&p->tables, m, LEASE_NONE);
        proxy_note_copies(p, mapping, o->copies_ms);
        break;
    case UPSTREAM_FAILED:
        failed(p, m, o->result, out);
        break;
    case UPSTREAM_UNANSWERED:
        unanswered(p, m);
        break;
    case UPSTREAM_STRAY:
    case UPSTREAM_LATE:
    case UPSTREAM_ADDRESS:
    case UPSTREAM_NO_ADDRESS:
    case UPSTREAM_STATE_LOST:
        break;
    }
    mapping_touch(&p->tables, m);
}

static void report_address(uint32_t address, struct actions *out)
{
    const char *use = address_use(address);
    actions_log(out, LOG_LEVEL_INFO, "gateway", "external address address=%s", address_text(address).text);
    if (use != NULL)
        actions_log(
            out, LOG_LEVEL_WARN, "gateway",
            "the external address is %s: another NAT is behind the gateway, and nothing from the internet "
            "arrives; check that VPN_GATEWAY is the VPN's gateway, or take a server with a public address "
            "address=%s",
            use, address_text(address).text);
}

void proxy_take_upstream(struct proxy *p, struct actions *out)
{
    struct upstream_outcome o;
    while (upstream_next(&p->upstream, p->now_ms, &o)) {
        switch (o.type) {
        case UPSTREAM_GRANTED:
        case UPSTREAM_DELETED:
        case UPSTREAM_FAILED:
        case UPSTREAM_UNANSWERED:
            end_of_transaction(p, &o, out);
            break;
        case UPSTREAM_STRAY:
            stray(p, &o);
            break;
        case UPSTREAM_LATE:
            late(p, &o);
            break;
        case UPSTREAM_ADDRESS:
            report_address(p->upstream.address, out);
            p->address_flush = true;
            server_announce(&p->server, p->now_ms); /* */
            break;
        case UPSTREAM_NO_ADDRESS:
            actions_log(out, LOG_LEVEL_WARN, "gateway", "the gateway has lost its external address");
            break;
        case UPSTREAM_STATE_LOST:
            state_lost(p, o.asked_ms, out);
            break;
        }
    }
}
