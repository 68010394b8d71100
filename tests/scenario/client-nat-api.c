/* @silentbot1/nat-api (WebTorrent): from port 5350, 7200 s, one datagram and a second of patience, and never
 * again while it runs. Only its next start can tell that it is late; from then on it is held for the two
 * hours that it asks for. */
#include "scenario.h"

enum { SOCKET = 5350 };

static void tell(struct world *w)
{
    settle(w);
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    skip_s(w, 80);
    expect(w, our_rules(w) == 0);
    note(w, "it was killed and is started again");
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    skip_s(w, 7180);
    expect(w, our_rules(w) == 1 && external_port_of(w, 10, TCP, 6881) != 0);
    skip_s(w, 80);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_nat_api = {.options = like_proton, .tell = tell};
