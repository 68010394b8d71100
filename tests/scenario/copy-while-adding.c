/* While the daemon adds a rule, somebody imports a saved copy of the same rule. Both have the daemon's mark
 * and lead to the same place, and only the router's answer says which of them the daemon added. The daemon
 * removes the other one, and the client's success refers to the rule that stays. */
#include "scenario.h"

enum { LATENCY_MS = 300 };

static void slow(struct world_options *options)
{
    options->router.latency_min_ms = LATENCY_MS;
    options->router.latency_max_ms = LATENCY_MS;
    options->router.own_event = ROUTER_MODEL_EVENT_BEFORE;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint32_t copy;

    settle(w);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, LATENCY_MS / 2);
    world_hand_begin(w, "somebody imports the copy");
    copy = router_model_rule_add(w->router,
                                 "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=7000 "
                                 "to-addresses=192.168.88.10 to-ports=7000 "
                                 "comment=\"double-natpmp/default external 7000 lease 3600 s\"",
                                 false);
    world_hand_end(w);
    world_run_for(w, 10000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, our_rules(w) == 1 && rule_of(w, 10, TCP, 7000) != copy);
    expect(w, router_model_counters(w->router)->adds == 1);
    expect_rest(w);
}

const struct story story_copy_while_adding = {.options = slow, .tell = tell};
