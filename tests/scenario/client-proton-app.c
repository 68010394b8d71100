/* ProtonVPN's own app and gluetun request internal port 0. To ProtonVPN's gateway that means: choose one port
 * as both the external and the internal one. Behind a router that is impossible, because the program would
 * listen on a port that it does not know. The daemon refuses it with result 2, and none of the five ports is
 * used up. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void tell(struct world *w)
{
    settle(w);
    note(w, "the app requests 7200 s, gluetun 60 s, and the guide's natpmpc suggests port 1");
    asks_address(w, 10, SOCKET);
    world_run_for(w, 50);
    asks_map(w, 10, SOCKET, TCP, 0, 0, 7200);
    asks_map(w, 10, SOCKET, UDP, 0, 0, 60);
    asks_map(w, 10, SOCKET, UDP, 0, 1, 60);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_proton_app = {.options = like_proton, .tell = tell};
