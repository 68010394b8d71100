/* LEASE_HOLD=auto with a gateway that leases 60 s. A client renews every 20 minutes, as Transmission 3 does.
 * Its first mapping ends with the lease; when it comes back, it is known to be late, and its mapping is kept
 * for the hour that it asked for. What it is told stays the gateway's lifetime. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.profile = GATEWAY_PROTON;
}

static void tell(struct world *w)
{
    struct lan_client *a = lan_add(&w->lan, lan_address(10), LAN_LATE);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "the first time");
    mapping = map(w, a, TCP, 51413, 51413, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 60);
    skip_s(w, 70);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    skip_s(w, 1120);
    note(w, "20 minutes later");
    world_run_for(w, 20000);
    expect(w, mapping->answers == 2 && mapping->granted_s == 60);
    skip_s(w, 20);
    note(w, "the daemon renews by itself, at half of the lease");
    world_run_for(w, 40000);
    skip_s(w, 1100);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    note(w, "again 20 minutes later: it is there");
    world_run_for(w, 40000);
    expect(w, mapping->answers == 3 && mapping->granted_s > 29);
    expect_rest(w);
    note(w, "it is switched off: an hour behind its last request it is over");
    lan_vanish(a);
    skip_s(w, 3500);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    world_run_for(w, 100000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_late_client_held = {.options = options, .tell = tell};
