/* The operator has moved services of the router to other ports, and WireGuard interfaces listen on ports of
 * their own. These ports go to no client, neither as it suggests them nor by chance. What is disabled does
 * not listen. A service that is moved later is known after the next resync. */
/* [P8] */
#include "scenario.h"

static uint16_t port_for(struct world *w, struct lan_client *from, bool tcp, uint16_t wanted)
{
    struct lan_mapping *mapping = map(w, from, tcp, wanted, wanted, 3600);

    world_run_for(w, 10000);
    expect(w, mapping->state == LAN_HELD);
    return router_port_of(w, 10, tcp, wanted);
}

static void wireguard(struct world *w, const char *attributes)
{
    expect(w, router_model_row_add(w->router, "wireguard", attributes));
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    router_model_service_move(w->router, "ssh", "22022");
    router_model_service_move(w->router, "winbox", "50291");
    wireguard(w, "name=wg0 listen-port=51820");
    wireguard(w, "name=wg5 listen-port=51830 disabled=yes");
    settle(w);
    w->trace.only_logs = true;
    expect(w, port_for(w, a, TCP, 22022) >= 49152);
    expect(w, port_for(w, a, UDP, 51820) >= 49152 && router_port_of(w, 10, UDP, 51820) != 51820);
    expect(w, port_for(w, a, TCP, 50291) != 50291);
    expect(w, port_for(w, a, TCP, 8729) != 8729);
    expect(w, port_for(w, a, UDP, 51830) == 51830);
    expect(w, port_for(w, a, TCP, 30000) == 30000);
    router_model_service_move(w->router, "www", "30001");
    world_run_for(w, 610000);
    expect(w, port_for(w, a, TCP, 30001) != 30001);
    expect_rest(w);
}

const struct story story_ports_of_moved_services = {.tell = tell};
