#include "core/drive.h"

#include "core/budget.h"
#include "core/change.h"
#include "core/deletion.h"
#include "core/job_answer.h"
#include "core/notice.h"
#include "core/external_port.h"
#include "core/port.h"
#include "core/reply.h"
#include "core/statics.h"
#include "core/strategy.h"
#include "core/turn.h"
#include "core/wish.h"

enum {
    /* After a refusal, the same request gets the same answer for this time. Otherwise a client that retries
     * at once would make the daemon add and remove a rule each time. */
    REFUSED_MS = 2000,
};

/* ---- answers to MAP requests ---- */

/* Some clients renew at intervals of their own, whatever lifetime they were granted. Their mappings are kept
 * alive, so that the port is the same when they renew. */
static bool is_kept_alive(const struct proxy *p, const struct mapping *mapping)
{
    enum lease_hold hold = p->config.lease_hold;
    return hold == LEASE_HOLD_ALWAYS || (hold == LEASE_HOLD_AUTO && p->tables.client[mapping->client].late);
}

/* What a mapping that was refused is like. */
static const char *refused_state(const struct mapping *mapping, bool goes_on)
{
    if (!goes_on)
        return "";
    return mapping->rule.state == RULE_ABSENT ? "; it has no rule on the router"
                                              : "; it stays until its lease ends";
}

static void refuse(struct proxy *p, uint16_t m, enum natpmp_result result, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    bool goes_on = promise_lives(mapping, step->now_ms);
    bool news = job_note_result(t, m, result);
    bool ignored = result == NATPMP_NETWORK_FAILURE && mapping->lease.asking && rule_forwards(mapping) &&
                   p->upstream.trouble == GATEWAY_FINE;
    actions_log(step->out, news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "mapping", "%s%s%s result=%u %s",
                goes_on ? "mapping not renewed" : "mapping refused", refused_state(mapping, goes_on),
                ignored ? "; the gateway does not answer this request, but others" : "", (unsigned)result,
                mapping_text(t, m).text);
    reply_to_job(p, m, result, 0, 0, step);
    promise_on_refused(t, m);
    if (goes_on)
        return;
    job_undo(t, m);
    if (mapping->job.refusal != 0)
        job_refuse_until(t, m, step->now_ms + REFUSED_MS);
    lease_end(t, m);
}

static void succeed(struct proxy *p, uint16_t m, uint32_t lifetime_s, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    uint16_t port = mapping->lease.external_port;
    uint16_t before = mapping->promise.port; /* an earlier run may have advertised a port */
    bool renewed = promise_lives(mapping, step->now_ms) && before != 0;
    enum log_level level = renewed && before == port ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    const char *what = !renewed ? "mapped" : level == LOG_LEVEL_DEBUG ? "renewed" : "changed";
    job_note_result(t, m, NATPMP_SUCCESS);
    promise_on_advertised(t, m, lifetime_s, is_kept_alive(p, mapping), step->now_ms);
    if (level <= step->out->log_level)
        actions_log(step->out, level, "mapping", "%s %s external=%u lifetime=%u", what,
                    mapping_text(t, m).text, (unsigned)port, (unsigned)lifetime_s);
    reply_to_job(p, m, NATPMP_SUCCESS, port, lifetime_s, step);
}

/* The client may have more than the rule's comment says, and the router is about to write that. */
static bool comment_is_short(const struct proxy *p, const struct mapping *mapping)
{
    uint32_t due_s =
        mapping->lease.granted_s < mapping->job.asked_s ? mapping->lease.granted_s : mapping->job.asked_s;
    return mapping->lease.state == LEASE_GRANTED && mapping->rule.comment_sure_s < due_s &&
           router_is_ready(&p->router);
}

static struct job_facts facts_of(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint64_t until_ms = mapping->promise.advertised_until_ms;
    return (struct job_facts){
        .waited_ms = now_ms - mapping->job.since_ms,
        .lease_left_ms = lease_left_ms(mapping, now_ms),
        .advertised_left_ms = until_ms > now_ms ? until_ms - now_ms : 0,
        .asked_s = mapping->job.asked_s,
        .comment_s = mapping->rule.comment_sure_s,
        .comment_pending = comment_is_short(p, mapping),
        .refusal = mapping->job.refusal,
        .wanted_here = mapping_is_wanted_here(mapping),
        .rule_forwards = rule_forwards(mapping) && (p->strategy->fits == NULL || p->strategy->fits(mapping)),
        .grant_due = mapping->lease.due,
        .pair_open = mapping->lease.pair != PAIR_SETTLED,
        .rejoins = mapping->lease.pair == PAIR_REJOINS,
        .lease_doubted = p->upstream.epoch_doubted || mapping->lease.recover,
        .lease_fresh = proxy_may_be_contradicted(p, mapping, now_ms),
        .again = mapping->job.again,
        .no_resources =
            mapping->lease.result == NATPMP_OUT_OF_RESOURCES || change_is_over_budget(p, m, now_ms),
    };
}

static void settle_map(struct proxy *p, uint16_t m, const struct step *step)
{
    struct job_facts facts = facts_of(p, m, step->now_ms);
    struct job_decision decision = job_decide(&facts);
    switch (decision.verdict) {
    case JOB_WAITS:
        break;
    case JOB_NEEDS_GRANT:
        lease_set_due(&p->tables, m);
        break;
    case JOB_SUCCEEDS:
        succeed(p, m, decision.lifetime_s, step);
        break;
    case JOB_REPEATS:
        promise_on_repeated(&p->tables, m);
        reply_to_job(p, m, NATPMP_SUCCESS, mapping_at(&p->tables, m)->lease.external_port,
                     decision.lifetime_s, step);
        break;
    case JOB_REFUSED:
        refuse(p, m, decision.result, step);
        break;
    }
}

/* ---- one mapping ---- */

/* RFC 6886 section 3.4: a mapping ends when its lifetime has ended and no client has renewed it [M-21]. */
static void settle_promise(struct proxy *p, uint16_t m, const struct step *step)
{
    if (promise_wants(mapping_at(&p->tables, m), step->now_ms) != PROMISE_WANTS_END)
        return;
    const struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t port = mapping->lease.external_port != 0 ? mapping->lease.external_port : mapping->promise.port;
    actions_log(step->out, LOG_LEVEL_INFO, "mapping", "expired %s external=%u",
                mapping_text(&p->tables, m).text, (unsigned)port);
    lease_end(&p->tables, m);
}

/* Withdraws a request that is not wanted any more. The gateway may have granted it already, so a deletion
 * follows. */
static void withdraw(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    /* If the gateway chooses the port, only its answer names the port to delete, so the request
     * cannot be withdrawn. */
    if (!mapping->lease.asking || mapping->lease.releasing || mapping_is_wanted_here(mapping) ||
        !p->strategy->withdraws)
        return;
    upstream_withdraw(&p->upstream, mapping_protocol(mapping), p->strategy->request_port(mapping),
                      step->now_ms);
    lease_on_withdrawn(&p->tables, m, step->now_ms);
    turn_client(p, mapping->client);
}

static void settle_lease(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    withdraw(p, m, step);
    lease_on_time(t, m, step->now_ms);
    if (!mapping_is_wanted_here(mapping)) {
        lease_recovered(t, m);
        lease_set_pair(t, m, PAIR_SETTLED);
    }
    if (lease_is_over(p->strategy, mapping, step->now_ms)) {
        lease_on_gone(t, m);
        if (mapping->moving)
            mapping_touch(t, m); /* its router port can be chosen now */
    }
    turn_queue(p, m, step);
    mapping_set_spare(t, m, budget_is_spare(mapping, step->now_ms));
}

/* The record of an expired mapping is kept for as long as its client may come back late, because only the
 * record shows that the client is late. */
static uint64_t quarantine_until_ms(const struct proxy *p, const struct mapping *mapping, uint64_t now_ms)
{
    bool lapsed = mapping->promise.advertised_until_ms != 0 && p->config.lease_hold == LEASE_HOLD_AUTO;
    uint64_t until_ms = now_ms + QUARANTINE_MS;
    return lapsed ? later_ms(until_ms, promise_keep_alive_until_ms(mapping)) : until_ms;
}

/* The time at which the mapping changes although no event touches it; UINT64_MAX: never. */
static uint64_t due_ms(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint64_t job_ms = earlier_ms(job_due_ms(mapping, now_ms), promise_due_ms(mapping, now_ms));
    if (mapping->job.kind == JOB_MAP && comment_is_short(p, mapping))
        job_ms = sooner_ms(job_ms, mapping->job.since_ms + COMMENT_MS, now_ms);
    if (proxy_is_contradicted(p, now_ms))
        job_ms = sooner_ms(job_ms, lease_fresh_until_ms(mapping), now_ms);
    uint64_t rule_ms = earlier_ms(rule_due_ms(mapping, now_ms), change_due_ms(p, m, now_ms));
    return earlier_ms(job_ms, earlier_ms(rule_ms, turn_due_ms(p, m, now_ms)));
}

static void drive_one(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    if (mapping_is_quarantined(t, m)) {
        if (!heap_has(&t->due, m)) /* the quarantine has ended */
            mapping_free(t, m);
        return;
    }
    p->strategy->settle_port(p, m, step);
    external_port_take_offer(p, m, step);
    if (mapping->job.kind == JOB_MAP)
        settle_map(p, m, step);
    else if (mapping->job.kind == JOB_DELETE)
        deletion_settle(p, m, step);
    settle_promise(p, m, step);
    settle_lease(p, m, step);
    if (notice_mapping(p, m, step) && mapping->is_static)
        statics_report(p, m, step);
    change_queue(p, m, step);
    if (!mapping_is_over(t, m)) {
        heap_set(&t->due, m, due_ms(p, m, step->now_ms));
    } else if (mapping->router_port == 0) {
        mapping_free(t, m);
    } else {
        mapping_quarantine(t, m, step->now_ms);
        if (p->strategy->ended != NULL)
            p->strategy->ended(t, m);
        heap_set(&t->due, m, quarantine_until_ms(p, mapping, step->now_ms));
    }
}

/* ---- towards the router ---- */

static bool add_rule(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    struct rule_comment comment = rule_comment_wanted(mapping);
    struct router_rule rule = {
        .protocol = mapping_protocol(mapping), /* only the requested protocol [M-07] [M-08] */
        .router_port = mapping->router_port,
        .client = mapping_address(&p->tables, m),
        .internal_port = mapping->internal_port,
        .external_port = comment.external_port,
        .lease_s = comment.lease_s,
    };
    if (!router_add(&p->router, m, &rule, step))
        return false;
    rule_on_add_sent(&p->tables, m);
    return true;
}

static bool set_comment(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    struct rule_comment comment = rule_comment_wanted(mapping);
    if (!router_set_comment(&p->router, m, mapping->rule.id, comment.external_port, comment.lease_s, step))
        return false;
    rule_on_comment_sent(&p->tables, m);
    return true;
}

/* Sends the command that the rule wants. False: the router cannot take a command now. */
static bool command_router(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    switch (rule_wants(mapping, step->now_ms)) {
    case RULE_WANTS_NOTHING:
        return true;
    case RULE_WANTS_ADD:
        return add_rule(p, m, step);
    case RULE_WANTS_COMMENT:
        return set_comment(p, m, step);
    case RULE_WANTS_REMOVE:
        break;
    }
    if (!router_remove(&p->router, m, mapping->rule.id, step))
        return false;
    rule_on_remove_sent(&p->tables, m);
    return true;
}

static void pump_router(struct proxy *p, const struct step *step)
{
    uint16_t m;
    while (router_is_ready(&p->router) && (m = change_next(p, step)) != 0) {
        if (!actions_room(step->out)) {
            p->more = true;
            return;
        }
        enum rule_want want = rule_wants(mapping_at(&p->tables, m), step->now_ms);
        /* When the way to the gateway is found, all mappings are touched again. */
        bool wanted = want == RULE_WANTS_ADD ? router_way_is_known(&p->router) : want != RULE_WANTS_NOTHING;
        if (wanted && !command_router(p, m, step))
            return;
        change_done(p, m, wanted, step);
    }
}

/* ---- towards the gateway ---- */

static void pump_gateway(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    enum lease_want want;
    uint16_t m;
    while ((m = turn_next(p, &want, step)) != 0) {
        const struct mapping *mapping = mapping_at(t, m);
        bool grant = want == LEASE_WANTS_GRANT;
        uint16_t port = grant ? p->strategy->request_port(mapping) : p->strategy->release_port(mapping);
        uint16_t suggestion = grant ? wish_suggestion(p, m, step->now_ms) : 0;
        uint32_t lifetime_s = grant ? lease_lifetime_s(mapping) : 0;
        upstream_ask(&p->upstream, m, mapping_protocol(mapping), port, suggestion, lifetime_s, step);
        if (grant)
            wish_sent(p, m, suggestion, step->now_ms);
        lease_on_asked(t, m, lifetime_s, step->now_ms);
        turn_client(p, mapping->client);
    }
}

/* ---- all of them ---- */

void drive(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    while (heap_due_ms(&t->due) <= step->now_ms) {
        uint16_t m = heap_first(&t->due);
        heap_set(&t->due, m, UINT64_MAX);
        mapping_touch(t, m);
    }
    /* Router and gateway are asked in the same step, so that a new mapping takes one round trip. */
    do {
        while (t->drive.first != 0 && actions_room(step->out))
            drive_one(p, list_pop(&t->drive, t->to_drive), step);
        pump_router(p, step);
        pump_gateway(p, step);
    } while (t->drive.first != 0 && actions_room(step->out));
    p->more = p->more || t->drive.first != 0;
    reply_pump_addresses(p, step);
}
