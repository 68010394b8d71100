/* Bitcoin Core: takes only an answer of exactly 8 bytes as the refusal of PCP; asks three times, a second
 * apart; suggests its own port always; renews between 1/2 and 5/8 of the lease, and gives up for five minutes
 * when it is granted less than 30 s. It never deletes. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    asks_pcp(w, 10, 40001, false);
    world_run_for(w, 100);
    asks_address(w, 10, 40002);
    world_run_for(w, 100);
    note(w, "the gateway answers the second copy");
    w->gateway.faults.silent = true;
    asks_map(w, 10, 40002, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    w->gateway.faults.silent = false;
    asks_map(w, 10, 40002, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, TCP, 8333) != 0);
    skip_s(w, 36);
    note(w, "5/8 are over");
    asks_pcp(w, 10, 40003, false);
    asks_address(w, 10, 40004);
    asks_map(w, 10, 40004, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    note(w, "it is ended, and the lease with it");
    skip_s(w, 65);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story = {.options = like_proton, .tell = tell};
