/* Behind a gateway that forwards port n only to port n, neither a request nor its answer says to which
 * mapping it belongs. So one mapping has the port at a time, and between a request and a deletion the daemon
 * waits until what is under way has arrived. If a client withdraws a request, the daemon still waits for the
 * answer, because only the answer says which port must be released. A mapping that the daemon keeps alive is
 * released for a client that requests one. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->gateway.symmetric = true;
    options->config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;
    struct lan_mapping *held;
    uint16_t port;

    settle(w);
    note(w, "the answer comes when the client has withdrawn its request, and another client has sent one");
    gateway_late(w, 900);
    mapping = map(w, a, TCP, 6881, 6881, 3600);
    world_run_for(w, 300);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    gateway_late(w, 0);
    held = map(w, b, TCP, 7000, 0, 3600);
    world_run_for(w, 5000);
    expect(w, held->state == LAN_HELD && router_port_of(w, 11, TCP, 7000) == held->external_port);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    note(w, "the client is away; its mapping is released for a client that requests one");
    port = held->external_port;
    lan_vanish(b);
    skip_s(w, 120);
    expect(w, our_rules(w) == 1);
    mapping = map(w, a, TCP, 6881, port, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->state == LAN_HELD && router_port_of(w, 10, TCP, 6881) == mapping->external_port);
    expect(w, mapping->external_port != port && our_rules(w) == 1);
    note(w, "the daemon is stopped while the gateway answers late");
    gateway_late(w, 900);
    map(w, a, UDP, 6881, 6881, 3600);
    world_run_for(w, 300);
    world_stop(w);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_symmetric_one_at_a_time = {.options = options, .tell = tell};
