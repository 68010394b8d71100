/* MIKROTIK_IN_INTERFACE counts, whatever the router says. What the connection table says against it is one
 * warning, and what the main table says is another one, which names what may explain it. If the connection
 * table agrees, the main table does not matter. */
/* [W4] */
#include "scenario.h"

static void restart(struct world *w, const char *what)
{
    show(w, false);
    world_stop(w);
    world_run_for(w, 200000);
    note(w, what);
    show(w, true);
    world_start(w, 2);
    world_run_for(w, 5000);
    w->trace.only_logs = true;
    world_run_for(w, 300000);
    w->trace.only_logs = false;
    show(w, false);
}

static void tell(struct world *w)
{
    struct router_model_route tunnel = {
        .destination = "0.0.0.0/0", .gateway = "wg0", .routing_table = "vpn", .distance = 1};

    world_host_route(w, NULL);
    router_model_route_add(w->router, &tunnel);
    router_model_row_add(w->router, "routing-rule", "src-address=172.17.0.2/32 table=vpn");
    show(w, false);
    world_start(w, 1);
    restart(w, "the main table leads by ether1, and a routing rule through wg0");
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg0") == 0);
    router_model_options(w->router)->untracked = true;
    restart(w, "without connection tracking");
    router_model_options(w->router)->untracked = false;
    router_model_routing_rules_clear(w->router);
    router_model_interface_add(w->router, "wg2", "wg");
    router_model_address_add(w->router, "10.2.0.3/32", "wg2");
    world_host_route(w, "wg2");
    restart(w, "the answers arrive at wg2");
    map(w, client(w, 11), TCP, 7001, 7001, 3600);
    world_run_for(w, 1000);
    expect(w, strcmp(interface_of(w, 11, 7001), "wg0") == 0);
    world_run_for(w, 100000);
    expect_rest(w);
}

static void options(struct world_options *options)
{
    memcpy(options->config.in_interface, "wg0", sizeof("wg0"));
}

const struct story story_configured_interface = {.options = options, .tell = tell};
