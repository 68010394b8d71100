/* Somebody removes one of the daemon's rules by hand, and the router refuses to add it again. The daemon
 * tries again after 1, 2, 4, 8 and 16 s, and then every 30 s, because the client still relies on its port and
 * sends no request that would start another attempt. After the second refusal the router counts as troubled,
 * until a rule is made; that it carries out other commands does not end that. */
#include "scenario.h"

static void tell(struct world *w)
{
    uint64_t failed;

    settle(w);
    w->notices[0].shown = true;
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    failed = router_model_counters(w->router)->failed;
    world_hand_begin(w, "somebody removes a rule");
    router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    world_hand_end(w);
    router_model_fail_next(w->router, "/ip/firewall/nat/add", "failure: busy");
    world_run_for(w, 900);
    expect(w, proxy_condition(w->proxy) == PROXY_WORKS);
    for (unsigned i = 1; i < 110; i++) {
        router_model_fail_next(w->router, "/ip/firewall/nat/add", "failure: busy");
        world_run_for(w, 1000);
    }
    expect(w, our_rules(w) == 0 && router_model_counters(w->router)->failed == failed + 8);
    expect(w, proxy_condition(w->proxy) == PROXY_TROUBLED);
    note(w, "the router accepts the rule again");
    /* There is one failure to come at a time, so this one takes the place of the last one above. */
    router_model_fail_next(w->router, "/no/such/command", "");
    world_run_for(w, 30000);
    expect(w, our_rules(w) == 1 && proxy_condition(w->proxy) == PROXY_WORKS);
    expect_rest(w);
}

const struct story story_addition_refused_for_a_minute = {.tell = tell};
