#include "check/check_parts.h"

enum { STOP_MS = 5000 };

void check_init(struct check *c, const struct check_config *config, bool version_only, uint64_t seed)
{
    c->config = config;
    c->version_only = version_only;
    c->prng = prng_seeded(seed);
    c->gateway_phase = version_only ? GATEWAY_ENDED : GATEWAY_ADDRESS;
    c->stop_ms = UINT64_MAX;
    c->survey.config = config;
    session_init(&c->session, 0);
    upstream_init(&c->upstream);
}

static void start(struct check *c, uint64_t now_ms, struct actions *out)
{
    c->gateway_ms = now_ms;
    check_start_router(c, now_ms, out);
    if (!c->version_only)
        upstream_start(&c->upstream, now_ms);
}

static void stop(struct check *c, uint64_t now_ms, struct actions *out)
{
    c->stopping = true;
    c->stop_ms = now_ms + STOP_MS;
    if (c->phase <= PHASE_CLEANING)
        check_end_router(c, now_ms, out);
}

static void take_event(struct check *c, const struct event *event, struct actions *out)
{
    switch (event->type) {
    case EVENT_START:
        start(c, event->now_ms, out);
        break;
    case EVENT_GATEWAY:
        upstream_receive(&c->upstream, event->gateway, event->now_ms, out);
        break;
    case EVENT_GATEWAY_ERROR:
        upstream_error(&c->upstream, event->gateway_error, out);
        break;
    case EVENT_ROUTER_OPEN:
    case EVENT_ROUTER_DATA:
    case EVENT_ROUTER_CLOSED:
        check_router_event(c, event, out);
        break;
    case EVENT_STOP:
        stop(c, event->now_ms, out);
        break;
    case EVENT_DEADLINE:
    case EVENT_LAN:
        break;
    }
}

void check_step(struct check *c, const struct event *event, struct actions *out)
{
    actions_clear(out, LOG_LEVEL_ERROR);
    if (c->ended)
        return;
    take_event(c, event, out);
    check_tick_router(c, event->now_ms, out);
    check_tick_gateway(c, event->now_ms, out);
    bool done = c->phase == PHASE_ENDED && c->gateway_phase == GATEWAY_ENDED;
    if (!done && event->now_ms < c->stop_ms)
        return;
    check_end_router(c, event->now_ms, out);
    c->ended = true;
    actions_push(out, (struct action){.type = ACTION_EXIT});
}

uint64_t check_deadline_ms(const struct check *c)
{
    uint64_t router_ms = check_router_deadline_ms(c);
    uint64_t gateway_ms = check_gateway_deadline_ms(c);
    uint64_t first_ms = router_ms < gateway_ms ? router_ms : gateway_ms;
    if (c->ended)
        return UINT64_MAX;
    return first_ms < c->stop_ms ? first_ms : c->stop_ms;
}
