/* The router never answers /ip/firewall/connection/print, and answers everything else. Readiness does not
 * depend on it: after the time that a short command has, the daemon goes on with /ip/route/check. It asks for
 * the table once more, with more patience, and then no more on this connection. */
/* [R2] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    router_model_slow(w->router, "/ip/firewall/connection/print", ROUTER_MODEL_HANGS);
    world_start(w, 1);
    world_run_for(w, 12000);
    mapping = map(w, a, TCP, 6000, 6000, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD);
    world_run_for(w, 600000);
    expect(w, router_model_counters(w->router)->connections == 1);
    expect_rest(w);
}

const struct story story_connection_table_hangs = {.tell = tell};
