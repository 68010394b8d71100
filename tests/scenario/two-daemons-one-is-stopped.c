/* A daemon stands by, and somebody stops it. The rules and leases of its INSTANCE are there, because the
 * other daemon serves, and its last line says so. [R3] */
#include "scenario.h"

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    w->second_router_local = lan_address(3);
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    w->lan_process = 1;
    world_start_second(w, 2);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second_stands_by(w));
    world_stop(w);
    world_run_for(w, 15000);
    expect(w, our_rules(w) == 1);
}

const struct story story_two_daemons_one_is_stopped = {.tell = tell};
