#include "core/lease.h"

#include <assert.h>

#include "core/job_answer.h"
#include "core/strategy.h"
#include "core/mapping.h"
#include "core/step.h"
#include "core/upstream.h"

enum {
    /* Bitcoin Core treats a shorter lifetime as an error, and does not ask again for five minutes. */
    POSSIBLE_S = 30,
    /* A lease shorter than this has less than POSSIBLE_S left at 5/8 of its time. */
    AHEAD_MAX_S = 80,
    /* A longer lease is treated as one of this length. */
    LEASE_MAX_S = 7 * 24 * 60 * 60,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30 * 1000,
    /* Not more of the daemon's own renewals than MINUTE_GATEWAY_PER_MAPPING: a shorter lease ends before. */
    RENEWALS_APART_MS = 60 * 1000 / (MINUTE_GATEWAY_PER_MAPPING - 2),
    /* A contradiction follows its grant within this time. */
    FRESH_MS = 1200,
    MOVES_MAX = 3,
    /* A gateway that changes the port of one mapping this often in this time does not do so by accident. */
    OFTEN = 3,
    OFTEN_MS = 30 * 60 * 1000,
};

static struct lease *lease_of(struct mapping_tables *t, uint16_t m)
{
    return &mapping_at(t, m)->lease;
}

static void set_external_port(struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    if (lease_of(t, m)->external_port == external_port)
        return;
    mapping_index_external_port(t, m, external_port);
    lease_of(t, m)->external_port = external_port;
}

/* Only this function changes the state, so that a mapping without a lease never has an external port. */
static void set_state(struct mapping_tables *t, uint16_t m, enum lease_state state)
{
    lease_of(t, m)->state = (uint8_t)state;
    lease_of(t, m)->offered_port = 0;
    lease_of(t, m)->ended = false;
    if (state == LEASE_NONE)
        set_external_port(t, m, 0);
}

/* ---- what ought to be ---- */

/* The daemon renews at half of the lease (RFC 6886 section 3.3 [C-21]) if the lease ends before the mapping
 * does. It renews earlier, ahead of the client, if the gateway is slow and the lease is short: the client's
 * renewal is then answered from memory, and enough of the lease must be left for that. */
static uint64_t self_renewal_ms(const struct mapping *mapping)
{
    const struct lease *lease = &mapping->lease;
    bool ahead = lease->slow && lease->granted_s > POSSIBLE_S && lease->granted_s < AHEAD_MAX_S;
    bool short_lease = lease->ends_ms + 1000 < promise_kept_until_ms(mapping);
    if (lease->state != LEASE_GRANTED || (!ahead && !short_lease))
        return UINT64_MAX;
    return lease->granted_ms + later_ms((uint64_t)lease->granted_s * (ahead ? 375 : 500), RENEWALS_APART_MS);
}

/* A lease is deleted because the mapping has ended, or in order to be requested again. */
static bool wants_release(const struct strategy *strategy, const struct mapping *mapping)
{
    bool unwanted = !mapping_is_wanted_here(mapping) || mapping->lease.pair == PAIR_REJOINS;
    return unwanted && mapping->lease.state != LEASE_NONE && strategy->release_port(mapping) != 0;
}

enum lease_want lease_wants(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    bool promised = promise_lives(mapping, now_ms);
    bool in_use = mapping->job.kind == JOB_MAP || promised;
    if (wants_release(strategy, mapping))
        return LEASE_WANTS_RELEASE;
    if (!mapping_is_wanted_here(mapping) || (mapping->router_port == 0 && strategy->rule_first) ||
        lease->offered_port != 0)
        return LEASE_WANTS_NOTHING;
    bool wanted = (in_use && lease->due) || lease->recover || (lease->state == LEASE_NONE && promised) ||
                  self_renewal_ms(mapping) <= now_ms;
    return wanted ? LEASE_WANTS_GRANT : LEASE_WANTS_NOTHING;
}

static uint64_t gone_ms(const struct mapping *mapping)
{
    return later_ms(mapping->lease.gone_ms, mapping->lease.ends_ms);
}

/* When that counts. A client that renews late was answered or refused before, so that its rule is changed
 * only once. */
static uint64_t ended_ms(const struct mapping *mapping)
{
    return mapping->lease.ends_ms + ANSWER_MS;
}

uint64_t lease_due_ms(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms)
{
    uint64_t due_ms = sooner_ms(UINT64_MAX, self_renewal_ms(mapping), now_ms);
    if (mapping->lease.offered_port != 0)
        due_ms = sooner_ms(due_ms, lease_fresh_until_ms(mapping), now_ms);
    if (lease_wants(strategy, mapping, now_ms) != LEASE_WANTS_NOTHING)
        due_ms = sooner_ms(due_ms, mapping->lease.retry_ms, now_ms);
    if (mapping->lease.state != LEASE_NONE)
        due_ms = sooner_ms(due_ms, ended_ms(mapping), now_ms);
    if (!mapping_is_wanted_here(mapping) && mapping->lease.state != LEASE_NONE)
        due_ms = sooner_ms(due_ms, gone_ms(mapping), now_ms);
    return due_ms;
}

bool lease_lives(const struct mapping *mapping, uint64_t now_ms)
{
    return mapping->lease.state == LEASE_GRANTED && mapping->lease.ends_ms > now_ms;
}

bool lease_may_live(const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    /* A static mapping is promised for ever, its lease of an earlier run is not. */
    bool adopted = mapping->promise.adopted && lease->state == LEASE_UNSURE && lease->ends_ms > now_ms;
    bool granted = lease->state == LEASE_GRANTED && lease->gone_ms > now_ms;
    return (adopted || granted) && promise_lives(mapping, now_ms);
}

bool lease_is_contradicted(const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    return lease->state == LEASE_UNSURE && lease->contradicted_ms >= lease->granted_ms &&
           lease->contradictions > 0 && lease->ends_ms > now_ms && promise_lives(mapping, now_ms);
}

bool lease_is_contradicted_often(const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    return lease->contradictions + 1 >= GATEWAY_CONTRADICTIONS_NOTED &&
           lease->contradicted_ms + UINT64_C(1000) * GATEWAY_CONTRADICTIONS_APART_S > now_ms;
}

uint32_t lease_lifetime_s(const struct mapping *mapping)
{
    uint32_t asked_s = mapping->job.asked_s > 0 ? mapping->job.asked_s : 1;
    return mapping->is_static && asked_s < STATIC_LIFETIME_S ? STATIC_LIFETIME_S : asked_s;
}

uint64_t lease_left_ms(const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    return lease->state == LEASE_GRANTED && lease->sure_ms > now_ms ? lease->sure_ms - now_ms : 0;
}

bool lease_is_refused(const struct mapping *mapping)
{
    return mapping->is_static && mapping->job.failure != 0 && mapping->lease.state == LEASE_NONE;
}

bool lease_is_over(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    bool ended = gone_ms(mapping) <= now_ms || strategy->release_port(mapping) == 0;
    return !lease->asking && !mapping_is_wanted_here(mapping) && lease->state != LEASE_NONE && ended;
}

bool lease_is_of_before(const struct mapping *mapping, uint64_t lost_ms)
{
    return mapping->client != 0 && mapping->lease.state != LEASE_NONE && mapping->lease.granted_ms < lost_ms;
}

/* ---- what was sent ---- */

void lease_on_asked(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    lease->sure_ms = earlier_ms(lease->sure_ms, now_ms + (uint64_t)lifetime_s * 1000);
    lease->asking = true;
    lease->asked_ms = now_ms;
    lease->releasing = lifetime_s == 0;
    t->client[mapping_at(t, m)->client].asking++;
}

void lease_on_asked_again(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    lease_of(t, m)->asked_ms = now_ms;
}

void lease_on_answered(struct mapping_tables *t, uint16_t m)
{
    lease_of(t, m)->asking = false;
    struct client *client = &t->client[mapping_at(t, m)->client];
    assert(client->asking > 0);
    client->asking--;
}

void lease_on_withdrawn(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    lease_on_answered(t, m);
    set_state(t, m, LEASE_UNSURE);
    lease->ends_ms = later_ms(lease->ends_ms, now_ms + (uint64_t)lease_lifetime_s(mapping_at(t, m)) * 1000);
}

/* ---- what the gateway answered ---- */

void lease_on_granted(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    set_state(t, m, LEASE_GRANTED);
    lease->granted_s = o->lifetime_s < LEASE_MAX_S ? o->lifetime_s : LEASE_MAX_S;
    lease->granted_ms = now_ms;
    lease->ends_ms = o->asked_ms + (uint64_t)lease->granted_s * 1000;
    lease->gone_ms = o->gone_ms;
    lease->sure_ms = lease->ends_ms;
    lease->slow = lease->slow || o->asked_ms + MEMORY_MS < now_ms;
    lease->due = false;
    lease->failures = 0;
    lease->conflicts = 0;
    lease->result = 0;
    lease->suggest_own = false;
    set_external_port(t, m, o->external_port);
}

unsigned lease_on_conflict(struct mapping_tables *t, uint16_t m)
{
    struct lease *lease = lease_of(t, m);
    set_state(t, m, lease->external_port != 0 ? LEASE_UNSURE : LEASE_NONE);
    return ++lease->conflicts;
}

void lease_on_conflict_solved(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    lease_of(t, m)->conflicts = 0;
    lease_of(t, m)->retry_ms = now_ms + LEASE_ROOM_RETRY_MS;
}

void lease_on_taken(struct mapping_tables *t, uint16_t m)
{
    if (lease_of(t, m)->state == LEASE_GRANTED)
        set_state(t, m, LEASE_UNSURE);
}

void lease_on_unwanted(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o)
{
    struct lease *lease = lease_of(t, m);
    set_state(t, m, LEASE_UNSURE);
    lease->ends_ms = o->asked_ms + (uint64_t)o->lifetime_s * 1000;
    lease->gone_ms = o->gone_ms;
}

void lease_give_way(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o)
{
    lease_on_unwanted(t, m, o);
    lease_set_pair(t, m, PAIR_REJOINS);
    lease_of(t, m)->gave_way = true;
    lease_of(t, m)->retry_ms = 0;
}

bool lease_on_unusable(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                       const struct strategy *strategy)
{
    struct lease *lease = lease_of(t, m);
    /* The gateway granted this port again after a move, so it has no other port. */
    bool moves = strategy->moves && lease->moves < MOVES_MAX && lease->moved_from != o->external_port;
    lease_on_unwanted(t, m, o);
    if (!strategy->moves)
        set_external_port(t, m, o->external_port); /* the deletion names the external port */
    lease->moved_from = o->external_port;
    lease->moves = (uint8_t)(lease->moves + moves);
    return moves;
}

void lease_on_refused(struct mapping_tables *t, uint16_t m, uint16_t result, uint64_t now_ms)
{
    lease_of(t, m)->result = result;
    lease_retry_later(t, m, now_ms);
}

void lease_on_unanswered(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    lease_retry_later(t, m, now_ms);
    if (lease_of(t, m)->state != LEASE_NONE)
        return;
    set_state(t, m, LEASE_UNSURE);
    lease_of(t, m)->ends_ms = now_ms + (uint64_t)lease_lifetime_s(mapping_at(t, m)) * 1000;
}

void lease_on_time(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    bool refused = lease->state == LEASE_NONE && lease->failures > 0;
    bool over = lease->state != LEASE_NONE && ended_ms(mapping_at(t, m)) <= now_ms;
    lease->ended = lease->ended || refused || over;
}

void lease_on_gone(struct mapping_tables *t, uint16_t m)
{
    set_state(t, m, LEASE_NONE);
    lease_of(t, m)->contradictions = 0;
}

void lease_on_port_lost(struct mapping_tables *t, uint16_t m)
{
    set_external_port(t, m, 0);
}

static void count_contradiction(struct lease *lease, uint64_t now_ms)
{
    if (lease->contradicted_ms + UINT64_C(1000) * GATEWAY_CONTRADICTIONS_APART_S <= now_ms)
        lease->contradictions = 0;
    if (lease->contradictions > 0)
        lease->retry_ms =
            now_ms + backoff_ms(RETRY_FIRST_MS, UINT64_C(1000) * GATEWAY_CONTRADICTION_PAUSE_MAX_S,
                                lease->contradictions - 1u);
    if (lease->contradictions < UINT8_MAX)
        lease->contradictions++;
    lease->contradicted_ms = now_ms;
}

/* NAT-PMP messages carry no number and may overtake each other. An unexpected grant is a late answer to a
 * withdrawn request. If the gateway received that request after the deletion, it has a lease that nobody
 * wants. An unexpected answer to a deletion means that a retransmission of the deletion may have ended the
 * lease that was granted after it. */
bool lease_on_unsolicited(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                          uint64_t now_ms)
{
    struct mapping *mapping = mapping_at(t, m);
    struct lease *lease = &mapping->lease;
    bool contradicts = o->lifetime_s == 0 || o->external_port != lease->external_port;
    if (lease->state == LEASE_GRANTED && contradicts) {
        set_state(t, m, LEASE_UNSURE);
        lease->due = mapping->job.kind == JOB_MAP;
        if (mapping->wanted)
            lease_recover(t, m);
        count_contradiction(lease, now_ms);
        return true;
    }
    if (o->lifetime_s == 0 || mapping->wanted || lease->state != LEASE_NONE)
        return false;
    mapping_wake(t, m);
    set_state(t, m, LEASE_UNSURE);
    lease->contradicted_ms = now_ms;
    lease->ends_ms =
        now_ms + UINT64_C(1000) * (o->lifetime_s < GATEWAY_UNASKED_INTERVAL_S ? o->lifetime_s
                                                                              : GATEWAY_UNASKED_INTERVAL_S);
    return true;
}

/* A late grant shows what the gateway knew some time ago. If it names another external port than the lease,
 * one of the two is out of date, and no client gets an answer from memory until the gateway has answered
 * again. */
void lease_on_late(struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    if (lease_of(t, m)->external_port != external_port)
        lease_of(t, m)->sure_ms = 0;
}

bool lease_on_offered(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o, bool answers,
                      uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    bool same = o->external_port == lease->external_port;
    bool offered = lease->offered_port != 0;
    uint64_t began_ms = offered ? lease->offered_ends_ms - UINT64_C(1000) * lease->offered_s
                                : lease->ends_ms - UINT64_C(1000) * lease->granted_s;
    uint64_t ends_ms = (answers ? o->asked_ms : began_ms) + (uint64_t)o->lifetime_s * 1000;
    if (!lease_lives(mapping_at(t, m), now_ms) || (same && (answers || lease->offered_port == 0)))
        return false;
    lease->offered_port = o->external_port;
    lease->offered_s = o->lifetime_s < LEASE_MAX_S ? o->lifetime_s : LEASE_MAX_S;
    lease->offered_ms = now_ms;
    lease->offered_ends_ms = ends_ms;
    if (answers) {
        lease->due = false;
        lease->failures = 0;
        lease_recovered(t, m);
    }
    if (same)
        lease_on_offer_taken(t, m, now_ms);
    return true;
}

void lease_on_offer_taken(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    set_external_port(t, m, lease->offered_port);
    lease->granted_ms = now_ms;
    lease->granted_s = lease->offered_s;
    lease->ends_ms = lease->offered_ends_ms;
    lease->sure_ms = lease->ends_ms;
    lease->gone_ms = later_ms(lease->gone_ms, lease->offered_ms + (uint64_t)lease->offered_s * 1000);
    lease->retry_ms = 0;
    lease->offered_port = 0;
}

uint64_t lease_fresh_until_ms(const struct mapping *mapping)
{
    const struct lease *lease = &mapping->lease;
    bool offered = lease->offered_port != 0;
    uint32_t lifetime_s = offered ? lease->offered_s : lease->granted_s;
    uint64_t half_ms = UINT64_C(500) * lifetime_s; /* a client has to learn of it before the end */
    return (offered ? lease->offered_ms : lease->granted_ms) + earlier_ms(FRESH_MS, half_ms);
}

bool lease_offer_counts(const struct mapping *mapping, uint64_t now_ms)
{
    return mapping->lease.offered_port != 0 && lease_fresh_until_ms(mapping) <= now_ms;
}

bool lease_is_fresh(const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    return lease->state == LEASE_GRANTED &&
           (lease->offered_port != 0 || lease_fresh_until_ms(mapping) > now_ms);
}

bool lease_lifetime_is_too_short(uint32_t lifetime_s)
{
    return lifetime_s <= RENEWALS_APART_MS / 1000;
}

bool lease_is_too_short(const struct mapping *mapping)
{
    return mapping->lease.state == LEASE_GRANTED && lease_lifetime_is_too_short(mapping->lease.granted_s);
}

bool lease_is_answered_from_memory(const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    return lease->state == LEASE_GRANTED && lease_left_ms(mapping, now_ms) > UINT64_C(500) * lease->granted_s;
}

void lease_on_state_lost(struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = mapping_at(t, m);
    set_state(t, m, mapping->wanted || mapping->lease.asking ? LEASE_UNSURE : LEASE_NONE);
    lease_of(t, m)->due = mapping->job.kind == JOB_MAP;
}

void lease_on_adopted(struct mapping_tables *t, uint16_t m, uint16_t external_port, uint64_t ends_ms)
{
    set_state(t, m, LEASE_UNSURE);
    lease_of(t, m)->ends_ms = ends_ms;
    if (external_port != 0)
        set_external_port(t, m, external_port);
}

/* ---- what is to be done ---- */

void lease_begin(struct mapping_tables *t, uint16_t m, bool asks)
{
    struct lease *lease = lease_of(t, m);
    lease->conflicts = 0;
    lease->moves = 0;
    lease->moved_from = 0;
    lease->result = 0;
    lease->suggest_own = false;
    lease->gave_way = false;
    if (!asks)
        return;
    lease->due = true;
    lease->failures = 0;
    lease->retry_ms = 0;
}

void lease_end(struct mapping_tables *t, uint16_t m)
{
    if (mapping_at(t, m)->wanted)
        lease_of(t, m)->retry_ms = 0;
    mapping_set_wanted(t, m, false);
}

void lease_suggest_own(struct mapping_tables *t, uint16_t m)
{
    lease_of(t, m)->suggest_own = true;
    lease_of(t, m)->retry_ms = 0;
}

void lease_set_due(struct mapping_tables *t, uint16_t m)
{
    lease_of(t, m)->due = true;
}

void lease_recover(struct mapping_tables *t, uint16_t m)
{
    struct lease *lease = lease_of(t, m);
    if (lease->recover)
        return;
    lease->recover = true;
    lease->retry_ms = 0;
    t->recovering++;
}

void lease_recovered(struct mapping_tables *t, uint16_t m)
{
    t->recovering = (uint16_t)(t->recovering - lease_of(t, m)->recover);
    lease_of(t, m)->recover = false;
}

void lease_retry_at(struct mapping_tables *t, uint16_t m, uint64_t retry_ms)
{
    lease_of(t, m)->retry_ms = retry_ms;
}

void lease_retry_later(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    lease->retry_ms = next_try_ms(&lease->failures, RETRY_FIRST_MS, RETRY_MAX_MS, now_ms);
}

void lease_retry_soon(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct lease *lease = lease_of(t, m);
    assert(lease->failures > 0); /* lease_on_refused has counted this one */
    lease->retry_ms = now_ms + backoff_ms(LEASE_ROOM_RETRY_MS, LEASE_ROOM_RETRY_MAX_MS, lease->failures - 1u);
}

void lease_on_not_released(struct mapping_tables *t, uint16_t m)
{
    struct lease *lease = lease_of(t, m);
    set_state(t, m, LEASE_UNSURE);
    lease->due = true;
    lease->retry_ms = 0;
}

void lease_set_pair(struct mapping_tables *t, uint16_t m, enum lease_pair pair)
{
    lease_of(t, m)->pair = (uint8_t)pair;
}

void lease_rejoin(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    lease_set_pair(t, m, PAIR_REJOINS);
    lease_of(t, m)->rejoined_ms = now_ms;
}

void lease_note_pair(struct mapping_tables *t, uint16_t m, bool differs)
{
    lease_of(t, m)->pair_noted = differs;
}

unsigned lease_count_rotation(struct mapping_tables *t, uint16_t m, uint64_t now_ms, uint64_t *ret_since_ms)
{
    struct lease *lease = lease_of(t, m);
    if (lease->rotations == 0 || lease->rotations_since_ms + OFTEN_MS <= now_ms) {
        lease->rotations_since_ms = now_ms;
        lease->rotations = 0;
    }
    if (lease->rotations < OFTEN)
        lease->rotations++;
    *ret_since_ms = lease->rotations_since_ms;
    return lease->rotations >= OFTEN ? OFTEN : 0;
}
