#include "core/proxy_parts.h"

#include <assert.h>

enum {
    /* At start the first announcement waits for the external address, but not long. */
    FIRST_ANNOUNCEMENT_MS = 2000,
    /* RouterOS and Docker kill after ten seconds. */
    STOP_MS = 5000,
};

size_t proxy_size(void)
{
    return sizeof(struct proxy);
}

void proxy_init(struct proxy *p, const struct proxy_config *config, uint64_t seed)
{
    assert(config->client_mappings_max > 0 && config->client_mappings_max <= CLIENT_MAPPINGS_MAX);
    p->config = *config;
    p->prng = prng_seeded(seed);
    p->adopting = true;
    p->recover_ms = UINT64_MAX;
    p->recover_until_ms = UINT64_MAX;
    upstream_init(&p->upstream);
    router_init(&p->router, p->config.user, p->config.password, p->config.instance, p->config.in_interface,
                p->config.gateway, prng_next(&p->prng));
}

static void start(struct proxy *p)
{
    p->started = true;
    server_init(&p->server, p->now_ms);
    server_announce(&p->server, p->now_ms + FIRST_ANNOUNCEMENT_MS); /* section 3.2.1 */
    upstream_start(&p->upstream, p->now_ms);
}

/* ---- the end ---- */

static unsigned unfinished(const struct proxy *p)
{
    return (unsigned)p->tables.records - p->tables.at_rest;
}

/* Who waits gets no answer: a restart may follow, and an error would make some clients give up for good. */
static void stop_mapping(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    struct waiter waiter;
    if (mapping->work == WORK_MAP) {
        while (waiter_take(&p->tables, &mapping->waiters, &waiter))
            continue;
        mapping_set_work(&p->tables, m, WORK_NONE);
    }
    if (mapping->ends_ms > p->now_ms) {
        mapping_set_work(&p->tables, m, WORK_DELETE); /* nobody waits, but its end is told */
        mapping->work_since_ms = p->now_ms;
    }
    mapping->ends_ms = 0;
    mapping->moving = false;
    mapping_set_ask_retry(&p->tables, mapping, 0);
    mapping_set_rule_retry(&p->tables, mapping, 0);
    mapping_set_wanted(&p->tables, m, false);
    mapping_touch(&p->tables, m);
}

static void stop(struct proxy *p, struct actions *out)
{
    if (p->stopping)
        return;
    p->stopping = true;
    p->stop_ms = p->now_ms + STOP_MS;
    server_stop(&p->server);
    actions_log(out, LOG_LEVEL_INFO, "proxy", "stopping: all mappings are removed mappings=%u",
                (unsigned)p->tables.live);
    for (unsigned i = 1; i <= p->tables.used_mappings; i++)
        if (p->tables.mapping[i].client != 0)
            stop_mapping(p, (uint16_t)i);
    for (uint16_t c = 1; c <= p->tables.used_clients; c++)
        if (p->tables.client[c].address != 0)
            proxy_client_turn(p, c);
    router_hurry(&p->router, p->now_ms);
}

static void exit_when_done(struct proxy *p, struct actions *out)
{
    bool in_time = p->now_ms < p->stop_ms;
    if (!p->stopping || p->exited || (unfinished(p) > 0 && in_time) || !actions_room(out))
        return;
    unsigned rules = 0;
    unsigned leases = 0;
    for (unsigned i = 1; i <= p->tables.used_mappings; i++) {
        rules += p->tables.mapping[i].rule != RULE_ABSENT;
        leases += p->tables.mapping[i].lease != LEASE_NONE;
    }
    if (rules + leases > 0)
        actions_log(
            out, LOG_LEVEL_WARN, "proxy",
            "stopped, but router or gateway did not answer in time: the next start takes over the rules, the "
            "leases end by themselves rules=%u leases=%u",
            rules, leases);
    else
        actions_log(out, LOG_LEVEL_INFO, "proxy",
                    "stopped: nothing is left on the router and at the gateway");
    p->exited = true;
    actions_push(out, (struct action){.type = ACTION_EXIT});
}

/* ---- one step ---- */

static void take_event(struct proxy *p, const struct event *event, struct actions *out)
{
    switch (event->type) {
    case EVENT_START:
        start(p);
        break;
    case EVENT_DEADLINE:
        break;
    case EVENT_LAN:
        proxy_lan_request(p, event, out);
        break;
    case EVENT_GATEWAY:
        upstream_receive(&p->upstream, event->gateway, p->now_ms, out);
        break;
    case EVENT_GATEWAY_ERROR:
        upstream_error(&p->upstream, event->gateway_error, out);
        break;
    case EVENT_ROUTER_OPEN:
        p->upstream.router_local = event->router.local;
        router_event(&p->router, event, out);
        break;
    case EVENT_ROUTER_DATA:
    case EVENT_ROUTER_CLOSED:
        router_event(&p->router, event, out);
        break;
    case EVENT_STOP:
        stop(p, out);
        break;
    }
}

void proxy_step(struct proxy *p, const struct event *event, struct actions *out)
{
    actions_clear(out, p->config.log_level);
    assert(p->started != (event->type == EVENT_START) && event->now_ms >= p->now_ms);
    p->now_ms = event->now_ms;
    p->more = false;
    p->upstream.local = event->gateway_local;
    if (p->exited)
        return;
    take_event(p, event, out);
    proxy_take_router(p, out);
    proxy_take_upstream(p, out);
    router_tick(&p->router, p->now_ms, out);
    upstream_tick(&p->upstream, p->now_ms, out);
    proxy_take_router(p, out);
    proxy_take_upstream(p, out);
    proxy_tick_recovery(p, out);
    server_tick(&p->server, p->upstream.address_known ? p->upstream.address : 0, p->now_ms, out);
    proxy_drive(p, out);
    exit_when_done(p, out);
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

uint64_t proxy_deadline_ms(const struct proxy *p)
{
    if (p->exited)
        return UINT64_MAX;
    uint64_t deadline_ms = p->more ? p->now_ms : heap_due_ms(&p->tables.due);
    deadline_ms = earlier(deadline_ms, upstream_deadline_ms(&p->upstream));
    deadline_ms = earlier(deadline_ms, router_deadline_ms(&p->router));
    deadline_ms = earlier(deadline_ms, server_deadline_ms(&p->server));
    deadline_ms = earlier(deadline_ms, proxy_addresses_deadline_ms(p));
    deadline_ms = earlier(deadline_ms, earlier(p->recover_ms, p->recover_until_ms));
    if (p->stopping)
        deadline_ms = earlier(deadline_ms, p->stop_ms);
    return deadline_ms > p->now_ms ? deadline_ms : p->now_ms;
}
