/* GATEWAY_MODE=symmetric, and two static mappings for a gateway that has one port for each protocol. The
 * daemon crashed while the rule of one of them followed a new port, so the rule of the other one has the
 * present port, and its comment says so. The first one cannot have that port while the lease of the other one
 * may be valid. After that, one of them works, and the daemon leaves nothing behind at its end. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_UDP, .internal_port = 6881};
    options->config.static_mapping[1] =
        (struct static_mapping){.address = lan_address(21), .protocol = NATPMP_UDP, .internal_port = 6881};
    options->config.static_mappings = 2;
    options->gateway.symmetric = true;
    options->gateway.lifetime_max_s = 60;
    options->gateway.offer_port = 40002;
}

static void tell(struct world *w)
{
    world_hand_begin(w, "two rules of an earlier run");
    left_over_rule(w, UDP, 40001, "192.168.88.20", 6881, 60);
    left_over_rule(w, UDP, 40002, "192.168.88.21", 6881, 60);
    world_hand_end(w);
    world_start(w, 1);
    world_run_for(w, 5000);
    note(w, "the lease of the second rule may be valid");
    world_run_for(w, 60000);
    skip_s(w, 120);
    note(w, "one of them has the port");
    expect(w, our_rules(w) == 1 && external_port_of(w, 21, UDP, 6881) != 0);
    expect_rest(w);
    world_stop(w);
    world_run_for(w, 6000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_statics_with_leftover_rules = {.options = options, .tell = tell};
