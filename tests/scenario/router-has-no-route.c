/* The router has no route to the gateway, so the interface for the rules is unknown. The daemon does not
 * guess, and advertises no mapping whose rule could never match. When the route exists, the client gets its
 * mapping. */
/* Predecessor fault 35: An interface that cannot be found is guessed, and rules that match nothing are
 * confirmed. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    struct router_model_route tunnel = {
        .destination = "10.2.0.1/32", .gateway = "wg0", .interface = "wg0", .distance = 1};

    router_model_route_remove(w->router, "10.2.0.1/32", "main");
    router_model_route_remove(w->router, "0.0.0.0/0", "main");
    world_start(w, 1);
    world_run_until(w, 3000);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 13000);
    expect(w, mapping->result == 3 && our_rules(w) == 0);
    note(w, "the route exists");
    router_model_route_add(w->router, &tunnel);
    world_run_for(w, 40000);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_router_has_no_route = {.tell = tell};
