/* Of two daemons with the same INSTANCE, the one that serves loses its machine. The router keeps its session
 * for two minutes more, and so long the other one stands by; then it serves again. The second one starts
 * anew, and dies while its claim is on the router: the first one removes the claim when it serves. When both
 * have died, nothing of all that is left on the router, and the next daemon makes a claim because of the rule
 * that it finds. [R3] */
#include "scenario.h"

static uint64_t adds(struct world *w)
{
    return router_model_counters(w->router)->adds;
}

static void tell(struct world *w)
{
    uint64_t before;

    w->trace.only_logs = true;
    w->second_router_local = lan_address(3);
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    w->lan_process = 1;
    world_start_second(w, 2);
    skip_s(w, 10);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by);
    note(w, "the second daemon's machine loses its power");
    world_turn(w, 1);
    world_power_lost(w);
    world_turn(w, 0);
    w->lan_process = 0;
    world_run_for(w, 110000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by);
    world_run_for(w, 25000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by && our_rules(w) == 1);
    note(w, "it starts again, and dies before it has removed its claim");
    before = adds(w);
    world_start_second(w, 3);
    world_run_for(w, 500);
    expect(w, w->invariants.claims == 1 && adds(w) == before + 1);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by);
    world_kill_second(w);
    world_run_for(w, 20000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by && our_rules(w) == 1);
    expect(w, w->invariants.claims == 0 && adds(w) == before + 2);
    expect_rest(w);
    note(w, "the first one dies, too, and starts again");
    world_kill(w);
    skip_s(w, 5);
    before = adds(w);
    world_start(w, 4);
    world_run_for(w, 10000);
    expect(w, adds(w) == before + 1 && w->invariants.claims == 0 && our_rules(w) == 1);
}

const struct story story_two_daemons_one_crashes = {.tell = tell};
