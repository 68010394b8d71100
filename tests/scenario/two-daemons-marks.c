/* A router shows no session, or only the daemon's own. Runs of a daemon are killed soon after their start,
 * one after the other, and each may leave its claim. The next one that lives removes all of them, and serves
 * at once. A daemon that is stopped while its claim is on the router removes it. [R3] */
#include "scenario.h"

static void kill_after(struct world *w, uint64_t seed, uint64_t ms)
{
    world_start(w, seed);
    world_run_for(w, ms);
    world_kill(w);
}

static void round_of(struct world *w, enum router_model_active active, bool uptime_stands)
{
    static const uint16_t after_ms[] = {20, 35, 50, 200, 500, 900, 1050, 1300};

    world_kill(w);
    router_model_options(w->router)->users[0].active = active;
    router_model_options(w->router)->uptime_stands = uptime_stands;
    for (unsigned i = 0; i < ARRAY_LEN(after_ms); i++)
        kill_after(w, 10 + i, after_ms[i]);
    expect(w, w->invariants.claims <= 1);
    for (unsigned i = 0; i < 20; i++)
        kill_after(w, 60 + i, 200);
    expect(w, w->invariants.claims <= 2);
    world_start(w, 20);
    world_run_for(w, 3000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by);
    expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
    for (unsigned i = 0; i < ARRAY_LEN(after_ms); i++) {
        note(w, "a kill, and a stop after some time");
        world_kill(w);
        world_start(w, 30 + i);
        world_run_for(w, after_ms[i]);
        world_stop(w);
        world_run_for(w, 5000);
        expect(w, !w->proxy && w->invariants.claims == 0);
        world_start(w, 40 + i);
        world_run_for(w, 3000);
        map(w, client(w, 10), TCP, 7000, 7000, 7200);
        world_run_for(w, 1000);
        expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
    }
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    show(w, false);
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    round_of(w, ROUTER_MODEL_ACTIVE_NONE, false);
    round_of(w, ROUTER_MODEL_ACTIVE_NONE, true);
    round_of(w, ROUTER_MODEL_ACTIVE_OWN, false);
    round_of(w, ROUTER_MODEL_ACTIVE_ALL, false);
}

const struct story story_two_daemons_marks = {.tell = tell};
