/* The gateway refuses a client because it has no port left. The next time it does not answer at all. The
 * client then gets Network Failure (3), not the Out of Resources (4) of the earlier request. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    note(w, "the gateway refuses");
    w->gateway.faults.refuse = 4;
    asks_map(w, 10, 40000, UDP, 6881, 6881, 3600);
    skip_s(w, 5);
    note(w, "the gateway does not answer");
    w->gateway.faults.refuse = 0;
    w->gateway.faults.silent = true;
    asks_map(w, 10, 40000, UDP, 6881, 6881, 3600);
    world_run_for(w, 12500);
    w->gateway.faults.silent = false;
    skip_s(w, 60);
    expect(w, our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_refused_then_silent = {.tell = tell};
