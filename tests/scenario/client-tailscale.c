/* Tailscale sends its PCP and NAT-PMP probes together, then requests the mapping (UDP alone) and the address
 * together. It waits for 250 ms and does not retransmit. If an answer was too slow for the first request, it
 * is there for the next one. It renews when half of the lease is over, and deletes without waiting for an
 * answer. */
#include "scenario.h"

enum { SOCKET = 41641 };

static void asks(struct world *w, uint16_t suggested)
{
    asks_address(w, 10, SOCKET);
    asks_map(w, 10, SOCKET, UDP, 41641, suggested, 7200);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    note(w, "the probe");
    asks_pcp(w, 10, SOCKET, true);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 250);
    note(w, "a slow gateway does not answer within 250 ms");
    gateway_late(w, 400);
    asks(w, 0);
    world_run_for(w, 1000);
    gateway_late(w, 0);
    note(w, "the client requests again at its next use");
    asks(w, 0);
    world_run_for(w, 250);
    external_port = external_port_of(w, 10, UDP, 41641);
    expect(w, external_port != 0);
    skip_s(w, 32);
    note(w, "half of the lease is over");
    asks(w, external_port);
    world_run_for(w, 250);
    expect(w, external_port_of(w, 10, UDP, 41641) == external_port);
    note(w, "the program exits");
    asks_delete(w, 10, SOCKET, UDP, 41641, external_port);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_tailscale = {.options = like_proton, .tell = tell};
