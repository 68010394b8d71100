/* The router never answers /ip/route/check, and answers everything else. The daemon takes the interface from
 * the routing table instead, and says so once. With MIKROTIK_IN_INTERFACE the command is only a comparison,
 * and nothing waits for it. */
/* [R2] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    router_model_slow(w->router, "/ip/route/check", ROUTER_MODEL_HANGS);
    world_start(w, 1);
    world_run_for(w, 15000);
    mapping = map(w, a, TCP, 6000, 6000, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD);
    note(w, "a resync on the same connection does not ask for it again");
    world_run_for(w, 600000);
    expect(w, router_model_counters(w->router)->connections == 1);
    expect_rest(w);
}

const struct story story_route_check_hangs = {.tell = tell};
