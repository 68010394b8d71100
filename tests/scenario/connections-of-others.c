/* Somebody disables the tunnel's address on the router. The gateway's answers still come to it, as the
 * router's connection table shows, and so do the packets for mapped ports: the rules stay for this address.
 * No connection is removed that has the same port but does not come there: a LAN host's, the router's own,
 * and somebody's who comes from the internet. */
/* [P7] [P10] */
#include "scenario.h"

enum { PORT = 7000, HOST = 0xc0a85832 /* 192.168.88.50 */, SERVER = 0xc633640a, WAN = 0xcb007107 };

/* Three connections with that destination port, none of which comes to the tunnel. */
static void others(struct world *w, uint16_t port)
{
    struct router_model_flow flow = {
        .source = HOST, .destination = SERVER, .source_port = 5000, .destination_port = port};
    router_model_sends(w->router, w->now_ms, &flow);
    flow.source = WAN;
    router_model_sends(w->router, w->now_ms, &flow);
    router_model_receive(w->router, w->now_ms,
                         &(struct router_model_packet){.interface = "ether1",
                                                       .source = SERVER,
                                                       .source_port = 5000,
                                                       .destination = WAN,
                                                       .destination_port = port});
}

static const char *address_of(struct world *w, unsigned host, uint16_t port)
{
    const struct router_model_rule *rule = router_model_rule_find(w->router, rule_of(w, host, UDP, port));
    return rule ? router_model_rule_text(rule, "dst-address") : "";
}

static void new_mapping(struct world *w, unsigned host, uint16_t port)
{
    others(w, port);
    map(w, client(w, host), UDP, port, port, 3600);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == (unsigned)(port - PORT + 1));
}

static void tell(struct world *w)
{
    w->gateway_local = 0xac110002; /* 172.17.0.2 */
    settle(w);
    show(w, false);
    router_model_options(w->router)->flows_stick = true;
    new_mapping(w, 10, PORT);
    world_way_moves(w, "the tunnel's address is disabled", true);
    router_model_address_disable(w->router, "10.2.0.2/32");
    world_run_for(w, 70000);
    expect(w, strcmp(address_of(w, 10, PORT), "10.2.0.2") == 0);
    show(w, true);
    new_mapping(w, 11, PORT + 1);
    show(w, false);
    expect(w, strcmp(address_of(w, 11, PORT + 1), "10.2.0.2") == 0);
    world_run_for(w, 100000);
    expect_rest(w);
}

const struct story story_connections_of_others = {.tell = tell};
