/* A foreign dst-nat rule matches every port of the interface. It stands earlier in the chain, so it would
 * take the packets of any rule that the daemon adds. The daemon therefore answers Out of Resources and logs
 * the reason. When the owner removes that rule, the daemon maps ports again. */
/* Predecessor fault 41: An earlier rule that takes every port swallows what ours was to get. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint32_t rule;

    settle(w);
    world_hand_begin(w, "a rule sends everything from the tunnel to one host");
    rule = router_model_rule_add(w->router,
                                 "chain=dstnat action=dst-nat in-interface=wg0 to-addresses=192.168.88.5 "
                                 "comment=\"FOREIGN server\"",
                                 false);
    world_hand_end(w);
    world_run_for(w, 1000);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->result == 4 && our_rules(w) == 0);
    world_hand_begin(w, "the owner removes the rule");
    router_model_rule_remove(w->router, rule);
    world_hand_end(w);
    skip_s(w, 20);
    world_run_for(w, 12000);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_broad_rule_takes_all = {.tell = tell};
