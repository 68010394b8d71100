/* STATIC_MAPPINGS: the daemon requests mappings for hosts that never ask, and keeps them for ever. The host
 * may request its mapping and gets it (RFC 6886 section 3.3), but it cannot delete it (section 3.4: Not
 * Authorized), nor with all its mappings, of which the others are deleted [D-07] [D-10]. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mapping[1] = (struct static_mapping){
        .address = lan_address(21), .protocol = NATPMP_UDP, .internal_port = 51820, .external_port = 50000};
    options->config.static_mappings = 2;
}

static void expect_both(struct world *w)
{
    expect(w, our_rules(w) == 2 && gateway_count(&w->gateway, w->now_ms) == 2);
    expect(w, external_port_of(w, 20, TCP, 32400) == 32400);
    expect(w, external_port_of(w, 21, UDP, 51820) == 50000);
    expect_rest(w);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 20);
    struct lan_mapping *mapping;

    w->notices[0].shown = true;
    note(w, "the daemon requests both by itself");
    world_start(w, 1);
    world_run_for(w, 3000);
    expect_both(w);
    skip_s(w, 3L * 3600);
    expect_both(w);
    note(w, "the host of the first one requests it for a minute, and never comes back");
    mapping = map(w, a, TCP, 32400, 0, 60);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 32400);
    lan_vanish(a);
    skip_s(w, 3600);
    expect_both(w);
    note(w, "it deletes that mapping, then all its mappings");
    asks_delete(w, 20, 4000, TCP, 32400, 0);
    world_run_for(w, 1000);
    asks_map(w, 20, 4000, TCP, 8000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 3);
    asks_delete(w, 20, 4000, TCP, 0, 0);
    world_run_for(w, 1000);
    expect_both(w);
    note(w, "somebody removes a rule, and the gateway restarts");
    show(w, false);
    world_hand_begin(w, "the rule is removed");
    (void)router_model_rule_remove(w->router, rule_of(w, 20, TCP, 32400));
    world_hand_end(w);
    world_gateway_reboot(w);
    world_run_for(w, 120000);
    expect_both(w);
    show(w, true);
    note(w, "the daemon crashes; while it comes back, the host deletes its mapping");
    world_kill(w);
    world_run_for(w, 1000);
    world_start(w, 2);
    asks_delete(w, 20, 4001, TCP, 32400, 0);
    asks_delete(w, 20, 4001, TCP, 0, 0);
    world_run_for(w, 5000);
    expect_both(w);
    skip_s(w, 2L * 3600);
    expect_both(w);
    note(w, "it stops: nothing is left");
    show(w, false);
    world_stop(w);
    world_run_for(w, 6000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_static_mappings = {.options = options, .tell = tell};
