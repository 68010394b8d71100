/* A router port and an external port that a client has released are in quarantine for two minutes, because
 * remote peers still send packets to them. The same client gets both back at once. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_client *c = client(w, 12);
    struct lan_mapping *mapping;

    settle(w);
    show(w, false);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->external_port == 7000 && router_port_of(w, 10, TCP, 7000) == 7000);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 500);
    show(w, true);
    note(w, "another client suggests the same port, and a third one the port of the other protocol");
    mapping = map(w, b, TCP, 7000, 7000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->external_port != 7000);
    expect(w, router_port_of(w, 11, TCP, 7000) != 7000);
    mapping = map(w, c, UDP, 7000, 7000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->external_port != 7000);
    note(w, "the first client comes back");
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->external_port == 7000 && router_port_of(w, 10, TCP, 7000) == 7000);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    skip_s(w, 110);
    lan_unmap(&w->lan, w->now_ms, b, lan_find(b, TCP, 7000));
    skip_s(w, 1);
    note(w, "the gateway grants the external port to another client; the daemon requests a lease for "
            "another router port");
    w->gateway.options.offer_port = 7000;
    mapping = map(w, b, TCP, 7001, 0, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->external_port != 7000);
    skip_s(w, 10);
    note(w, "the two minutes of quarantine are over");
    mapping = map(w, b, TCP, 7002, 7000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->external_port == 7000 && router_port_of(w, 11, TCP, 7002) == 7000);
    expect_rest(w);
}

const struct story story_freed_ports_rest = {.tell = tell};
