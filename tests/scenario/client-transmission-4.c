/* Transmission 4 requests the address once, reads the answer 8 s later, maps TCP, and renews at half of the
 * lease. It suggests its own port each time, which does not mean that it wants another one. It uses another
 * external port as soon as an answer contains one. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 8000);
    asks_map(w, 10, SOCKET, TCP, 51413, 51413, 3600);
    world_run_for(w, 1000);
    external_port = external_port_of(w, 10, TCP, 51413);
    expect(w, external_port != 0 && external_port != 51413);
    skip_s(w, 29);
    note(w, "30 s: renewal");
    asks_map(w, 10, SOCKET, TCP, 51413, 51413, 3600);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, TCP, 51413) == external_port);
    skip_s(w, 29);
    note(w, "the gateway changes the port at the next renewal");
    gateway_rotate(&w->gateway, w->now_ms);
    asks_map(w, 10, SOCKET, TCP, 51413, 51413, 3600);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, TCP, 51413) != external_port);
    expect_rest(w);
    note(w, "the program exits");
    asks_delete(w, 10, SOCKET, TCP, 51413, 51413);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_client_transmission_4 = {.options = like_proton, .tell = tell};
