/* The gateway never answers, because its traffic is routed elsewhere or its server does not work. The log
 * says once what to check. The daemon retransmits at the intervals of RFC 6886 section 3.1, and serves
 * clients as soon as there is an answer. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    w->gateway.faults.silent = true;
    world_start(w, 1);
    world_run_until(w, 10000);
    note(w, "a client requests a mapping");
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 12500);
    expect(w, mapping->answers == 1 && mapping->result == 3 && our_rules(w) == 0);
    skip_s(w, 600);
    note(w, "the gateway answers from now on");
    w->gateway.faults.silent = false;
    world_run_for(w, 100000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_nine_timeouts = {.tell = tell};
