/* @silentbot1/nat-api (WebTorrent) requests 7200 s from port 5350 with one datagram, waits one second, and
 * never requests again while it runs. The daemon recognizes it as late only at its next start. From then on
 * it keeps the mapping alive for the two hours that were requested. */
#include "scenario.h"

enum { SOCKET = 5350 };

static void tell(struct world *w)
{
    settle(w);
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    skip_s(w, 80);
    expect(w, our_rules(w) == 0);
    note(w, "the program is killed and started again");
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    skip_s(w, 7180);
    expect(w, our_rules(w) == 1 && external_port_of(w, 10, TCP, 6881) != 0);
    skip_s(w, 80);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_nat_api = {.options = like_proton, .tell = tell};
