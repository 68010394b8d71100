/* The daemon answers a refusal at once: the client gets the gateway's results 2 and 4 unchanged. The daemon
 * does not forward an unknown result code, and treats it as transient (RFC 6886 section 3.5). [N-05]
 * [R-12] [C-25] */
/* Predecessor fault 18: Refusals of the gateway are not answered at all. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "not authorized");
    w->gateway.faults.refuse = 2;
    mapping = map(w, a, UDP, 1111, 1111, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->answers == 1 && mapping->result == 2 && our_rules(w) == 0);
    note(w, "out of resources, in 8 bytes");
    w->gateway.faults.refuse = 4;
    w->gateway.faults.short_errors = true;
    mapping = map(w, a, UDP, 2222, 2222, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->answers == 1 && mapping->result == 4 && our_rules(w) == 0);
    note(w, "a result code that does not exist");
    w->gateway.faults.refuse = 77;
    w->gateway.faults.short_errors = false;
    mapping = map(w, a, UDP, 3333, 3333, 3600);
    world_run_for(w, 14000);
    expect(w, mapping->answers == 1 && mapping->result == 3 && our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_gateway_refuses = {.tell = tell};
