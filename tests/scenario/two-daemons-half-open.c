/* The machine of the daemon that serves loses its power, and the router, which has nothing to send, goes on
 * to list its session for a day. The daemon that stands by tries to serve after ten minutes. While the other
 * one lives, that changes nothing, and it tries less and less often. [R3] */
#include "scenario.h"

static bool first_stands_by(struct world *w)
{
    return proxy_status(w->proxy, w->now_ms).standing_by;
}

static void tell(struct world *w)
{
    uint64_t before;

    w->trace.only_logs = true;
    w->second_router_local = lan_address(3);
    w->half_open_ms = UINT64_C(24) * 3600 * 1000;
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    w->lan_process = 1;
    world_start_second(w, 2);
    skip_s(w, 10);
    expect(w, first_stands_by(w));
    note(w, "both live: four tries in the first three hours");
    before = router_writes(w);
    for (unsigned minute = 0; minute < 179; minute++) {
        skip_s(w, 60);
        expect(w, first_stands_by(w) && !second_stands_by(w) && our_rules(w) == 1);
    }
    expect(w, router_writes(w) > before && router_writes(w) <= before + 16);
    note(w, "the second daemon's machine loses its power");
    world_turn(w, 1);
    world_power_lost(w);
    world_turn(w, 0);
    w->lan_process = 0;
    world_run_for(w, 3700000);
    expect(w, !first_stands_by(w) && our_rules(w) == 1);
    note(w, "a third one starts, and its machine loses its power at once");
    w->lan_process = 1;
    world_start_second(w, 3);
    world_run_for(w, 20000);
    expect(w, first_stands_by(w));
    world_turn(w, 1);
    world_power_lost(w);
    world_turn(w, 0);
    w->lan_process = 0;
    world_run_for(w, 620000);
    expect(w, !first_stands_by(w) && our_rules(w) == 1 && w->invariants.claims == 0);
}

const struct story story_two_daemons_half_open = {.tell = tell};
