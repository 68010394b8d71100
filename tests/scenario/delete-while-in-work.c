/* RFC 6886 section 3.4: a deletion behind a request that is still in work wins. What the gateway grants
 * afterwards is given back. Asked for anew, the port is the same, for it goes to nobody else meanwhile. */
#include "scenario.h"

static void slow(struct world_options *options)
{
    options->gateway_link.latency_min_ms = 100;
    options->gateway_link.latency_max_ms = 100;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint16_t port;

    settle(w);
    note(w, "asked for, and 50 ms later not wanted any more");
    mapping = map(w, a, UDP, 6000, 0, 3600);
    world_run_for(w, 50);
    port = router_port_of(w, 10, UDP, 6000);
    expect(w, port != 0);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_UNUSED && our_rules(w) == 0);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0);
    note(w, "and wanted again");
    mapping = map(w, a, UDP, 6000, 0, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD && router_port_of(w, 10, UDP, 6000) == port);
    expect_rest(w);
}

const struct story story = {.options = slow, .tell = tell};
