/* The API connection is lost and comes back while the tunnel is down. The main table leads to the gateway's
 * address by the ISP's interface meanwhile. The rules stay as they are, whatever a client asks. When the
 * tunnel is up again, they are still right, and a waiting client gets its mapping. */
/* [W3] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *kept;
    struct lan_mapping *mapping;

    settle(w);
    kept = map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    expect(w, kept->state == LAN_HELD);
    world_way_moves(w, "the tunnel is down", true);
    router_model_interface_enable(w->router, "wg0", false);
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 3000);
    mapping = map(w, a, TCP, 7001, 7001, 3600);
    world_run_for(w, 13000);
    expect(w, mapping->result == 3 && our_rules(w) == 1);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg0") == 0);
    world_way_moves(w, "the tunnel is up", true);
    router_model_interface_enable(w->router, "wg0", true);
    mapping = map(w, client(w, 11), TCP, 7002, 7002, 3600);
    world_run_for(w, 4000);
    expect(w, mapping->state == LAN_HELD && strcmp(interface_of(w, 11, 7002), "wg0") == 0);
    expect(w, strcmp(interface_of(w, 10, 7000), "wg0") == 0);
    show(w, false);
    world_run_for(w, 120000);
    expect_rest(w);
}

const struct story story_tunnel_down_at_reconnect = {.tell = tell};
