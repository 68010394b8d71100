/* The daemon was stopped (SIGSTOP, a busy machine) while it requested a short lease. When it continues, it
 * sends another retransmission, that request times out, and the client requests a longer lease. The
 * retransmission must not arrive after the new request, because the gateway would then shorten the lease that
 * the client was advertised. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    asks_map(w, 10, 40001, UDP, 7000, 7000, 3600);
    world_run_for(w, 500);
    note(w, "a request without an answer, and a renewal that waits for its turn");
    w->gateway.faults.silent = true;
    asks_map(w, 10, 40000, UDP, 6000, 6000, 5);
    asks_map(w, 10, 40001, UDP, 7000, external_port_of(w, 10, UDP, 7000), 7200);
    world_run_for(w, 2000);
    world_stall(w, 20000);
    world_run_for(w, 19900);
    w->gateway.faults.silent = false;
    note(w, "the client requests it again, for longer");
    asks_map(w, 10, 40000, UDP, 6000, 6000, 3600);
    asks_map(w, 10, 40000, UDP, 6000, 6000, 3600);
    world_run_for(w, 3000);
    expect(w, external_port_of(w, 10, UDP, 6000) != 0);
    expect_rest(w);
}

const struct story story_longer_lease_behind_a_copy = {.options = like_proton, .tell = tell};
