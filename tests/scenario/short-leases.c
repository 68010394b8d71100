/* The gateway restarts and grants one minute at most from now on, less than the client was advertised. The
 * daemon renews at half of each lease (RFC 6886 section 3.3 [C-21]) and suggests the external port that it
 * has [C-19]. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    const struct gateway_lease *lease;
    uint16_t external_port;

    settle(w);
    note(w, "the gateway grants another external port than the suggested one");
    w->gateway.options.ignore_suggestion = true;
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 10000);
    w->gateway.options.ignore_suggestion = false;
    external_port = mapping->external_port;
    expect(w, mapping->state == LAN_HELD && external_port != 7000);
    world_gateway_reboot(w);
    w->gateway.options.lifetime_max_s = 60;
    world_run_for(w, 200000);
    expect(w, mapping->answers == 1 && our_rules(w) == 1);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 1);
    skip_s(w, 1000);
    expect(w, mapping->answers == 1 && our_rules(w) == 1);
    lease = gateway_find(&w->gateway, w->now_ms, true, 7000);
    expect(w, lease && lease->external_port == external_port);
    expect_rest(w);
}

const struct story story_short_leases = {.tell = tell};
