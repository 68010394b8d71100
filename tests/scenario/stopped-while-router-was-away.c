/* The router has been unreachable for minutes, so double-natpmp tries to connect only twice a minute. The
 * router is reachable again, and SIGTERM arrives before the next attempt. The daemon makes that attempt at
 * once, so that no rule is left. */
#include "scenario.h"

static void tell(struct world *w)
{
    uint64_t connections;

    settle(w);
    show(w, false);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    w->faults.router_refused = true;
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 300000);
    w->faults.router_refused = false;
    connections = router_model_counters(w->router)->connections;
    while (router_model_counters(w->router)->connections == connections)
        world_run_for(w, 10);
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 100);
    show(w, true);
    note(w, "the next attempt is seconds away, and SIGTERM arrives");
    world_stop(w);
    world_run_for(w, 2000);
    expect(w, w->exited && our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_stopped_while_router_was_away = {.tell = tell};
