/* ProtonVPN's own app and gluetun ask for internal port 0: "give me a port, and let it be my own as well".
 * Behind a router that cannot be: the program would listen on a port that it does not know. It is refused
 * (2), and no port of the five is spent. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void tell(struct world *w)
{
    settle(w);
    note(w, "the app: 7200 s; gluetun: 60 s; the guide's natpmpc suggests 1");
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
