/* The router boots, and the tunnel comes up after the daemon has started. Until then the main table leads to
 * the gateway's address by the ISP's interface, where nothing answers. The daemon makes no rule there. When
 * the tunnel is up, the client gets its mapping within seconds. */
/* [W2] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_mapping *mapping;

    router_model_interface_enable(w->router, "wg0", false);
    world_start(w, 1);
    world_run_for(w, 1000);
    mapping = map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 0 && mapping->answers == 0);
    world_way_moves(w, "the tunnel is up", true);
    router_model_interface_enable(w->router, "wg0", true);
    world_run_for(w, 4000);
    expect(w, mapping->state == LAN_HELD && strcmp(interface_of(w, 10, 7000), "wg0") == 0);
    show(w, false);
    world_run_for(w, 60000);
    expect_rest(w);
}

const struct story story_tunnel_comes_up_later = {.tell = tell};
