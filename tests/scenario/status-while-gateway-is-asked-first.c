/* The gateway has no port left, so it is asked first, and a rule is added only after a grant. Then it does
 * not answer. The status of a mapping that waits for it says so, and does not blame the router, whose rule
 * would help nobody. While the router's API is away, the status says that. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->gateway.ports_max = 1;
}

static enum mapping_condition condition_of(struct world *w, uint16_t internal_port)
{
    struct mapping_status row = {0};
    uint16_t m = 0;

    do
        m = mapping_status_from(w->proxy, (uint16_t)(m + 1), w->now_ms, &row);
    while (m != 0 && row.internal_port != internal_port);
    expect(w, m != 0);
    return (enum mapping_condition)row.condition;
}

static void tell(struct world *w)
{
    settle(w);
    w->trace.only_logs = true;
    asks_map(w, 10, 40000, TCP, 1000, 0, 3600);
    world_run_for(w, 1000);
    asks_map(w, 11, 40000, TCP, 2000, 0, 3600);
    world_run_for(w, 10000);
    expect(w, condition_of(w, 1000) == MAPPING_ACTIVE && condition_of(w, 2000) == MAPPING_REFUSED);
    note(w, "the gateway does not answer");
    w->gateway.faults.silent = true;
    asks_map(w, 11, 40000, TCP, 2000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, condition_of(w, 2000) == MAPPING_WAITS_GATEWAY && our_rules(w) == 1);
    world_run_for(w, 20000);
    note(w, "neither does the router");
    w->faults.router_refused = true;
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 1000);
    asks_map(w, 11, 40000, TCP, 2000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, condition_of(w, 2000) == MAPPING_WAITS_ROUTER);
}

const struct story story_status_while_gateway_is_asked_first = {.options = options, .tell = tell};
