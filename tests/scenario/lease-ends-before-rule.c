/* A client requests two seconds, and the daemon needs four to find out that the connection to the router is
 * dead. When the rule is there, the lease has ended. The daemon requests another lease, and the client gets
 * its mapping. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    router_now(w);
    router_model_drop_at(w->router,
                         &(struct router_model_drop_fault){.drop = ROUTER_MODEL_DROP_BEFORE, .silent = true});
    mapping = map(w, a, UDP, 6000, 6000, 2);
    world_run_for(w, 10000);
    expect(w, mapping->result == 0 && mapping->external_port == 6000 && mapping->granted_s == 2);
    lan_vanish(a);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_lease_ends_before_rule = {.tell = tell};
