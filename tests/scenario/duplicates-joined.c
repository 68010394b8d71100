/* The gateway takes 2.1 s. The client repeats its request as section 3.1 requires, and requests the same from
 * a second port as well. The result is one rule, one request at the gateway with its retransmissions, and one
 * answer for each port. [M-14] */
/* Predecessor fault 21: Each copy of a request becomes a request of its own. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 2100;
    map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    note(w, "the same request from another port");
    lan_send_map(&w->lan, a->address, 41000, UDP, 6000, 6000, 3600);
    world_run_for(w, 9000);
    expect(w, a->mappings[0].answers == 1);
    expect(w, our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_duplicates_joined = {.tell = tell};
