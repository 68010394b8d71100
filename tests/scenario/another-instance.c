/* Two daemons with different INSTANCEs share one user of the router. Each sees the other one's sessions, and
 * its claim; neither stands by, also when connections end and somebody edits rules by hand. [R3] */
#include "scenario.h"

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    note(w, "another instance starts");
    w->is_stranger = true;
    (void)snprintf(w->options.config.instance, sizeof(w->options.config.instance), "other");
    world_start_second(w, 2);
    (void)snprintf(w->options.config.instance, sizeof(w->options.config.instance), "default");
    world_run_for(w, 10000);
    expect(w, !second_stands_by(w) && !proxy_status(w->proxy, w->now_ms).standing_by);
    note(w, "the connections end, and somebody copies and removes a rule");
    router_model_drop_session(w->router, 0, false);
    inv_router_trouble(w);
    world_run_for(w, 10000);
    world_hand_begin(w, "a copy of the rule, for another port");
    router_model_rule_add(
        w->router,
        "chain=dstnat action=dst-nat in-interface=wg0 protocol=tcp dst-port=7005 "
        "to-addresses=192.168.88.10 to-ports=7005 comment=\"double-natpmp/default external 7000 "
        "lease 7200 s\"",
        false);
    world_hand_end(w);
    world_run_for(w, 10000);
    world_hand_begin(w, "the rule is removed");
    router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    world_hand_end(w);
    world_run_for(w, 10000);
    expect(w, !second_stands_by(w) && !proxy_status(w->proxy, w->now_ms).standing_by);
    expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
}

const struct story story_another_instance = {.tell = tell};
