/* Somebody removes, disables and changes the daemon's rule in WinBox. The daemon restores it within a
 * second. */
/* Predecessor fault 8: A rule that is missing on the router is never noticed; renewals go on to succeed. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    world_hand_begin(w, "somebody removes the rule");
    router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    world_hand_end(w);
    world_run_for(w, 1000);
    expect(w, rule_of(w, 10, TCP, 7000) != 0);
    world_hand_begin(w, "somebody disables the rule");
    router_model_rule_set(w->router, rule_of(w, 10, TCP, 7000), "disabled=yes");
    world_hand_end(w);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1 && w->invariants.rules[0].enabled);
    world_hand_begin(w, "somebody changes the destination of the rule");
    router_model_rule_set(w->router, rule_of(w, 10, TCP, 7000), "to-addresses=192.168.88.99");
    world_hand_end(w);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1 && rule_of(w, 10, TCP, 7000) != 0);
    expect_rest(w);
}

const struct story story_rule_deleted_by_hand = {.tell = tell};
