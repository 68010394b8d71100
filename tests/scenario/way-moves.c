/* A second tunnel takes over while the API connection stays up: the host route moves, and the server behind
 * the other tunnel has another clock and another address. The rules follow within ten seconds, each new one
 * before the old one is removed, and the log says that the way changed. The next time a routing rule moves
 * it, which the router does not report; the rules follow within a minute. At last two tunnels have the same
 * address, so that the connection table does not tell which of them it is; the route does. */
/* [W5] */
#include "scenario.h"

static bool is_on(struct world *w, const char *interface)
{
    return strcmp(interface_of(w, 10, 7000), interface) == 0 &&
           strcmp(interface_of(w, 10, 7001), interface) == 0;
}

static void other_server(struct world *w, uint32_t address)
{
    world_gateway_clock(w, -5000);
    world_gateway_reboot(w);
    world_gateway_address(w, address, false);
}

static void tell(struct world *w)
{
    struct router_model_route through = {
        .destination = "0.0.0.0/0", .gateway = "wg3", .routing_table = "vpn", .distance = 1};

    router_model_interface_add(w->router, "wg2", "wg");
    router_model_address_add(w->router, "10.2.0.3/32", "wg2");
    router_model_interface_add(w->router, "wg3", "wg");
    router_model_address_add(w->router, "10.2.0.3/32", "wg3");
    struct lan_client *a = client(w, 10);

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, TCP, 7001, 7001, 3600);
    skip_s(w, 20);
    expect(w, is_on(w, "wg0"));
    world_way_moves(w, "the host route leads through wg2", true);
    world_host_route(w, "wg2");
    other_server(w, 0xb9010204);
    world_run_for(w, 10000);
    expect(w, is_on(w, "wg2"));
    skip_s(w, 300);
    router_model_address_remove(w->router, "10.2.0.3/32");
    router_model_address_remove(w->router, "10.2.0.3/32");
    router_model_address_add(w->router, "10.2.0.4/32", "wg3");
    skip_s(w, 80);
    note(w, "a routing rule leads through wg3");
    world_way_moves(w, "a routing rule leads through wg3", false);
    router_model_route_add(w->router, &through);
    router_model_row_add(w->router, "routing-rule", "src-address=172.17.0.2/32 table=vpn");
    world_run_for(w, 70000);
    expect(w, is_on(w, "wg3"));
    skip_s(w, 100);
    note(w, "wg3 has the address of wg0, and the routes lead through wg0");
    world_way_moves(w, "through wg0", true);
    router_model_routing_rules_clear(w->router);
    router_model_address_add(w->router, "10.2.0.2/32", "wg3");
    world_host_route(w, "wg0");
    world_run_for(w, 10000);
    expect(w, is_on(w, "wg0"));
    show(w, false);
    world_run_for(w, 200000);
    expect_rest(w);
}

const struct story story_way_moves = {.tell = tell};
