/* The main routing table leads to the internet only; a routing rule leads the daemon's packets into the
 * tunnel. The router's connection table shows that the gateway's answers come to the tunnel's address, so the
 * rules are for the tunnel. Without connection tracking nothing shows the way: the daemon does not guess,
 * names the command that helps, and makes the mapping as soon as somebody has entered it. */
/* [W1] */
#include "scenario.h"

static void lead_by_policy(struct world *w)
{
    struct router_model_route tunnel = {
        .destination = "0.0.0.0/0", .gateway = "wg0", .routing_table = "vpn", .distance = 1};

    world_host_route(w, NULL);
    router_model_route_add(w->router, &tunnel);
    router_model_row_add(w->router, "routing-rule", "src-address=172.17.0.2/32 table=vpn");
}

static void internet_by(struct world *w, const char *interface, const char *type)
{
    struct router_model_route internet = {.destination = "0.0.0.0/0", .distance = 1};

    memcpy(internet.gateway, interface, strlen(interface) + 1);
    router_model_route_remove(w->router, "0.0.0.0/0", "main");
    router_model_interface_add(w->router, interface, type);
    router_model_route_add(w->router, &internet);
}

static void restart(struct world *w, const char *what)
{
    show(w, false);
    world_stop(w);
    world_run_for(w, 200000);
    show(w, true);
    note(w, what);
    world_start(w, 2);
    world_run_for(w, 5000);
}

static void maps(struct world *w, unsigned host, uint16_t port)
{
    struct lan_mapping *mapping = map(w, client(w, host), TCP, port, port, 3600);

    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, strcmp(interface_of(w, host, port), "wg0") == 0);
}

static void tell(struct world *w)
{
    struct lan_mapping *mapping;

    lead_by_policy(w);
    world_start(w, 1);
    world_run_for(w, 5000);
    maps(w, 10, 7000);
    internet_by(w, "pppoe-out1", "pppoe-out");
    restart(w, "the internet is behind pppoe-out1");
    maps(w, 11, 7001);
    internet_by(w, "lte1", "lte");
    router_model_options(w->router)->ports_joined = true;
    restart(w, "the internet is behind lte1, and the router prints address:port in one word");
    maps(w, 12, 7002);
    router_model_options(w->router)->untracked = true;
    restart(w, "without connection tracking");
    mapping = map(w, client(w, 13), TCP, 7003, 7003, 3600);
    world_run_for(w, 13000);
    expect(w, mapping->answers == 1 && mapping->result == 3 && our_rules(w) == 0);
    note(w, "the command is entered");
    world_way_moves(w, "a host route through wg0", true);
    world_host_route(w, "wg0");
    mapping = map(w, client(w, 14), TCP, 7004, 7004, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD && strcmp(interface_of(w, 14, 7004), "wg0") == 0);
    show(w, false);
    world_run_for(w, 100000);
    expect_rest(w);
}

const struct story story_way_by_policy = {.tell = tell};
