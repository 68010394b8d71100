/* The client deletes its mapping, and somebody restores the rule on the router, as the undo of a
 * configuration tool does. The rule belongs to no mapping that is wanted, so the daemon removes it again. A
 * client that requests the same mapping after that gets it. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    show(w, false);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 10000);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 10000);
    expect(w, our_rules(w) == 0);
    show(w, true);
    world_hand_begin(w, "the rule is restored");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=7000 "
                          "to-addresses=192.168.88.10 to-ports=7000 "
                          "comment=\"double-natpmp/default external 7000 lease 3600 s\"",
                          false);
    world_hand_end(w);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0);
    note(w, "the client requests the mapping again");
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 1 && mapping->answers == 1);
    expect_rest(w);
}

const struct story story_deleted_rule_comes_back = {.tell = tell};
