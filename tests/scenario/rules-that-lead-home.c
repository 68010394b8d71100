/* No rule leads to an address of the router, of the gateway, of this machine, to loopback or to a broadcast
 * address of one of the router's networks: not for a request that came before the router's addresses were
 * known, not for a rule of an earlier run, and not when the router gets the address of a client. Nor does one
 * lead to an address that no host of a LAN has. */
/* [R4] */
/* [L9] */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->lan_address = 0xc0a85802; /* not the router's */
    options->config.listen_address = options->lan_address;
}

static void from(struct world *w, uint32_t address, uint16_t port)
{
    uint8_t request[12] = {0, 2, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0, 0, 0, 0, 0x0e, 0x10};

    world_lan_datagram(w, (struct endpoint){address, 40000}, w->options.lan_address, span_of(request, 12));
}

static void all_ask(struct world *w)
{
    from(w, w->options.router_address, 22);
    from(w, 0xc0a85801, 23);
    from(w, 0x0a020002, 8291); /* the router's in the tunnel */
    from(w, w->options.config.gateway, 8728);
    lan_send_map(&w->lan, w->options.lan_address, 40000, true, 5351, 0, 3600);
    lan_send_map(&w->lan, 0x7f000001, 40000, true, 6000, 0, 3600);
    from(w, 0xc0a858ff, 6001);
    from(w, 0xc0a85800, 6002);
}

static void tell(struct world *w)
{
    struct lan_mapping *mapping;

    note(w, "requests before the router's addresses are known");
    w->faults.router_refused = true;
    world_start(w, 1);
    all_ask(w);
    world_run_for(w, 3000);
    w->faults.router_refused = false;
    world_run_for(w, 9000);
    expect(w, our_rules(w) == 0);
    note(w, "and later");
    all_ask(w);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 0);
    note(w, "the router gets the address of a client");
    mapping = map(w, client(w, 10), UDP, 6003, 6003, 7200);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    world_hand_begin(w, "an address more");
    router_model_address_add(w->router, "192.168.88.10/24", "bridge");
    world_hand_end(w);
    world_run_for(w, 610000);
    expect(w, our_rules(w) == 0);
    note(w, "rules of an earlier run");
    world_kill(w);
    world_hand_begin(w, "rules with our mark");
    left_over_rule(w, TCP, 7000, "192.168.88.1", 22, 3600);
    left_over_rule(w, TCP, 7001, "192.168.88.255", 22, 3600);
    left_over_rule(w, TCP, 7002, "192.168.88.2", 22, 3600);
    left_over_rule(w, TCP, 7003, "8.8.8.8", 22, 3600);
    left_over_rule(w, TCP, 7004, "239.1.2.3", 22, 3600);
    left_over_rule(w, TCP, 7005, "100.64.0.9", 22, 3600);
    world_hand_end(w);
    world_start(w, 2);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 0);
}

const struct story story_rules_that_lead_home = {.options = options, .tell = tell};
