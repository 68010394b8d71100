#include "core/on_gateway.h"

#include <assert.h>

#include "base/address_use.h"
#include "core/external_port.h"
#include "core/port.h"
#include "core/recovery.h"
#include "core/statics.h"
#include "core/strategy.h"
#include "core/turn.h"
#include "core/wish.h"

enum {
    CONFLICTS_MAX = 3,
    /* A lease that was granted within this time cannot have changed its external port unnoticed. */
    CONFIRMED_MS = 10 * 1000,
    RELEASE_RETRY_MS = 30 * 1000,
};

static const char component[] = "gateway";

/* ---- grants ---- */

/* The gateway granted an external port that another mapping, the holder, has already. The holder's port may
 * have changed unnoticed, so its lease is renewed first, which shows its present port. If the holder really
 * has the port, the gateway has only this one, and the holder keeps it unless it is only kept alive for a
 * client that is silent. The new lease is not deleted, because a deletion could end the holder's lease
 * [M-11]. */
static void conflict(struct proxy *p, uint16_t m, uint16_t holder, const struct upstream_outcome *o,
                     const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    if (!mapping_at(t, holder)->lease.asking) {
        lease_recover(t, holder);
        mapping_touch(t, holder);
    }
    unsigned conflicts = lease_on_conflict(t, m);
    bool confirmed = mapping_at(t, holder)->lease.granted_ms + CONFIRMED_MS > step->now_ms;
    if (conflicts < CONFLICTS_MAX && !confirmed) {
        if (mapping_at(t, m)->job.kind != JOB_MAP)
            lease_recover(t, m);
        lease_retry_later(t, m, step->now_ms);
    } else if (turn_yield(p, m, holder, step)) {
        lease_on_conflict_solved(t, m, step->now_ms);
    } else {
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "the gateway granted one external port to two mappings; the second one is refused, and its "
            "lease is left to end by itself %s external=%u lifetime=%u first=%s",
            mapping_text(t, m).text, (unsigned)o->external_port, (unsigned)o->lifetime_s,
            address_text(mapping_address(t, holder)).text);
        p->left_until_ms = later_ms(p->left_until_ms, step->now_ms + UINT64_C(1000) * o->lifetime_s);
        turn_refuse(p, m, step);
    }
}

/* The gateway may grant another external port to another router port, so the mapping moves. */
static void unusable(struct proxy *p, uint16_t m, const struct upstream_outcome *o, const struct step *step)
{
    if (lease_on_unusable(&p->tables, m, o, p->strategy)) {
        mapping_set_moving(&p->tables, m, true);
    } else {
        turn_refuse(p, m, step);
        statics_give_back(p, m, step);
    }
    lease_recovered(&p->tables, m);
}

/* The gateway granted it all the same: the request was under way when the others turned out to come first.
 * The lease is deleted, so that one of them can have its port. */
static void comes_later(struct proxy *p, uint16_t m, const struct upstream_outcome *o,
                        const struct step *step)
{
    lease_on_unwanted(&p->tables, m, o);
    turn_refuse(p, m, step);
}

/* True if the gateway has one port less for others with this grant: the mapping had no lease, nor does its
 * other protocol have the port. */
static bool is_one_more(const struct proxy *p, uint16_t m, uint16_t external_port, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    return !lease_lives(mapping, now_ms) &&
           mapping_find_external_port(&p->tables, mapping_other_protocol(mapping), external_port) == 0;
}

/* The gateway grants a port to a client while a static mapping has none, because the client's request came
 * first after an outage. The client has not been advertised the port, so its mapping waits for the static one
 * and is then requested again. A gateway that restarted while it was short of ports has none for it. */
static bool gives_way(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    bool restarted_short = p->ports_short_until_ms > now_ms && recovery_due_ms(p) != UINT64_MAX;
    return !restarted_short && !p->tables.mapping[m].lease.gave_way && statics_come_before(p, m, now_ms);
}

static void give_way(struct proxy *p, uint16_t m, const struct upstream_outcome *o, const struct step *step)
{
    if (p->strategy->one_port) {
        comes_later(p, m, o, step);
        return;
    }
    p->ports_short_until_ms = 0; /* it has granted one more */
    lease_give_way(&p->tables, m, o);
}

static void note_short(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct lease *lease = &mapping_at(&p->tables, m)->lease;
    bool cut = lease->granted_s < lease_lifetime_s(mapping_at(&p->tables, m));
    if (!lease_is_too_short(mapping_at(&p->tables, m)))
        p->short_noted = false;
    else if (cut && first_time(&p->short_noted))
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the gateway grants leases that are too short to be kept alive; ports close between "
                    "renewals %s lifetime=%u fix=\"choose another server\"",
                    mapping_text(&p->tables, m).text, (unsigned)lease->granted_s);
}

static void usable(struct proxy *p, uint16_t m, const struct upstream_outcome *o, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    const struct lease *lease = &mapping->lease;
    bool one_more = lease->state == LEASE_NONE && lease->result != NATPMP_OUT_OF_RESOURCES &&
                    mapping_find_external_port(t, mapping_other_protocol(mapping), o->external_port) == 0;
    bool rotated = lease_lives(mapping, step->now_ms);
    uint16_t old = lease->external_port != 0 ? lease->external_port : mapping->promise.port;
    p->ports_short_noted = p->ports_short_noted && !one_more;
    p->unauthorized_noted = false;
    if (lease->external_port == 0)
        wish_granted(p, m, o->suggested);
    lease_on_granted(t, m, o, step->now_ms);
    promise_on_granted(t, m);
    lease_recovered(t, m);
    /* The first attempt was sent so long ago that the lease may have ended, if the gateway granted it then.
     */
    if (mapping->is_static && !lease_lives(mapping, step->now_ms) && !lease_is_too_short(mapping))
        lease_recover(t, m);
    note_short(p, m, step);
    external_port_granted(p, m, old, rotated, step);
}

static void granted(struct proxy *p, uint16_t m, const struct upstream_outcome *o, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    enum natpmp_protocol protocol = mapping_protocol(mapping_at(t, m));
    if (proxy_is_contradicted(p, step->now_ms) && lease_on_offered(t, m, o, true, step->now_ms))
        return;
    enum port_verdict verdict = port_judge_grant(t, p->strategy, m, o->external_port, step->now_ms);
    external_port_forget_expired(p, m, o->external_port, step);
    if (verdict == PORT_UNUSABLE && !p->strategy->moves && turn_take_number(p, m, o->external_port, step))
        verdict = PORT_USABLE;
    bool one_more = verdict == PORT_USABLE && is_one_more(p, m, o->external_port, step->now_ms);
    if (one_more)
        statics_hurry(p, step);
    if (one_more && gives_way(p, m, step->now_ms))
        give_way(p, m, o, step);
    else if (verdict == PORT_USABLE && turn_comes_later(p, m, step->now_ms))
        comes_later(p, m, o, step);
    else if (verdict == PORT_USABLE)
        usable(p, m, o, step);
    else if (verdict == PORT_CONFLICTS)
        conflict(p, m, mapping_find_external_port(t, protocol, o->external_port), o, step);
    else
        unusable(p, m, o, step);
}

/* ---- refusals and silence ---- */

/* The gateway did not confirm a deletion, so it is repeated later. A mapping that is wanted does not wait for
 * that: a lease that will be requested again is requested now, which replaces it, and one whose port cannot
 * be used ends by itself. */
static void not_released(struct proxy *p, uint16_t m, uint64_t retry_ms, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    bool rejoins = mapping->lease.pair == PAIR_REJOINS;
    p->keeps_leases = true;
    if (!mapping->wanted) {
        lease_retry_at(&p->tables, m, retry_ms);
    } else if (mapping->moving) {
        lease_on_gone(&p->tables, m);
    } else {
        lease_on_not_released(&p->tables, m);
        if (rejoins) {
            statics_not_given_back(p, m, step);
            external_port_pair_settled(p, m, step);
        }
    }
}

/* A permanent error is sent to the client at once and unchanged [N-05]. Any other error, even an
 * unknown one [C-25], may disappear while the client waits, so the request is repeated. While the lease is
 * valid, an error counts no more than silence: libtorrent never asks again for a port whose renewal was
 * refused. */
static bool is_final(const struct mapping *mapping, uint16_t result, uint64_t now_ms)
{
    return (result == NATPMP_NOT_AUTHORIZED || result == NATPMP_OUT_OF_RESOURCES) &&
           lease_left_ms(mapping, now_ms) == 0;
}

static void report_refusal(struct proxy *p, uint16_t m, uint16_t result, const struct step *step)
{
    if (!is_final(mapping_at(&p->tables, m), result, step->now_ms) &&
        mapping_at(&p->tables, m)->lease.result != result)
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the gateway answered with an error; retrying result=%u %s", (unsigned)result,
                    mapping_text(&p->tables, m).text);
    if (result == NATPMP_NOT_AUTHORIZED && first_time(&p->unauthorized_noted))
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the gateway does not authorize mappings; clients are refused until it does result=2 "
                    "fix=\"" FAILURE_GET_AUTHORIZED "\"");
}

/* An answer that says success and grants nothing. After three of them the request is refused. */
static void wrongly_answered(struct proxy *p, const struct upstream_outcome *o, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, o->owner);
    upstream_heard(&p->upstream, step);
    if (o->lifetime_s == 0)
        lease_on_late(&p->tables, o->owner, 0); /* the lease may be gone */
    if (p->wrong_answers == GATEWAY_CONTRADICTIONS_NOTED || ++p->wrong_answers < GATEWAY_CONTRADICTIONS_NOTED)
        return;
    actions_log(step->out, LOG_LEVEL_WARN, component,
                "the gateway answers with success, but %s; after three such answers a mapping is refused "
                "%s lifetime=%u answered_protocol=%s answered_internal=%u answered_external=%u "
                "answered_lifetime=%u fix=\"" FAILURE_CHANGE_SERVER "\"",
                upstream_wrong_text(o, mapping_protocol(mapping), p->strategy->request_port(mapping)),
                mapping_text(&p->tables, o->owner).text, (unsigned)lease_lifetime_s(mapping),
                o->protocol == NATPMP_TCP ? "tcp" : "udp", (unsigned)o->internal_port,
                (unsigned)o->external_port, (unsigned)o->lifetime_s);
}

/* The gateway refuses the request, and did not confirm that it deleted the lease before: the lease lives on,
 * and is deleted later. */
static bool is_left(const struct proxy *p, const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    return lease->state == LEASE_UNSURE && lease->granted_ms != 0 && lease->ends_ms > now_ms &&
           !lease_is_of_before(mapping, p->lost_ms);
}

static void refused(struct proxy *p, uint16_t m, const struct upstream_outcome *o, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    uint16_t result = o->result;
    bool wrong = o->type == UPSTREAM_NOT_GRANTED;
    bool gone = wrong && o->lifetime_s == 0;
    if (wish_refused(p, m, o->suggested, step->now_ms))
        return;
    if (!wrong)
        report_refusal(p, m, result, step);
    if (result == NATPMP_NOT_AUTHORIZED || result == NATPMP_OUT_OF_RESOURCES)
        p->refuses_until_ms = step->now_ms + UINT64_C(1000) * GATEWAY_REFUSES_S;
    lease_on_refused(t, m, result, step->now_ms);
    bool room = !wrong && result == NATPMP_OUT_OF_RESOURCES && turn_make_room(p, m, step);
    bool final = is_final(mapping, result, step->now_ms) && !room;
    if (room)
        lease_retry_soon(t, m, step->now_ms);
    if (final) {
        job_refuse(t, m, (enum natpmp_result)result);
        lease_recovered(t, m);
    }
    /* A temporary error does not prove that a lease is gone which may have been granted before our start. */
    if (!gone && (lease_lives(mapping, step->now_ms) || (!final && lease_may_live(mapping, step->now_ms))))
        return;
    /* A client that still uses the external port must learn that it has none any more. */
    if (mapping->lease.state != LEASE_NONE)
        recovery_note_broken(p, m, step);
    if (gone || !is_left(p, mapping, step->now_ms))
        lease_on_gone(t, m);
    if (final && mapping->is_static)
        statics_refused(p, m, (enum natpmp_result)result, step);
    if (!final || mapping->is_static || !promise_lives(mapping, step->now_ms))
        return;
    actions_log(step->out, LOG_LEVEL_WARN, component, "%s; the mapping is removed result=%u %s",
                mapping->promise.port != 0 ? "the gateway refused to renew a mapping that it had granted"
                                           : "the gateway grants no port for a rule of an earlier run",
                (unsigned)result, mapping_text(t, m).text);
    promise_end(t, m);
}

static void unanswered(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (promise_lives(mapping, step->now_ms) && !lease_lives(mapping, step->now_ms))
        /* The client still uses the mapping but sends no request now, so the daemon requests the lease by
         * itself. */
        lease_recover(&p->tables, m);
    lease_on_unanswered(&p->tables, m, step->now_ms);
    statics_unanswered(p, m, step);
}

/* ---- outcomes ---- */

static void deleted(struct proxy *p, uint16_t m, const struct step *step)
{
    p->keeps_leases = false;
    lease_on_gone(&p->tables, m);
    statics_on_deleted(p, m, step);
}

/* With result 4 it may serve others: the ports are the daemon's own. */
static void count_refusal(struct proxy *p, const struct upstream_outcome *o, const struct step *step)
{
    if (o->result == NATPMP_OUT_OF_RESOURCES && p->leased_until_ms > step->now_ms)
        return;
    p->refusal = o->result;
    if (p->refusals == 0)
        p->refusals_since_ms = step->now_ms;
    if (p->refusals < GATEWAY_REFUSALS)
        p->refusals++;
    bool long_enough = p->refusals_since_ms + UINT64_C(1000) * GATEWAY_REFUSALS_S <= step->now_ms;
    if (p->refusals == GATEWAY_REFUSALS && long_enough && first_time(&p->refuses) && !p->unauthorized_noted)
        actions_log_failure(step->out, component, gateway_trouble_text(GATEWAY_REFUSES_MAPPINGS));
}

static void count_grant(struct proxy *p, const struct upstream_outcome *o, const struct step *step)
{
    uint64_t until_ms = step->now_ms + (uint64_t)o->lifetime_s * 1000;
    p->grants++;
    p->leased_until_ms = later_ms(p->leased_until_ms, until_ms);
    if (p->refuses)
        actions_log_state(step->out, LOG_LEVEL_INFO, component, "the gateway grants mappings again");
    p->refusals = 0;
    p->refuses = false;
}

static void end_of_transaction(struct proxy *p, const struct upstream_outcome *o, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = o->owner;
    const struct mapping *mapping = mapping_at(t, m);
    assert(mapping->client != 0 && mapping->lease.asking);
    bool refusal = o->type == UPSTREAM_FAILED || o->type == UPSTREAM_NOT_GRANTED;
    bool failed = refusal || o->type == UPSTREAM_UNANSWERED;
    bool hurry = p->stopping && o->type == UPSTREAM_UNANSWERED;
    lease_on_answered(t, m);
    turn_client(p, mapping->client);
    if (o->type == UPSTREAM_GRANTED)
        count_grant(p, o, step);
    else if (refusal && !mapping->lease.releasing)
        count_refusal(p, o, step);
    if (o->type == UPSTREAM_GRANTED && !o->wrong)
        p->wrong_answers = 0;
    p->failures += failed;
    if (failed)
        external_port_failed(p, m, step);
    if (o->type == UPSTREAM_GRANTED)
        granted(p, m, o, step);
    else if (o->type == UPSTREAM_DELETED)
        deleted(p, m, step);
    else if (mapping->lease.releasing)
        not_released(p, m, hurry ? step->now_ms : step->now_ms + RELEASE_RETRY_MS, step);
    else if (refusal)
        refused(p, m, o, step);
    else
        unanswered(p, m, step);
    mapping_touch(t, m);
}

/* ---- contradictions ---- */

/* The third round is logged, and from then on what the gateway says last counts. */
static void note_contradiction(struct proxy *p, uint16_t m, const struct upstream_outcome *o,
                               const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    bool known = proxy_is_contradicted(p, step->now_ms);
    /* A gateway's only port is advertised to no other client meanwhile, and the mapping is requested again
     * each time. */
    bool one_port = p->strategy->one_port;
    bool third = lease_is_contradicted_often(mapping, step->now_ms) &&
                 (!one_port || mapping->lease.contradictions + 1 == GATEWAY_CONTRADICTIONS_NOTED);
    if (!known && third)
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "the gateway contradicts what it granted; %s %s granted=%u sent=%u fix=\"" FAILURE_CHANGE_SERVER
            "\"",
            one_port ? "it is asked again each time"
                     : "what it sends last counts, and a mapping that it takes back is refused",
            mapping_text(&p->tables, m).text, (unsigned)mapping->lease.external_port,
            (unsigned)o->external_port);
    if (one_port || (!known && !third))
        return;
    p->contradicts_until_ms = step->now_ms + UINT64_C(1000) * GATEWAY_CONTRADICTS_S;
}

/* A success that no transaction waits for, from a gateway that contradicts itself. False: the mapping is
 * asked for again. */
static bool take_offered(struct proxy *p, uint16_t m, const struct upstream_outcome *o,
                         const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (!proxy_is_contradicted(p, step->now_ms) || !mapping->wanted || mapping->lease.asking)
        return false;
    if (o->lifetime_s != 0)
        return lease_on_offered(&p->tables, m, o, false, step->now_ms);
    if (mapping->lease.state != LEASE_GRANTED)
        return false;
    external_port_refuse_contradicted(p, m, step);
    return true;
}

/* A grant that nobody requested, of a port whose mapping has ended. The deletions of such leases have a
 * budget, because a gateway may send any number. */
static bool may_delete_unasked(struct proxy *p, uint16_t m, const struct upstream_outcome *o,
                               const struct step *step)
{
    static const struct bucket_limit limit = {.burst = GATEWAY_UNASKED_DELETIONS,
                                              .period_us = GATEWAY_UNASKED_DELETION_S * 1000000u};
    uint64_t before_ms = mapping_at(&p->tables, m)->lease.contradicted_ms;
    bool again = before_ms != 0 && before_ms + UINT64_C(1000) * GATEWAY_UNASKED_INTERVAL_S > step->now_ms;
    if (!again && bucket_due_ms(&p->unasked_deletions, limit, 1) <= step->now_ms) {
        bucket_take(&p->unasked_deletions, limit, step->now_ms);
        return true;
    }
    p->left_until_ms = later_ms(p->left_until_ms, step->now_ms + UINT64_C(1000) * o->lifetime_s);
    if (p->unasked < GATEWAY_CONTRADICTIONS_NOTED && ++p->unasked == GATEWAY_CONTRADICTIONS_NOTED)
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the gateway grants mappings that nobody requested; most of them are left to end by "
                    "themselves %s external=%u lifetime=%u fix=\"" FAILURE_CHANGE_SERVER "\"",
                    mapping_text(&p->tables, m).text, (unsigned)o->external_port, (unsigned)o->lifetime_s);
    return false;
}

/* Handles a success that belongs to no transaction, or that arrives too late to be news. */
static void unexpected(struct proxy *p, const struct upstream_outcome *o, const struct step *step)
{
    uint16_t m = p->strategy->owner(p, o);
    bool copy = o->type == UPSTREAM_UNSOLICITED && upstream_on_stranger(&p->upstream, o, m != 0, step);
    bool confirms = copy && o->lifetime_s == 0; /* a deletion that counts as unanswered */
    if (m == 0)
        return;
    const struct lease *lease = &mapping_at(&p->tables, m)->lease;
    if (o->type == UPSTREAM_LATE) {
        lease_on_late(&p->tables, m, o->external_port);
        return;
    }
    if (lease->state == LEASE_NONE && !mapping_at(&p->tables, m)->wanted && o->lifetime_s != 0 &&
        !may_delete_unasked(p, m, o, step))
        return;
    if (lease->state == LEASE_GRANTED && !confirms &&
        (o->lifetime_s == 0 || o->external_port != lease->external_port))
        note_contradiction(p, m, o, step);
    if (take_offered(p, m, o, step) || lease_on_unsolicited(&p->tables, m, o, step->now_ms))
        mapping_touch(&p->tables, m);
}

static void address_known(struct proxy *p, const struct step *step)
{
    uint32_t address = p->upstream.address;
    const char *use = address_use(address);
    actions_log(step->out, LOG_LEVEL_INFO, component, "the external address is known address=%s",
                address_text(address).text);
    if (use != NULL)
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "the external address is %s, so another NAT is behind the gateway and the ports cannot be "
            "reached address=%s "
            "fix=\"check that VPN_GATEWAY is the VPN's gateway, or choose a server with a public address\"",
            use, address_text(address).text);
    p->address_flush = true;
    server_announce(&p->server, step->now_ms); /* */
}

/* Sees the end of an outage before the first answer is used. */
static void note_answers(struct proxy *p, const struct step *step)
{
    bool answers = p->upstream.trouble == GATEWAY_FINE || p->upstream.trouble == GATEWAY_REFUSES;
    if (answers && !p->gateway_answers) {
        p->answers_since_ms = step->now_ms;
        statics_hurry(p, step);
    }
    p->gateway_answers = answers;
}

void on_gateway(struct proxy *p, const struct step *step)
{
    struct upstream_outcome o;
    note_answers(p, step);
    while (upstream_next(&p->upstream, step->now_ms, &o)) {
        switch (o.type) {
        case UPSTREAM_WRONG:
            wrongly_answered(p, &o, step);
            break;
        case UPSTREAM_NOT_GRANTED:
            wrongly_answered(p, &o, step);
            end_of_transaction(p, &o, step);
            break;
        case UPSTREAM_GRANTED:
        case UPSTREAM_DELETED:
        case UPSTREAM_FAILED:
        case UPSTREAM_UNANSWERED:
            end_of_transaction(p, &o, step);
            break;
        case UPSTREAM_UNSOLICITED:
        case UPSTREAM_LATE:
            unexpected(p, &o, step);
            break;
        case UPSTREAM_ADDRESS:
            if (p->address_decided) /* another server may answer, behind another tunnel */
                router_way_sign(&p->router, step->now_ms);
            address_known(p, step);
            break;
        case UPSTREAM_NO_ADDRESS:
            actions_log(step->out, LOG_LEVEL_WARN, component,
                        "the gateway lost its external address; clients that ask for the address are refused "
                        "until it has one");
            break;
        case UPSTREAM_STATE_LOST:
            wish_forget(p);
            p->contradicts_until_ms = 0;
            p->leased_until_ms = 0;
            router_way_sign(&p->router, step->now_ms);
            recovery_begin(p, o.asked_ms, step);
            break;
        }
    }
    bool decided = upstream_external_is_decided(&p->upstream);
    p->address_flush = p->address_flush || (decided && !p->address_decided);
    p->address_decided = decided;
}
