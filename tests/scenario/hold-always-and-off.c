/* With LEASE_HOLD=always the daemon keeps even the first mapping of a client that renews late alive, for two
 * hours at most. With LEASE_HOLD=off a mapping ends with the gateway's lease, even if the daemon knows that
 * its client renews late. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static enum mapping_condition condition(struct world *w, unsigned last_byte)
{
    struct mapping_status row = {.condition = MAPPING_ENDING};

    for (uint16_t m = 0; (m = mapping_status_from(w->proxy, m, w->now_ms, &row)) != 0; m++) {
        if (row.client == lan_address(last_byte))
            break;
    }
    return (enum mapping_condition)row.condition;
}

static void tell(struct world *w)
{
    struct lan_client *a = lan_add(&w->lan, lan_address(10), LAN_LATE);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "always: Nicotine+ requests twelve hours and renews every two hours");
    w->lan.late_renewal_ms = UINT64_C(7190) * 1000;
    mapping = map(w, a, TCP, 2234, 2234, 43200);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 60);
    skip_s(w, 7150);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    world_run_for(w, 60000);
    expect(w, mapping->answers == 2);
    lan_vanish(a);
    skip_s(w, 7100);
    expect(w, our_rules(w) == 1);
    note(w, "two hours are over");
    world_run_for(w, 100000);
    expect(w, our_rules(w) == 0);
    expect_rest(w);

    show(w, false);
    world_stop(w);
    world_run_for(w, 1000);
    w->options.config.lease_hold = LEASE_HOLD_OFF;
    world_start(w, 2);
    skip_s(w, 10);
    note(w, "off: a client that renews every 20 minutes");
    w->lan.late_renewal_ms = UINT64_C(1200) * 1000;
    a = lan_add(&w->lan, lan_address(11), LAN_LATE);
    mapping = map(w, a, TCP, 51413, 51413, 3600);
    skip_s(w, 1205);
    expect(w, mapping->answers == 2 && our_rules(w) == 1);
    world_run_for(w, 70000);
    expect(w, our_rules(w) == 0);
    expect_rest(w);
    note(w, "off: a renewal fails at the router; nothing keeps the mapping alive until its lease ends");
    asks_map(w, 12, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 20000);
    world_hand_begin(w, "somebody removes its rule");
    router_model_rule_remove(w->router, rule_of(w, 12, TCP, 7000));
    world_hand_end(w);
    show(w, false);
    asks_map(w, 12, 40000, TCP, 7000, 7000, 3600);
    for (unsigned i = 0; i < 13; i++) {
        router_model_fail_next(w->router, "/ip/firewall/nat/add", "failure: busy");
        world_run_for(w, 1000);
    }
    router_model_fail_next(w->router, "/no/such/command", "");
    world_run_for(w, 20000);
    expect(w, condition(w, 12) == MAPPING_ACTIVE);
}

const struct story story_hold_always_and_off = {.options = options, .tell = tell};
