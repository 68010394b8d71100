/* Transmission up to 3.00 requests the address, maps TCP 8 s later for an hour, and requests it again every
 * 20 minutes, whatever it was granted, with its own port as the suggestion. Its lease of 60 s expires once.
 * After that the daemon knows that this client renews late, and keeps its mapping alive. */
#include "scenario.h"

enum { SOCKET = 40001, PERIOD_S = 20 * 60 };

static void asks(struct world *w)
{
    asks_map(w, 10, SOCKET, TCP, 51413, 51413, 3600);
    world_run_for(w, 1000);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 8000);
    asks(w);
    skip_s(w, 70);
    expect(w, our_rules(w) == 0);
    skip_s(w, PERIOD_S - 71);
    note(w, "20 min: it renews late; from now on the daemon keeps the mapping alive");
    asks(w);
    external_port = external_port_of(w, 10, TCP, 51413);
    world_run_for(w, 90000);
    expect(w, external_port != 0 && external_port_of(w, 10, TCP, 51413) == external_port);
    skip_s(w, PERIOD_S - 91);
    note(w, "20 min later the port is the same");
    asks(w);
    expect(w, external_port_of(w, 10, TCP, 51413) == external_port);
    skip_s(w, 200);
    note(w, "the gateway changes the port: the rule stays, and the answer to the next renewal has the "
            "new port");
    gateway_rotate(&w->gateway, w->now_ms);
    world_run_for(w, 60000);
    expect(w, external_port_of(w, 10, TCP, 51413) != external_port);
    skip_s(w, PERIOD_S - 261);
    asks(w);
    expect_rest(w);
    note(w, "the program exits");
    asks_delete(w, 10, SOCKET, TCP, 51413, 51413);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_client_transmission_3 = {.options = like_proton, .tell = tell};
