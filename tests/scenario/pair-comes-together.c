/* At a renewal the gateway changes the external port of UDP alone. Before the daemon treats it as different
 * from TCP's, it also renews TCP. Then it releases the lease of UDP and requests it anew, and the gateway
 * grants TCP's number again. The client, whose renewal is in work, is never advertised the other number. When
 * both protocols change, the daemon releases nothing. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *tcp;
    struct lan_mapping *udp;
    uint16_t port;
    uint32_t rule;

    settle(w);
    show(w, false);
    tcp = map(w, a, TCP, 6881, 6881, 7200);
    world_run_for(w, 10000);
    udp = map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 20000);
    show(w, true);
    port = tcp->external_port;
    rule = rule_of(w, 10, UDP, 6881);
    expect(w, udp->external_port == port);
    note(w, "the gateway renews TCP unchanged, then UDP with another port");
    gateway_next_port(w, 10, UDP, 6881, 50001);
    world_run_for(w, 12000);
    expect(w, tcp->external_port == port && udp->external_port == port);
    expect(w, gateway_find(&w->gateway, w->now_ms, UDP, router_port_of(w, 10, UDP, 6881))->external_port ==
                  port);
    skip_s(w, 17);
    note(w, "both change at TCP's renewal");
    gateway_rotate(&w->gateway, w->now_ms);
    world_run_for(w, 14000);
    expect(w, tcp->external_port != port && udp->external_port == tcp->external_port);
    expect(w, rule_of(w, 10, UDP, 6881) == rule);
    expect_rest(w);
}

const struct story story_pair_comes_together = {.options = like_proton, .tell = tell};
