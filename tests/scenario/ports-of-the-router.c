/* Clients suggest ports on which the router itself listens: below 1024, NAT-PMP, WinBox, the API, the VPN
 * servers. A rule for one of them would hide that service from the tunnel, so the client gets another port,
 * as if the port were taken. */
/* [P8] */
#include "scenario.h"

static void tell(struct world *w)
{
    static const uint16_t ports[] = {22, 53, 68, 1023, 1701, 1900, 4500, 5350, 5351, 8291, 8728, 8729};
    struct lan_client *a = client(w, 10);

    settle(w);
    show(w, false);
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        for (unsigned tcp = 0; tcp <= 1; tcp++) {
            struct lan_mapping *mapping = map(w, a, tcp, (uint16_t)(7000 + i), ports[i], 3600);
            world_run_for(w, 10000);
            expect(w, mapping->state == LAN_HELD);
            expect(w, router_port_of(w, 10, tcp, (uint16_t)(7000 + i)) >= 49152);
        }
    }
    show(w, true);
    map(w, client(w, 11), TCP, 1024, 1024, 3600);
    world_run_for(w, 1000);
    expect(w, router_port_of(w, 11, TCP, 1024) == 1024);
    expect_rest(w);
}

const struct story story_ports_of_the_router = {.tell = tell};
