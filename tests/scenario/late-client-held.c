/* LEASE_HOLD=auto with a gateway that grants leases of 60 s. A client renews every 20 minutes, as
 * Transmission 3 does. Its first mapping ends with the lease. When it comes back, the daemon knows that it
 * renews late, and keeps its mapping alive for the hour that it requested. The advertised lifetime stays the
 * gateway's. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = lan_add(&w->lan, lan_address(10), LAN_LATE);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "the client's first request");
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
    note(w, "20 minutes later again: the mapping still exists");
    world_run_for(w, 40000);
    expect(w, mapping->answers == 3 && mapping->granted_s > 29);
    expect_rest(w);
    note(w, "the client is switched off: an hour after its last request the mapping ends");
    lan_vanish(a);
    skip_s(w, 3500);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    world_run_for(w, 100000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_late_client_held = {.options = like_proton, .tell = tell};
