/* mDNSResponder (macOS, iOS) sends every request with PCP, and in parallel requests the address and the
 * mapping with NAT-PMP. After an error it waits 15 min, so it must not get one while the gateway is
 * unreachable for a moment. It retransmits after 250 ms, 500 ms and so on, renews at half of the lease, and
 * deletes without a suggestion. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void asks(struct world *w, uint16_t suggested)
{
    asks_pcp(w, 10, SOCKET, false);
    asks_address(w, 10, SOCKET);
    asks_map(w, 10, SOCKET, TCP, 5900, suggested, 7200);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    note(w, "the gateway is silent for 3 s");
    w->gateway.faults.silent = true;
    asks(w, 5900);
    for (unsigned pause_ms = 250; pause_ms < 4000; pause_ms *= 2) {
        world_run_for(w, pause_ms);
        w->gateway.faults.silent = pause_ms < 2000;
        asks_map(w, 10, SOCKET, TCP, 5900, 5900, 7200);
    }
    world_run_for(w, 2000);
    external_port = external_port_of(w, 10, TCP, 5900);
    expect(w, external_port != 0);
    skip_s(w, 28);
    note(w, "half of the lease is over");
    asks(w, external_port);
    world_run_for(w, 1000);
    note(w, "the program exits");
    asks_delete(w, 10, SOCKET, TCP, 5900, 0);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_mdnsresponder = {.options = like_proton, .tell = tell};
