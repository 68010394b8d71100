/* The gateway has no port left, so the daemon releases one that no client uses, and is granted a port. The
 * router is away. When the time of the client's request is over, the answer is Network Failure: there are
 * ports, and some clients give up for good when there are none. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
    options->gateway.lifetime_max_s = 60;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;

    settle(w);
    (void)map(w, a, TCP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    lan_vanish(a);
    skip_s(w, 100);
    mapping = map(w, b, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    note(w, "the router is away, and a client deletes its mapping and requests it again");
    w->faults.router_refused = true;
    router_model_drop_session(w->router, 0, true);
    lan_unmap(&w->lan, w->now_ms, b, mapping);
    world_run_for(w, 1000);
    w->gateway.faults.refuse = 4;
    mapping = map(w, b, TCP, 7000, 7000, 3600);
    world_run_for(w, 200);
    w->gateway.faults.refuse = 0;
    world_run_for(w, 13000);
    expect(w, mapping->result == 3);
    w->faults.router_refused = false;
    world_run_for(w, 60000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_room_but_no_router = {.options = options, .tell = tell};
