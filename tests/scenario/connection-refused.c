/* The WireGuard key was made without NAT-PMP, or the VPN server does not offer it: the gateway's host answers
 * with port unreachable, which the daemon sees as "connection refused". The daemon logs that once, and
 * clients get Network Failure. When the gateway offers NAT-PMP, the daemon uses it without a restart. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    w->gateway.faults.unreachable = true;
    world_start(w, 1);
    world_run_until(w, 2500);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 13000);
    expect(w, mapping->answers == 1 && mapping->result == 3 && our_rules(w) == 0);
    note(w, "ten minutes later the gateway offers NAT-PMP");
    skip_s(w, 600);
    w->gateway.faults.unreachable = false;
    world_run_for(w, 120000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_connection_refused = {.tell = tell};
