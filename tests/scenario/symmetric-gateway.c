/* A gateway that forwards external port n only to port n. The daemon requests internal port 0, one request at
 * a time, and the rule's port is the external one. It understands both forms of the reply, with the port and
 * with 0. When the port changes, the daemon replaces the rule. It refuses a second client, because there is
 * only one port. A deletion names the port, since a deletion of internal port 0 would delete all mappings. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
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
    note(w, "another client: the gateway has only this port");
    other = map(w, client(w, 11), TCP, 7000, 7000, 7200);
    world_run_for(w, 1000);
    expect(w, other->result == 4 && gateway_count(&w->gateway, w->now_ms) == 2);
    lan_vanish(&w->lan.clients[1]);
    note(w, "the gateway changes the port at the renewal");
    gateway_rotate(&w->gateway, w->now_ms);
    skip_s(w, 27);
    world_run_for(w, 8000);
    expect(w, udp->external_port == tcp->external_port);
    expect(w, router_port_of(w, 10, TCP, 6881) == tcp->external_port);
    expect(w, router_port_of(w, 10, UDP, 6881) == tcp->external_port && our_rules(w) == 2);
    note(w, "the daemon stops");
    lan_unmap(&w->lan, w->now_ms, a, tcp);
    lan_unmap(&w->lan, w->now_ms, a, udp);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_symmetric_gateway = {.options = options, .tell = tell};
