/* When the router is reachable again, the tunnel has another name. The daemon looks the interface up at each
 * reconnect, and makes its rules for the new one. While the router has no route to the gateway, the daemon
 * adds no rule on a guess. */
#include "scenario.h"

static void route_by(struct world *w, const char *interface)
{
    struct router_model_route route = {.destination = "10.2.0.1/32", .distance = 1};

    memcpy(route.gateway, interface, strlen(interface) + 1);
    memcpy(route.interface, interface, strlen(interface) + 1);
    router_model_route_add(w->router, &route);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg0") == 0);
    note(w, "the owner takes the tunnel down, and the router restarts");
    world_hand_begin(w, "no route to the gateway");
    router_model_route_remove(w->router, "10.2.0.1/32", "main");
    router_model_route_remove(w->router, "0.0.0.0/0", "main");
    world_hand_end(w);
    router_now(w);
    router_model_reboot(w->router, 1000, true);
    skip_s(w, 20);
    mapping = map(w, a, TCP, 7001, 7001, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->answers == 0 && our_rules(w) == 1);
    note(w, "the tunnel is up again under another name");
    world_hand_begin(w, "wg1");
    router_model_interface_add(w->router, "wg1", "wg");
    route_by(w, "wg1");
    world_hand_end(w);
    world_run_for(w, 6000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg1") == 0 && strcmp(interface_of(w, 10, 7001), "wg1") == 0);
    expect_rest(w);
}

const struct story story_other_interface = {.tell = tell};
