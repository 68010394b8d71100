/* The gateway's host has no NAT-PMP service (port unreachable), and the daemon is stopped after a client's
 * request was refused. The daemon cannot know that the gateway granted nothing, but it does not claim that a
 * lease is left. A lease that the gateway did grant counts as one. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_mapping *mapping;

    w->gateway.faults.unreachable = true;
    show(w, false);
    world_start(w, 1);
    world_run_for(w, 3000);
    mapping = map(w, client(w, 10), TCP, 6881, 6881, 3600);
    world_run_for(w, 20000);
    expect(w, mapping->result == 3 && gateway_count(&w->gateway, w->now_ms) == 0);
    show(w, true);
    world_stop(w);
    world_run_for(w, 10000);
    expect(w, w->exited);
    show(w, false);
    w->gateway.faults.unreachable = false;
    world_start(w, 2);
    mapping = map(w, client(w, 11), TCP, 6882, 6882, 3600);
    world_run_for(w, 20000);
    expect(w, mapping->state == LAN_HELD);
    w->gateway.faults.unreachable = true;
    show(w, true);
    world_stop(w);
    world_run_for(w, 10000);
    expect(w, w->exited);
}

const struct story story_stopped_while_gateway_refuses = {.tell = tell};
