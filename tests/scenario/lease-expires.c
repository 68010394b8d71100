/* RFC 6886 section 3.4: a mapping that its client does not renew ends with its lifetime, on the router and at
 * the gateway. [M-21] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    note(w, "a client maps TCP 7000 for 30 s and is switched off");
    map(w, a, TCP, 7000, 7000, 30);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1);
    lan_vanish(a);
    world_run_for(w, 28500);
    expect(w, our_rules(w) == 1);
    note(w, "the lifetime is over");
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_lease_expires = {.tell = tell};
