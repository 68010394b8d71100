/* While the connection is down, somebody changes the daemon's rules. The resync after each reconnect finds
 * that. The daemon leaves a rule alone from which somebody has edited the mark away, and removes a rule with
 * its mark that belongs to no mapping. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    uint32_t epoch_s;
    uint32_t id;

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, UDP, 7001, 7001, 3600);
    skip_s(w, 10);
    epoch_s = proxy_status(w->proxy, w->now_ms).epoch_s;
    note(w, "[N-06] the router restarts, and comes back without one of the rules");
    router_now(w);
    router_model_reboot(w->router, 2000, true);
    world_run_for(w, 100);
    world_hand_begin(w, "somebody removes a rule");
    router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    world_hand_end(w);
    world_run_for(w, 20000);
    expect(w, our_rules(w) == 2 && rule_of(w, 10, TCP, 7000) != 0);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s == epoch_s + 20);
    note(w, "somebody edits the mark of a rule away");
    id = rule_of(w, 10, UDP, 7001);
    world_hand_begin(w, "another comment");
    router_model_rule_set(w->router, id, "comment=FOREIGN");
    world_hand_end(w);
    world_run_for(w, 2000);
    expect(w, router_model_rule_find(w->router, id) != NULL && our_rules(w) == 2);
    note(w, "somebody copies a rule of the daemon, once unchanged and once for another port");
    world_hand_begin(w, "two copies");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=7000 "
                          "to-addresses=192.168.88.10 to-ports=7000 "
                          "comment=\"double-natpmp/default external 7000 lease 3600 s\"",
                          false);
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=9999 "
                          "to-addresses=192.168.88.10 to-ports=7000 "
                          "comment=\"double-natpmp/default external 7000 lease 3600 s\"",
                          false);
    world_hand_end(w);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_behind_our_back = {.tell = tell};
