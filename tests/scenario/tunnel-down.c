/* The tunnel is down, at the start and again later, so there is no route to the gateway. A mapping stays on
 * the router until its lease ends. A client that requests one meanwhile gets Network Failure after 12 s, and
 * gets its mapping when the tunnel is up. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *kept;
    struct lan_mapping *mapping;

    w->faults.tunnel_down = true;
    world_start(w, 1);
    world_run_until(w, 5000);
    note(w, "the tunnel is up");
    w->faults.tunnel_down = false;
    skip_s(w, 130);
    kept = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, kept->state == LAN_HELD);
    note(w, "the tunnel is down; a client requests a mapping");
    w->faults.tunnel_down = true;
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 13000);
    expect(w, mapping->answers == 1 && mapping->result == 3 && our_rules(w) == 1);
    skip_s(w, 60);
    note(w, "the tunnel is up again");
    w->faults.tunnel_down = false;
    world_run_for(w, 100000);
    expect(w, mapping->state == LAN_HELD && kept->state == LAN_HELD && our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_tunnel_down = {.tell = tell};
