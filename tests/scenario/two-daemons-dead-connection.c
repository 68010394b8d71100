/* A firewall on the way to the router forgets the connections of the first daemon, so it does not see that a
 * second daemon starts and makes a claim. When it connects again, its additional session, which is dead too,
 * must not hide the session of the second daemon: it makes a claim, and stands by. [R3] */
#include "scenario.h"

enum { MAPPINGS = 16 }; /* in one moment: one session is not enough for the router */

static unsigned sessions_open(const struct world *w)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        count += w->streams[i].state == WORLD_STREAM_OPEN;
    return count;
}

static bool first_stands_by(struct world *w)
{
    return proxy_status(w->proxy, w->now_ms).standing_by;
}

static void tell(struct world *w)
{
    struct router_model_options *router = router_model_options(w->router);
    uint64_t before;
    uint64_t until_ms;

    w->trace.only_logs = true;
    w->router_local = lan_address(2);
    w->second_router_local = lan_address(3);
    router->latency_min_ms = router->latency_max_ms = 100;
    settle(w);
    for (unsigned i = 0; i < MAPPINGS; i++)
        asks_map(w, 10, (uint16_t)(7000 + i), TCP, (uint16_t)(7000 + i), (uint16_t)(7000 + i), 7200);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == MAPPINGS && sessions_open(w) > 1);
    note(w, "the firewall forgets all connections");
    router->idle = ROUTER_MODEL_IDLE_FORGET;
    router->idle_ms = 1;
    world_run_for(w, 2000);
    router->idle = ROUTER_MODEL_IDLE_KEEP;
    note(w, "a second daemon starts");
    before = router_writes(w);
    w->lan_process = 1;
    until_ms = w->now_ms + 60000;
    start_second_as_admin(w, 2);
    while (!first_stands_by(w) && w->now_ms < until_ms)
        world_run_for(w, 100);
    expect(w, first_stands_by(w) && !second_stands_by(w));
    world_run_for(w, 10000);
    expect(w, first_stands_by(w) && !second_stands_by(w));
    expect(w, our_rules(w) == MAPPINGS && router_writes(w) <= before + 12);
}

const struct story story_two_daemons_dead_connection = {.options = with_admin, .tell = tell};
