/* The daemon that stands by loses its connection and connects again. The list of sessions still shows the
 * other one's, so it serves within seconds when that one is stopped. [R3] */
#include "scenario.h"

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    w->router_local = lan_address(2);
    w->second_router_local = lan_address(3);
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    w->lan_process = 1;
    world_start_second(w, 2);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by);
    note(w, "the connection of the daemon that stands by breaks");
    router_model_drop_session(w->router, 1, true);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by);
    note(w, "the second daemon dies");
    world_kill_second(w);
    w->lan_process = 0;
    world_run_for(w, 14000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by && our_rules(w) == 1);
}

const struct story story_two_daemons_standby_reconnects = {.tell = tell};
