/* The gateway refuses all renewals with result 4 for a while, although ports are free. The lease of a static
 * mapping ends first. It takes the port of one client, and not those of all clients one after the other. */
#include "scenario.h"

enum { CLIENTS = 4 };

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 1;
}

static void renew(struct world *w)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        asks_map(w, 10 + i, 40000, TCP, 6000, 0, 3600);
    world_run_for(w, 1000);
}

static void tell(struct world *w)
{
    uint16_t port;

    settle(w);
    port = router_port_of(w, 20, TCP, 32400);
    expect(w, port != 0);
    show(w, false);
    renew(w);
    while (gateway_find(&w->gateway, w->now_ms, TCP, port)->ends_ms > w->now_ms + 34000)
        world_run_for(w, 100);
    renew(w);
    expect(w, our_rules(w) == CLIENTS + 1);
    show(w, true);
    note(w, "the gateway refuses");
    w->gateway.faults.refuse = 4;
    world_run_for(w, 50000);
    expect(w, gateway_count(&w->gateway, w->now_ms) == CLIENTS - 1);
    note(w, "and grants again");
    w->gateway.faults.refuse = 0;
    renew(w);
    world_run_for(w, 60000);
    expect(w, external_port_of(w, 20, TCP, 32400) != 0);
}

const struct story story_static_takes_one_port = {.options = options, .tell = tell};
