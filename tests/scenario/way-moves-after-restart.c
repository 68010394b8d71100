/* The daemon starts again, and soon after that the host route moves to a second tunnel. The router still has
 * the connection of the process before, which led through the first tunnel and is forgotten after three
 * minutes, and the one of this process, which has just begun anew and would be forgotten after 30 s. The one
 * that is forgotten later is not the one that is in use: the daemon looks once more, and the rules follow
 * within ten seconds. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    router_model_interface_add(w->router, "wg2", "wg");
    router_model_address_add(w->router, "10.2.0.3/32", "wg2");
    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 20);
    world_kill(w);
    world_run_for(w, 1000);
    world_start(w, 2);
    skip_s(w, 20);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg0") == 0);
    world_way_moves(w, "the host route leads through wg2", true);
    world_host_route(w, "wg2");
    world_run_for(w, 10000);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg2") == 0);
    show(w, false);
    world_run_for(w, 100000);
    expect_rest(w);
}

const struct story story_way_moves_after_restart = {.tell = tell};
