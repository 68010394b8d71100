/* When the user changes the port of Deluge or qBittorrent, libtorrent deletes the old mappings and requests
 * the new ones at the same moment. deluged 2.0 does so at each start, 200 ms after it has requested 6881.
 * None of the five external ports may be lost. */
#include "scenario.h"

enum { SOCKET = 40001, STARTS = 4 };

static void starts(struct world *w)
{
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 3600);
    world_run_for(w, 60);
    asks_map(w, 10, SOCKET, UDP, 6881, 6881, 3600);
    world_run_for(w, 140);
    asks_delete(w, 10, SOCKET, TCP, 6881, external_port_of(w, 10, TCP, 6881));
    asks_delete(w, 10, SOCKET, UDP, 6881, external_port_of(w, 10, UDP, 6881));
    asks_map(w, 10, SOCKET, TCP, 51413, 51413, 3600);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 300);
    asks_map(w, 10, SOCKET, UDP, 51413, 51413, 3600);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, TCP, 51413) != 0);
    expect(w, external_port_of(w, 10, TCP, 51413) == external_port_of(w, 10, UDP, 51413));
    expect(w, our_rules(w) == 2 && gateway_count(&w->gateway, w->now_ms) == 2);
}

static void tell(struct world *w)
{
    settle(w);
    starts(w);
    note(w, "the program is killed and started again, several times");
    show(w, false);
    for (unsigned i = 0; i < STARTS; i++)
        starts(w);
    show(w, true);
    expect_rest(w);
}

const struct story story_client_deluge = {.options = like_proton, .tell = tell};
