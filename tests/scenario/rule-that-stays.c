/* A rule with the daemon's mark that belongs to no mapping forwards packets to a host that did not request
 * them. The router refuses to remove it. The daemon tries again soon, then every minute, and logs the problem
 * once. When the API user may write again, the rule is removed. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL & ~(unsigned)ROUTER_MODEL_WRITE);
    world_hand_begin(w, "a copy of an old rule of the daemon");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=7000 "
                          "to-addresses=192.168.88.10 to-ports=7000 "
                          "comment=\"double-natpmp/default external 7000 lease 3600 s\"",
                          false);
    world_hand_end(w);
    world_run_for(w, 3000);
    note(w, "further attempts follow (not shown)");
    skip_s(w, 180);
    expect(w, our_rules(w) == 1);
    expect(w, router_model_counters(w->router)->prints == 6);
    router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL);
    note(w, "the API user may write again");
    world_run_for(w, 64000);
    expect(w, our_rules(w) == 0);
}

const struct story story_rule_that_stays = {.tell = tell};
