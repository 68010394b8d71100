/* A deletion does not wait for the gateway: once the rule is removed, no packet reaches the client any more.
 * The daemon releases the lease as soon as the gateway answers again. */
/* Predecessor fault 13: A deletion that fails at the gateway or at the router is confirmed and forgotten. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    skip_s(w, 2);
    w->gateway.faults.silent = true;
    note(w, "the gateway does not answer");
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_UNUSED && our_rules(w) == 0);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 1);
    skip_s(w, 57);
    w->gateway.faults.silent = false;
    note(w, "it answers again");
    world_run_for(w, 60000);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_delete_gateway_silent = {.tell = tell};
