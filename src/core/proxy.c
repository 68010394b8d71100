#include "core/proxy.h"

#include <assert.h>

#include "core/change.h"
#include "core/drive.h"
#include "core/entries.h"
#include "core/notice.h"
#include "core/on_gateway.h"
#include "core/on_lan.h"
#include "core/on_router.h"
#include "core/recovery.h"
#include "core/reply.h"
#include "core/strategy.h"
#include "core/turn.h"

enum {
    /* RouterOS and Docker kill a container that has not stopped after ten seconds. */
    STOP_MS = 5000,
};

size_t proxy_size(void)
{
    return sizeof(struct proxy);
}

void proxy_init(struct proxy *p, const struct proxy_config *config, uint64_t seed)
{
    assert(config->client_mappings_max > 0 && config->client_mappings_max <= CLIENT_MAPPINGS_MAX);
    assert(config->mappings_max > 0);
    assert(config->router_changes_per_s <= ROUTER_CHANGES_MAX);
    p->config = *config;
    p->strategy = config->gateway_mode == GATEWAY_MODE_SYMMETRIC ? &strategy_symmetric : &strategy_normal;
    p->prng = prng_seeded(seed);
    p->adopting = true;
    p->recover_ms = UINT64_MAX;
    p->recover_until_ms = UINT64_MAX;
    upstream_init(&p->upstream);
    router_init(&p->router, p->config.user, p->config.password, p->config.instance, p->config.in_interface,
                p->config.gateway, prng_next(&p->prng));
    router_set_script(&p->router, p->config.change_script);
}

const char *proxy_password(const struct proxy *p)
{
    return p->config.password;
}

static void start(struct proxy *p)
{
    p->started = true;
    p->started_ms = p->now_ms;
    server_init(&p->server, p->now_ms);
    server_announce(&p->server, p->now_ms + SERVER_FIRST_ANNOUNCEMENT_MS); /* section 3.2.1 */
    upstream_start(&p->upstream, p->now_ms);
    router_start(&p->router, p->now_ms);
}

/* ---- the end ---- */

static unsigned unfinished(const struct proxy *p)
{
    return (unsigned)p->tables.records - p->tables.quarantined;
}

/* A client that waits gets no answer, because a restart may follow, and some clients never ask again after an
 * error. */
static void stop_mapping(struct proxy *p, uint16_t m)
{
    struct mapping_tables *t = &p->tables;
    struct pending_reply reply;
    mapping_set_static(t, m, false);
    if (mapping_at(t, m)->job.kind == JOB_MAP) {
        while (job_take_pending(t, m, &reply))
            continue;
        job_end(t, m);
    }
    if (promise_lives(mapping_at(t, m), p->now_ms))
        job_begin_delete(t, m, p->now_ms); /* no client waits for it, but the end is logged */
    promise_stop(t, m);
    lease_retry_at(t, m, 0);
    rule_hurry(t, m);
    lease_end(t, m);
    mapping_touch(t, m);
}

static void stop(struct proxy *p, const struct step *step)
{
    if (p->stopping)
        return;
    p->stopping = true;
    p->stop_ms = step->now_ms + STOP_MS;
    server_stop(&p->server);
    actions_log(step->out, LOG_LEVEL_INFO, "proxy", "stopping; all mappings are removed mappings=%u",
                (unsigned)p->tables.live);
    for (unsigned i = 1; i <= p->tables.used_mappings; i++)
        if (p->tables.mapping[i].client != 0)
            stop_mapping(p, (uint16_t)i);
    for (uint16_t c = 1; c <= p->tables.used_clients; c++)
        if (p->tables.client[c].address != 0)
            turn_client(p, c);
    router_hurry(&p->router, step->now_ms);
}

/* Rules of an earlier run are adopted in order to be removed. Those that another daemon adopts are its own.
 */
static bool knows_rules(const struct proxy *p)
{
    return p->standing_by || router_is_tidy(&p->router);
}

/* The script of ON_CHANGE_SCRIPT learns that no mapping is left, and no claim is left behind. */
static bool has_work(struct proxy *p)
{
    return unfinished(p) > 0 || !knows_rules(p) || router_finish_script(&p->router, p->now_ms) ||
           router_finish_claim(&p->router, p->now_ms);
}

static void report_end(const struct proxy *p, const struct step *step)
{
    unsigned rules = 0;
    unsigned leases[LEASE_UNSURE + 1] = {0};
    for (unsigned i = 1; i <= p->tables.used_mappings; i++) {
        rules += p->tables.mapping[i].rule.state != RULE_ABSENT;
        leases[p->tables.mapping[i].lease.state]++;
    }
    bool confirmed = rules + leases[LEASE_GRANTED] + leases[LEASE_UNSURE] == 0;
    if (!confirmed)
        actions_log(
            step->out, LOG_LEVEL_WARN, "proxy",
            "stopped before the end of everything was confirmed: the next start adopts the rules, and "
            "leases expire by themselves rules=%u leases=%u unsure=%u",
            rules, leases[LEASE_GRANTED], leases[LEASE_UNSURE]);
    if (!knows_rules(p))
        actions_log(
            step->out, LOG_LEVEL_WARN, "proxy",
            "stopped before it was known which rules are on the router: rules of an earlier run may be left "
            "fix=\"start double-natpmp again, or remove the rules whose comment begins with "
            "double-natpmp/%s\"",
            p->config.instance);
    else if (p->standing_by)
        actions_log(
            step->out, LOG_LEVEL_INFO, "proxy",
            "stopped; another double-natpmp with this INSTANCE serves, and its rules and leases stay");
    else if (confirmed && p->left_until_ms > step->now_ms)
        actions_log(
            step->out, LOG_LEVEL_INFO, "proxy",
            "stopped; nothing is left on the router; at the gateway, leases that could not be deleted "
            "end by themselves seconds=%u",
            (unsigned)((p->left_until_ms - step->now_ms) / 1000 + 1));
    else if (confirmed)
        actions_log(step->out, LOG_LEVEL_INFO, "proxy",
                    "stopped; nothing is left on the router or at the gateway");
}

static void exit_when_done(struct proxy *p, const struct step *step)
{
    bool in_time = step->now_ms < p->stop_ms;
    if (!p->stopping || p->exited || !actions_room(step->out) || (in_time && has_work(p)))
        return;
    actions_log_held(step->out, UINT64_MAX - 1);
    report_end(p, step);
    p->exited = true;
    actions_push(step->out, (struct action){.type = ACTION_EXIT});
}

/* ---- one step ---- */

/* While the daemon stands by, requests remain unanswered, and what the gateway says is for the other daemon.
 */
static bool is_heard(const struct proxy *p, enum event_type type)
{
    return !p->standing_by || (type != EVENT_LAN && type != EVENT_GATEWAY && type != EVENT_GATEWAY_ERROR);
}

static void take_event(struct proxy *p, const struct event *event, const struct step *step)
{
    if (!is_heard(p, event->type))
        return;
    switch (event->type) {
    case EVENT_START:
        start(p);
        break;
    case EVENT_DEADLINE:
        break;
    case EVENT_LAN:
        on_lan(p, event, step);
        break;
    case EVENT_GATEWAY:
        upstream_receive(&p->upstream, event->gateway, step);
        break;
    case EVENT_GATEWAY_ERROR:
        upstream_report(&p->upstream, event->gateway_error, step->out); /* RFC 6886 section 3.1 [C-08] */
        break;
    case EVENT_ROUTER_OPEN:
        p->upstream.router_local = event->router.local;
        router_event(&p->router, event, step);
        break;
    case EVENT_ROUTER_DATA:
    case EVENT_ROUTER_CLOSED:
        router_event(&p->router, event, step);
        break;
    case EVENT_ASKED:
        router_count(&p->router, step);
        break;
    case EVENT_STOP:
        stop(p, step);
        break;
    }
}

void proxy_step(struct proxy *p, const struct event *event, struct actions *out)
{
    struct step step = {.now_ms = event->now_ms, .out = out};
    actions_clear(out, p->config.log_level);
    actions_limit_logs(out, &p->log_rates, event->now_ms);
    assert(p->started != (event->type == EVENT_START) && event->now_ms >= p->now_ms);
    p->now_ms = event->now_ms;
    p->more = false;
    p->upstream.local = event->gateway_local;
    if (p->exited)
        return;
    take_event(p, event, &step);
    /* First what the event brought, then what is due by now: time-outs have outcomes, too. */
    on_router(p, &step);
    on_gateway(p, &step);
    router_tick(&p->router, &step);
    if (router_way_note(&p->router, p->upstream.local, p->upstream.sent_ms,
                        (enum gateway_trouble)p->upstream.trouble, step.now_ms) &&
        !p->standing_by)
        upstream_refresh(&p->upstream, step.now_ms);
    upstream_tick(&p->upstream, &step);
    on_router(p, &step);
    on_gateway(p, &step);
    if (!p->standing_by) {
        recovery_tick(p, &step);
        server_tick(&p->server, p->upstream.address_known ? p->upstream.address : 0, &step);
        drive(p, &step);
        entries_tick(p, &step);
    }
    notice_tick(p, &step);
    actions_log_held(out, p->now_ms);
    exit_when_done(p, &step);
}

uint64_t proxy_deadline_ms(const struct proxy *p)
{
    if (p->exited)
        return UINT64_MAX;
    uint64_t deadline_ms = p->more ? p->now_ms : heap_due_ms(&p->tables.due);
    deadline_ms = earlier_ms(deadline_ms, upstream_deadline_ms(&p->upstream));
    deadline_ms = earlier_ms(deadline_ms, router_deadline_ms(&p->router));
    deadline_ms = earlier_ms(deadline_ms, server_deadline_ms(&p->server));
    deadline_ms = earlier_ms(deadline_ms, reply_addresses_due_ms(p));
    deadline_ms = earlier_ms(deadline_ms, recovery_due_ms(p));
    deadline_ms = earlier_ms(deadline_ms, log_rates_due_ms(&p->log_rates));
    deadline_ms = earlier_ms(deadline_ms, change_ready_ms(p, p->now_ms));
    if (p->stopping)
        deadline_ms = earlier_ms(deadline_ms, p->stop_ms);
    return later_ms(deadline_ms, p->now_ms);
}
