#include "core/turn.h"

#include "core/budget.h"
#include "core/recovery.h"
#include "core/statics.h"
#include "core/strategy.h"

enum {
    /* Clients that were refused ask again within this time, and so do static mappings. */
    SHORT_MS = 60 * 1000,
    /* A client waits for so long while a static mapping is about to get its port, and looks so often whether
     * it has. If the client is then granted a port that the static mapping needs, it waits once more. */
    STATICS_FIRST_MS = 2000,
    STATICS_LOOK_MS = 250,
    /* Three copies of a deletion are sent in this time. */
    HURRY_MS = 2000,
    HURRY_APART_MS = 30 * 1000,
};

/* ---- turns ---- */

static bool may_ask(const struct proxy *p, uint16_t m, enum lease_want want, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    if (want == LEASE_WANTS_NOTHING || mapping->lease.asking || mapping->lease.retry_ms > now_ms)
        return false;
    return want == LEASE_WANTS_RELEASE || upstream_quiet_ms(&p->upstream, mapping_protocol(mapping),
                                                            p->strategy->request_port(mapping)) <= now_ms;
}

static enum lease_want wants(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    enum lease_want want = lease_wants(p->strategy, &p->tables.mapping[m], now_ms);
    return may_ask(p, m, want, now_ms) ? want : LEASE_WANTS_NOTHING;
}

void turn_queue(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = mapping_at(t, m)->client;
    if (wants(p, m, step->now_ms) == LEASE_WANTS_NOTHING)
        return;
    list_push(&t->client[c].queue, t->to_ask, m);
    turn_client(p, c);
}

uint64_t turn_due_ms(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint64_t due_ms = lease_due_ms(p->strategy, mapping, now_ms);
    if (lease_wants(p->strategy, mapping, now_ms) != LEASE_WANTS_GRANT)
        return due_ms;
    uint16_t port = p->strategy->request_port(mapping);
    return sooner_ms(due_ms, upstream_quiet_ms(&p->upstream, mapping_protocol(mapping), port), now_ms);
}

/* When the daemon stops, no client waits for its turn, so all deletions are sent in parallel. */
void turn_client(struct proxy *p, uint16_t c)
{
    struct mapping_tables *t = &p->tables;
    unsigned limit = p->stopping ? UPSTREAM_PARALLEL_MAX : 1;
    bool waits = t->client[c].queue.first != 0 || t->client[c].releases.first != 0;
    if (waits && t->client[c].asking < limit)
        list_push(&t->client_ready, t->client_ready_link, c);
}

bool turn_comes_later(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    return p->ports_short_until_ms > now_ms && p->upstream.trouble == GATEWAY_FINE && !mapping->is_static &&
           !promise_lives(mapping, now_ms) &&
           (recovery_due_ms(p) != UINT64_MAX || statics_come_before(p, m, now_ms));
}

static bool waits_for_statics(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    bool may_wait = mapping->lease.gave_way || mapping->job.since_ms + STATICS_FIRST_MS > step->now_ms;
    if (may_wait && p->recover_ms != UINT64_MAX)
        statics_hurry(p, step);
    return may_wait && statics_come_before(p, m, step->now_ms);
}

uint16_t turn_next(struct proxy *p, enum lease_want *ret_want, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    while (t->client_ready.first != 0 && upstream_free(&p->upstream)) {
        if (!actions_room(step->out)) {
            p->more = true;
            return 0;
        }
        uint16_t c = list_pop(&t->client_ready, t->client_ready_link);
        struct client *client = &t->client[c];
        uint16_t m = list_pop(&client->queue, t->to_ask);
        bool waits = m != 0;
        if (!waits)
            m = list_pop(&client->releases, t->to_release);
        *ret_want = m != 0 ? wants(p, m, step->now_ms) : LEASE_WANTS_NOTHING;
        if (waits && p->keeps_leases && *ret_want == LEASE_WANTS_RELEASE) {
            list_push(&client->releases, t->to_release, m);
        } else if (*ret_want == LEASE_WANTS_GRANT && turn_comes_later(p, m, step->now_ms)) {
            turn_refuse(p, m, step);
            mapping_touch(t, m);
        } else if (*ret_want == LEASE_WANTS_GRANT && waits_for_statics(p, m, step)) {
            lease_retry_at(t, m, step->now_ms + STATICS_LOOK_MS);
            mapping_touch(t, m);
        } else if (*ret_want != LEASE_WANTS_NOTHING) {
            if (p->strategy->claim == NULL ||
                p->strategy->claim(p, m, *ret_want == LEASE_WANTS_RELEASE, step))
                return m;
            mapping_touch(t, m); /* drive computes when to try again */
        }
        turn_client(p, c);
    }
    return 0;
}

/* ---- room at the gateway ---- */

static void report_no_port(struct proxy *p, const struct step *step)
{
    p->ports_short_until_ms = step->now_ms + SHORT_MS;
    if (!first_time(&p->ports_short_noted))
        return;
    struct budget_use use = budget_use(&p->tables);
    if (p->strategy->no_port != NULL)
        actions_log(step->out, LOG_LEVEL_WARN, "gateway", "%s", p->strategy->no_port);
    else
        actions_log(step->out, LOG_LEVEL_WARN, "gateway",
                    "the gateway has no port left; a new mapping replaces one that its client stopped "
                    "renewing, or is refused "
                    "ports=%u ending=%u clients=\"%s\" "
                    "fix=\"ProtonVPN gives five ports in all: map fewer\"",
                    use.ports, use.ending, budget_holders(&p->tables, true).text);
}

static void release(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    bool in_use = promise_is_in_use(mapping_at(t, m), step->now_ms);
    actions_log(step->out, in_use ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "mapping",
                "mapping released: %s the port %s external=%u",
                in_use ? "a static mapping needs" : "its client stopped renewing, and another client needs",
                mapping_text(t, m).text, (unsigned)mapping_at(t, m)->lease.external_port);
    if (in_use)
        recovery_note_broken(p, m, step);
    promise_end(t, m);
    lease_end(t, m);
    mapping_touch(t, m);
}

static void hurry_deletions(struct mapping_tables *t)
{
    uint16_t m = t->spare.first;
    for (unsigned i = 0; m != 0 && i < BUDGET_SEARCH_MAX; i++, m = t->spare_link[m].next) {
        if (mapping_at(t, m)->wanted)
            continue;
        lease_retry_at(t, m, 0);
        mapping_touch(t, m);
    }
}

/* While the gateway confirms no deletions, requests cause another attempt only so often, and wait for it only
 * so long. */
static bool may_hurry(struct proxy *p, uint64_t now_ms)
{
    if (p->keeps_leases && p->hurried_ms + HURRY_APART_MS <= now_ms)
        p->hurried_ms = now_ms;
    return !p->keeps_leases || now_ms < p->hurried_ms + HURRY_MS;
}

static bool carry_out(struct proxy *p, struct budget_decision decision, const struct step *step)
{
    switch (decision.verdict) {
    case BUDGET_NOTHING:
        return false;
    case BUDGET_HURRY:
        hurry_deletions(&p->tables);
        break;
    case BUDGET_RELEASE:
        release(p, decision.mapping, step);
        if (decision.other != 0)
            release(p, decision.other, step);
        break;
    }
    return true;
}

/* A static mapping may take the port of a client that uses it. If that did not help, the gateway is not short
 * of ports, and taking one client's port after the other would help as little. */
static bool may_displace(struct proxy *p, struct budget_decision decision, const struct step *step)
{
    if (decision.verdict != BUDGET_RELEASE ||
        !promise_is_in_use(mapping_at(&p->tables, decision.mapping), step->now_ms))
        return true;
    if (p->displaces_from_ms > step->now_ms)
        return false;
    p->displaces_from_ms = step->now_ms + UINT64_C(1000) * STATIC_DISPLACES_S;
    return true;
}

bool turn_make_room(struct proxy *p, uint16_t m, const struct step *step)
{
    report_no_port(p, step);
    struct budget_decision decision =
        budget_make_room(&p->tables, m, may_hurry(p, step->now_ms), step->now_ms);
    return may_displace(p, decision, step) && carry_out(p, decision, step);
}

bool turn_yield(struct proxy *p, uint16_t m, uint16_t holder, const struct step *step)
{
    return carry_out(p, budget_yield(&p->tables, m, holder, step->now_ms), step);
}

bool turn_take_number(struct proxy *p, uint16_t m, uint16_t external_port, const struct step *step)
{
    struct budget_decision decision = budget_take_number(&p->tables, m, external_port);
    if (!may_displace(p, decision, step) || !carry_out(p, decision, step))
        return false;
    lease_on_taken(&p->tables, decision.mapping);
    return true;
}

void turn_refuse(struct proxy *p, uint16_t m, const struct step *step)
{
    job_refuse(&p->tables, m, NATPMP_OUT_OF_RESOURCES);
    lease_recovered(&p->tables, m);
    if (mapping_at(&p->tables, m)->is_static) {
        lease_retry_later(&p->tables, m, step->now_ms);
        statics_refused(p, m, NATPMP_OUT_OF_RESOURCES, step);
        return;
    }
    recovery_note_broken(p, m, step);
    promise_end(&p->tables, m);
}
