/* Two daemons with the same INSTANCE, behind one address, so that the router's list of sessions does not tell
 * them apart. They start at the same time, and one of them serves. The router reboots: whichever connects
 * first, the one that served before serves again, and the changes on the router are few. When that one has
 * died, the other one serves, although it once took that one's session for its own. [R3] */
#include "scenario.h"

enum { ROUNDS = 10 };

static void one_address(struct world_options *options)
{
    options->one_address = true;
}

static void tell(struct world *w)
{
    uint64_t before;

    w->trace.only_logs = true;
    w->router_local = lan_address(2);
    w->second_router_local = lan_address(2);
    world_start(w, 1);
    world_start_second(w, 2);
    world_run_for(w, 10000);
    expect(w, second_stands_by(w) != proxy_status(w->proxy, w->now_ms).standing_by);
    world_kill_second(w);
    world_run_for(w, 15000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by);
    world_start_second(w, 3);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second_stands_by(w));
    w->lan_process = 1;
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    show(w, false);
    world_run_for(w, 10000);
    for (unsigned i = 0; i < ROUNDS; i++) {
        before = router_writes(w);
        router_now(w);
        router_model_reboot(w->router, 5000 + 700 * i, i % 2 == 0);
        inv_router_trouble(w);
        world_run_for(w, 120000);
        expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second_stands_by(w));
        expect(w, router_writes(w) <= before + 12 && our_rules(w) == 1);
    }
    show(w, true);
    expect(w, w->invariants.claims == 0);
    note(w,
         "both connections end, and both take the newest session for theirs; later the one that served dies");
    show(w, false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        router_now(w);
        router_model_drop_session(w->router, 0, false);
        inv_router_trouble(w);
        world_run_for(w, 700000);
        expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second_stands_by(w));
        world_kill_second(w);
        w->lan_process = 0;
        world_run_for(w, 15000);
        expect(w, !proxy_status(w->proxy, w->now_ms).standing_by && our_rules(w) == 1);
        w->lan_process = 1;
        world_start_second(w, 4 + i);
        world_run_for(w, 10000);
        expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second_stands_by(w));
    }
}

const struct story story_two_daemons_router_reboots = {.options = one_address, .tell = tell};
