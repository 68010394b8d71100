/* crab_nat (Rust) needs a refusal of PCP that has less than 24 bytes. It sends a request four times, after
 * 250 ms at first and then in intervals that double. It expects port 0 and lifetime 0 in the answer to a
 * deletion. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void tell(struct world *w)
{
    settle(w);
    asks_pcp(w, 10, SOCKET, false);
    world_run_for(w, 50);
    gateway_late(w, 2000);
    for (unsigned pause_ms = 250; pause_ms <= 2000; pause_ms *= 2) {
        asks_map(w, 10, SOCKET, UDP, 40000, 40000, 7200);
        world_run_for(w, pause_ms);
    }
    gateway_late(w, 0);
    expect(w, external_port_of(w, 10, UDP, 40000) != 0);
    asks_delete(w, 10, SOCKET, UDP, 40000, 0);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_crab_nat = {.options = like_proton, .tell = tell};
