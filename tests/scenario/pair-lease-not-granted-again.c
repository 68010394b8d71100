/* The gateway changes the external port of UDP alone. The daemon releases UDP's lease so that the gateway can
 * grant TCP's number for it, and then the gateway refuses a new lease. The client has lost its UDP port
 * without having requested anything, so the daemon removes the mapping and resets its epoch. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *tcp;
    uint16_t udp_port;

    settle(w);
    show(w, false);
    tcp = map(w, a, TCP, 6881, 6881, 7200);
    world_run_for(w, 10000);
    asks_map(w, 10, 40001, UDP, 6881, 6881, 7200);
    world_run_for(w, 20000);
    udp_port = router_port_of(w, 10, UDP, 6881);
    show(w, true);
    note(w, "double-natpmp renews UDP on the client's behalf, and its port changes");
    gateway_next_port(w, 10, UDP, 6881, 50001);
    for (unsigned i = 0; i < 15000 && external_port_of(w, 10, UDP, 6881) != 50001; i++)
        world_run_for(w, 1);
    note(w, "the daemon releases the lease of UDP");
    for (unsigned i = 0; i < 10000 && gateway_find(&w->gateway, w->now_ms, UDP, udp_port); i++)
        world_run_for(w, 1);
    expect(w, !gateway_find(&w->gateway, w->now_ms, UDP, udp_port));
    note(w, "the gateway refuses to grant another one");
    w->gateway.faults.refuse = 4;
    world_run_for(w, 2500);
    w->gateway.faults.refuse = 0;
    expect(w, router_port_of(w, 10, UDP, 6881) == 0);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s < 4);
    skip_s(w, 30);
    expect(w, tcp->state == LAN_HELD && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_pair_lease_not_granted_again = {.options = options, .tell = tell};
