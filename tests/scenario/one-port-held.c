/* A gateway with one port for all clients, and LEASE_HOLD=always. The daemon keeps the port's mapping alive
 * for a client that has not renewed. When another client requests a port, the daemon releases that mapping.
 * For two minutes the port is in quarantine and the other client is refused, and after that it gets the port.
 * The first client could have it at once, for another internal port, too. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.one_port = true;
    options->gateway.lifetime_max_s = 60;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b;
    struct lan_mapping *mapping;
    uint16_t port;

    settle(w);
    map(w, a, UDP, 5000, 5000, 7200);
    world_run_for(w, 500);
    lan_vanish(a);
    skip_s(w, 100);
    expect(w, our_rules(w) == 1 && router_port_of(w, 10, UDP, 5000) != 0);
    note(w, "another client requests a port");
    b = client(w, 11);
    mapping = map(w, b, UDP, 6000, 6000, 7200);
    world_run_for(w, 6000);
    expect(w, our_rules(w) == 0 && mapping->result == 4);
    skip_s(w, 150);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    port = mapping->external_port;
    note(w, "the client requests another internal port");
    lan_vanish(b);
    skip_s(w, 100);
    expect(w, our_rules(w) == 1);
    asks_map(w, 11, 40001, UDP, 6001, 6001, 7200);
    world_run_for(w, 6000);
    expect(w, external_port_of(w, 11, UDP, 6001) == port && our_rules(w) == 1);
    skip_s(w, 20);
    expect_rest(w);
}

const struct story story_one_port_held = {.options = options, .tell = tell};
