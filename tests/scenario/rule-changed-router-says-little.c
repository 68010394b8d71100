/* A router whose events contain only the property of a rule that was changed. Somebody disables the daemon's
 * rule, and somebody else changes its destination to another host. The daemon restores the rule both times,
 * and a client that renews in between gets success only when the rule is restored. The daemon does not touch
 * the owner's own rules, which are disabled and changed likewise. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->router.listen_partial_rows = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint32_t id;

    settle(w);
    show(w, false);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_hand_begin(w, "the owner's rule");
    id = router_model_rule_add(w->router,
                               "chain=dstnat action=dst-nat protocol=tcp dst-port=80 "
                               "to-addresses=192.168.88.5 comment=\"FOREIGN web\"",
                               false);
    world_hand_end(w);
    world_run_for(w, 20000);
    show(w, true);
    world_hand_begin(w, "somebody disables the daemon's rule");
    router_model_rule_set(w->router, rule_of(w, 10, TCP, 7000), "disabled=yes");
    world_hand_end(w);
    world_run_for(w, 2);
    note(w, "the client renews");
    map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 2 && our_rules(w) == 1 && w->invariants.rules[0].enabled);
    skip_s(w, 20);
    world_hand_begin(w, "somebody changes the destination of the daemon's rule");
    router_model_rule_set(w->router, rule_of(w, 10, TCP, 7000), "to-addresses=192.168.88.99");
    world_hand_end(w);
    world_run_for(w, 2);
    note(w, "the client renews");
    map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 3 && our_rules(w) == 1 && rule_of(w, 10, TCP, 7000) != 0);
    skip_s(w, 20);
    world_hand_begin(w, "the owner disables and changes his own rule");
    router_model_rule_set(w->router, id, "disabled=yes");
    router_model_rule_set(w->router, id, "dst-port=81");
    world_hand_end(w);
    world_run_for(w, 1000);
    expect(w, router_model_rule_find(w->router, id) != NULL && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_rule_changed_router_says_little = {.options = options, .tell = tell};
