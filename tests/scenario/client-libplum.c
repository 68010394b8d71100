/* libplum starts with PCP, and accepts only opcode 128 as the refusal. It needs the address before it maps.
 * After any error it uses UPnP, so a gateway that is unreachable for a moment must not cause an error. It
 * considers each later packet a restart of the server, and starts its discovery again at half of the
 * lease. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void discovers(struct world *w, uint16_t suggested)
{
    asks_pcp(w, 10, SOCKET, true);
    world_run_for(w, 50);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 50);
    asks_map(w, 10, SOCKET, UDP, 50000, suggested, 7200);
    world_run_for(w, 250);
    asks_map(w, 10, SOCKET, UDP, 50000, suggested, 7200);
    world_run_for(w, 500);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    gateway_late(w, 600);
    discovers(w, 50000);
    gateway_late(w, 0);
    external_port = external_port_of(w, 10, UDP, 50000);
    expect(w, external_port != 0);
    skip_s(w, 30);
    note(w, "half of the lease is over, and the gateway does not answer");
    w->gateway.faults.silent = true;
    discovers(w, external_port);
    w->gateway.faults.silent = false;
    world_run_for(w, 2000);
    expect(w, external_port_of(w, 10, UDP, 50000) == external_port);
    note(w, "the program exits");
    asks_delete(w, 10, SOCKET, UDP, 50000, external_port);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_client_libplum = {.options = like_proton, .tell = tell};
