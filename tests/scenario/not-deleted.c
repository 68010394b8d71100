/* RFC 6886 section 3.4: the daemon confirms a deletion when no packet is forwarded any more. If it cannot
 * delete a rule, it answers with an error and continues to try [D-06]. When a client deletes all of its
 * mappings, the deletable ones are deleted all the same [D-10]. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, UDP, 7001, 7001, 3600);
    map(w, a, UDP, 7002, 7002, 3600);
    skip_s(w, 10);
    note(w, "the router does not answer for 20 s, and a client deletes TCP 7000");
    router_now(w);
    router_model_mute(w->router, w->now_ms + 20000, false);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 11900);
    expect(w, mapping->answers == 1);
    world_run_for(w, 300);
    expect(w, mapping->answers == 2 && mapping->result == 3);
    note(w, "the router answers again: the daemon removes the rule without a further request");
    skip_s(w, 40);
    expect(w, our_rules(w) == 2 && rule_of(w, 10, TCP, 7000) == 0);
    note(w, "the client deletes all of UDP, and the router refuses to remove one of the two rules");
    router_model_fail_next(w->router, "/ip/firewall/nat/remove", "failure: busy");
    lan_unmap_all(&w->lan, a, UDP);
    world_run_for(w, 500);
    expect(w, our_rules(w) == 1);
    for (unsigned i = 0; i < 12; i++) {
        router_model_fail_next(w->router, "/ip/firewall/nat/remove", "failure: busy");
        world_run_for(w, 1000);
    }
    expect(w, our_rules(w) == 1);
    note(w, "the router does not refuse any more");
    router_model_fail_next(w->router, "/no/such/command", "");
    skip_s(w, 60);
    expect(w, our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_not_deleted = {.tell = tell};
