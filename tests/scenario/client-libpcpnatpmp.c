/* libpcpnatpmp first sends a PCP MAP, and repeats it after 3 s, 6 s and so on until the daemon refuses the
 * version. Then it requests the address and the mapping. It reads one datagram in each turn of its loop, and
 * checks in both directions that the epoch advances by one second a second. */
#include "scenario.h"

enum { SOCKET = 5350 };

static void tell(struct world *w)
{
    settle(w);
    asks_pcp(w, 10, SOCKET, false);
    world_run_for(w, 100);
    asks_address(w, 10, SOCKET);
    asks_map(w, 10, SOCKET, TCP, 4662, 4662, 3600);
    world_run_for(w, 3000);
    note(w, "a late retransmission of the PCP request gets the refusal again");
    asks_pcp(w, 10, SOCKET, false);
    expect(w, external_port_of(w, 10, TCP, 4662) != 0);
    skip_s(w, 27);
    note(w, "half of the lease is over, and the epoch has advanced by as much");
    asks_map(w, 10, SOCKET, TCP, 4662, external_port_of(w, 10, TCP, 4662), 3600);
    world_run_for(w, 1000);
    expect_rest(w);
}

const struct story story_client_libpcpnatpmp = {.options = like_proton, .tell = tell};
