/* The router never answers the addition of one rule, and answers everything else. Other clients are served
 * meanwhile. When the daemon gives the session up, the log names the command, and the client gets its mapping
 * with its next request. [R1] */
#include "scenario.h"

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    settle(w);
    router_model_slow(w->router, "/ip/firewall/nat/add", ROUTER_MODEL_HANGS);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 500);
    router_model_slow(w->router, "/ip/firewall/nat/add", 0);
    for (unsigned i = 0; i < 7; i++) {
        asks_map(w, 11, 40000, TCP, (uint16_t)(7100 + i), 0, 3600);
        world_run_for(w, 10000);
        expect(w, router_port_of(w, 11, TCP, (uint16_t)(7100 + i)) != 0);
    }
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 10000);
    expect(w, router_port_of(w, 10, TCP, 7000) != 0);
    expect_rest(w);
}

const struct story story_add_never_answered = {.tell = tell};
