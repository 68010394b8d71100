/* Nicotine+ requests TCP with its own port for 43,200 s. It waits 250 ms and again 500 ms, and then it uses
 * UPnP. It requests again after 2 h, which is the longest time for which the daemon keeps a mapping alive. It
 * never reads the port that it was given. It deletes its mapping when it exits. */
#include "scenario.h"

enum { SOCKET = 40001, PERIOD_S = 2 * 60 * 60 };

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    note(w, "the first answer is lost; the retransmission gets the same answer");
    asks_map(w, 10, SOCKET, TCP, 2234, 2234, 43200);
    world_run_for(w, 250);
    asks_map(w, 10, SOCKET, TCP, 2234, 2234, 43200);
    world_run_for(w, 500);
    skip_s(w, PERIOD_S - 60);
    expect(w, our_rules(w) == 0);
    skip_s(w, 59);
    note(w, "2 h: it renews late; from now on the daemon keeps the mapping alive");
    asks_map(w, 10, SOCKET, TCP, 2234, 2234, 43200);
    world_run_for(w, 1000);
    external_port = external_port_of(w, 10, TCP, 2234);
    skip_s(w, PERIOD_S - 2);
    expect(w, external_port != 0 && external_port_of(w, 10, TCP, 2234) == external_port);
    note(w, "the program exits");
    asks_delete(w, 10, SOCKET, TCP, 2234, 2234);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_nicotine = {.options = like_proton, .tell = tell};
