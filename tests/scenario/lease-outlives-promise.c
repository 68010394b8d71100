/* Each retransmission renews the lease at the gateway when it arrives. The client is advertised what the
 * first datagram was granted. When that lifetime ends, the daemon deletes the rest of the lease at the
 * gateway instead of letting it expire. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 1900;
    mapping = map(w, a, TCP, 7000, 7000, 60);
    world_run_for(w, 8000);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s <= 59);
    w->gateway.faults.late_percent = 0;
    lan_vanish(a);
    skip_s(w, 51);
    note(w, "the advertised lifetime is over");
    world_run_for(w, 8000);
    expect(w, our_rules(w) == 0);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_lease_outlives_promise = {.tell = tell};
