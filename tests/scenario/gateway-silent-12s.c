/* The gateway does not answer: the client gets Network Failure 12 s after its first datagram, not earlier,
 * and the daemon removes what it added on the router. [R-05] [R-11] [N-08] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    w->gateway.faults.silent = true;
    mapping = map(w, a, TCP, 6881, 6881, 3600);
    world_run_for(w, 11900);
    expect(w, mapping->answers == 0);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 1 && mapping->result == 3);
    note(w, "the gateway is known to be silent: no external address either");
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0);
    note(w, "the gateway answers again, and the client requests again");
    w->gateway.faults.silent = false;
    map(w, a, TCP, 6881, 6881, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_gateway_silent_12s = {.tell = tell};
