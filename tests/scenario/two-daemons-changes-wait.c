/* A client has requested more than its budget allows, and its changes wait, when a second daemon with the
 * same INSTANCE starts. The first one stands by and forgets what waits. [R3] */
#include "scenario.h"

enum { WANTED = 16 };

static void options(struct world_options *options)
{
    options->config.client_mappings_max = WANTED;
}

static void tell(struct world *w)
{
    w->second_router_local = lan_address(3);
    settle(w);
    show(w, false);
    for (unsigned lifetime_s = 3600, turn = 0; turn < 3; turn++, lifetime_s = 3600 - lifetime_s) {
        for (unsigned i = 0; i < WANTED; i++)
            asks_map(w, 10, (uint16_t)(40000 + i), TCP, (uint16_t)(7000 + i), 0, lifetime_s);
        world_run_for(w, 1500);
    }
    show(w, true);
    note(w, "the second daemon starts; the LAN's requests go to it");
    w->lan_process = 1;
    world_start_second(w, 2);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by);
    note(w, "it dies, and the first one serves again");
    world_kill_second(w);
    w->lan_process = 0;
    skip_s(w, 60);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by);
    expect(w, map(w, client(w, 11), TCP, 7200, 0, 3600) != NULL);
    world_run_for(w, 1000);
    expect(w, rule_of(w, 11, TCP, 7200) != 0);
}

const struct story story_two_daemons_changes_wait = {.options = options, .tell = tell};
