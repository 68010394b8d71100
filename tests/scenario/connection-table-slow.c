/* The router needs 30 s to search its connection table, and only the table shows the way, because a routing
 * rule leads the daemon's packets into the tunnel. The first time, the daemon goes on with the routes, which
 * do not know the way; the second time it has the patience. */
/* [R1] [W1] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct router_model_route tunnel = {
        .destination = "0.0.0.0/0", .gateway = "wg0", .routing_table = "vpn", .distance = 1};
    struct lan_mapping *mapping;

    world_host_route(w, NULL);
    router_model_route_add(w->router, &tunnel);
    router_model_row_add(w->router, "routing-rule", "src-address=172.17.0.2/32 table=vpn");
    router_model_slow(w->router, "/ip/firewall/connection/print", 30000);
    show(w, false);
    world_start(w, 1);
    world_run_for(w, 50000);
    show(w, true);
    mapping = map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    show(w, false);
    world_run_for(w, 300000);
    expect(w, router_model_counters(w->router)->connections == 1);
    expect_rest(w);
}

const struct story story_connection_table_slow = {.tell = tell};
