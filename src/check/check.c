#include "check/check_parts.h"

enum { STOP_MS = 5000 };

void check_init(struct check *c, const struct check_config *config, bool tables_only, uint64_t seed)
{
    c->config = config;
    c->tables_only = tables_only;
    c->prng = prng_seeded(seed);
    c->gateway_phase = tables_only ? GATEWAY_ENDED : GATEWAY_ADDRESS;
    c->stop_ms = UINT64_MAX;
    c->survey.config = config;
    session_init(&c->session, 0, config->user, config->password);
    upstream_init(&c->upstream);
}

static void start(struct check *c, const struct step *step)
{
    c->gateway_ms = step->now_ms;
    check_start_router(c, step);
    if (!c->tables_only)
        upstream_start(&c->upstream, step->now_ms);
}

static void stop(struct check *c, const struct step *step)
{
    c->stopping = true;
    c->stop_ms = step->now_ms + STOP_MS;
    if (c->phase <= PHASE_CLEANING)
        check_end_router(c, step);
}

static void take_event(struct check *c, const struct event *event, const struct step *step)
{
    switch (event->type) {
    case EVENT_START:
        start(c, step);
        break;
    case EVENT_GATEWAY:
        upstream_receive(&c->upstream, event->gateway, step);
        break;
    case EVENT_GATEWAY_ERROR:
        upstream_report(&c->upstream, event->gateway_error, step->out);
        break;
    case EVENT_ROUTER_OPEN:
    case EVENT_ROUTER_DATA:
    case EVENT_ROUTER_CLOSED:
        check_router_event(c, event, step);
        break;
    case EVENT_STOP:
        stop(c, step);
        break;
    case EVENT_DEADLINE:
    case EVENT_LAN:
    case EVENT_ASKED:
        break;
    }
}

void check_step(struct check *c, const struct event *event, struct actions *out)
{
    struct step step = {.now_ms = event->now_ms, .out = out};
    actions_clear(out, LOG_LEVEL_ERROR);
    if (c->ended)
        return;
    take_event(c, event, &step);
    check_tick_router(c, &step);
    check_tick_gateway(c, &step);
    bool done = c->phase == PHASE_ENDED && c->gateway_phase == GATEWAY_ENDED;
    if (!done && event->now_ms < c->stop_ms)
        return;
    check_end_router(c, &step);
    c->ended = true;
    actions_push(out, (struct action){.type = ACTION_EXIT});
}

uint64_t check_deadline_ms(const struct check *c)
{
    if (c->ended)
        return UINT64_MAX;
    return earlier_ms(c->stop_ms, earlier_ms(check_router_deadline_ms(c), check_gateway_deadline_ms(c)));
}
