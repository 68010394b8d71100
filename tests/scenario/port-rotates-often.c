/* The same WireGuard key is in use elsewhere, or packets are lost: the external port changes again and again.
 * The daemon advertises and logs each change, never replaces the router's rule, and leaves no lease
 * behind. */
#include "scenario.h"

static void proton(struct world_options *options)
{
    like_proton(options);
    options->gateway.rotate_percent = 50;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint32_t rule;

    settle(w);
    mapping = map(w, a, UDP, 6881, 6881, 7200);
    skip_s(w, 1);
    rule = rule_of(w, 10, UDP, 6881);
    world_run_for(w, 200000);
    expect(w, mapping->state == LAN_HELD && rule_of(w, 10, UDP, 6881) == rule);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 1);
    expect(w, gateway_find(&w->gateway, w->now_ms, UDP, router_port_of(w, 10, UDP, 6881))->external_port ==
                  mapping->external_port);
    expect_rest(w);
}

const struct story story_port_rotates_often = {.options = proton, .tell = tell};
