/* A gateway that forwards external port n to port n only. It is asked for internal port 0, one request at a
 * time, and the rule's port is the external one; both forms of its reply are understood, the port and 0. When
 * the port changes, the rule goes with it. A second client is refused: there is but one port. A deletion
 * names the port, for internal port 0 would delete all. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.profile = GATEWAY_PROTON;
    options->gateway.symmetric = true;
    options->config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *tcp;
    struct lan_mapping *udp;
    struct lan_mapping *other;

    settle(w);
    tcp = map(w, a, TCP, 6881, 0, 7200);
    udp = map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 500);
    expect(w, tcp->state == LAN_HELD && udp->external_port == tcp->external_port);
    expect(w, router_port_of(w, 10, TCP, 6881) == tcp->external_port);
    expect(w, router_port_of(w, 10, UDP, 6881) == tcp->external_port);
    note(w, "another client: the gateway has but this port");
    other = map(w, client(w, 11), TCP, 7000, 7000, 7200);
    world_run_for(w, 1000);
    expect(w, other->result == 4 && gateway_count(&w->gateway, w->now_ms) == 2);
    lan_vanish(&w->lan.clients[1]);
    note(w, "at the renewal the port is another one");
    gateway_rotate(&w->gateway, w->now_ms);
    skip_s(w, 27);
    world_run_for(w, 8000);
    expect(w, udp->external_port == tcp->external_port);
    expect(w, router_port_of(w, 10, TCP, 6881) == tcp->external_port);
    expect(w, router_port_of(w, 10, UDP, 6881) == tcp->external_port && our_rules(w) == 2);
    note(w, "the end");
    lan_unmap(&w->lan, w->now_ms, a, tcp);
    lan_unmap(&w->lan, w->now_ms, a, udp);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_symmetric_gateway = {.options = options, .tell = tell};
