/* A gateway with five ports, all of which are in use, one by a static mapping. Two more clients are refused,
 * and ask again every two seconds. The gateway restarts: the mappings that existed get ports again, and the
 * two clients do not come before them. When the gateway has more ports after a restart, the two get them. */
#include "scenario.h"

enum { CLIENTS = 4, REFUSED = 2 };

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 1;
}

static void clients_ask(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        for (unsigned c = 0; c < REFUSED; c++)
            asks_map(w, 30 + c, 40000, TCP, 6000, 0, 3600);
        world_run_for(w, 1000);
    }
}

static void expect_kept(struct world *w)
{
    expect(w, external_port_of(w, 20, TCP, 32400) != 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        expect(w, external_port_of(w, 10 + i, TCP, 6000) != 0);
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    settle(w);
    for (unsigned i = 0; i < CLIENTS; i++)
        (void)map(w, client(w, 10 + i), TCP, 6000, 0, 3600);
    world_run_for(w, 2000);
    clients_ask(w, 5);
    expect_kept(w);
    note(w, "the gateway restarts");
    world_gateway_reboot(w);
    clients_ask(w, 60);
    expect_kept(w);
    expect(w, our_rules(w) == CLIENTS + 1);
    note(w, "the gateway restarts, and has more ports");
    w->gateway.options.ports_max = 8;
    world_gateway_reboot(w);
    clients_ask(w, 60);
    expect_kept(w);
    expect(w, our_rules(w) == CLIENTS + REFUSED + 1);
}

const struct story story_restart_while_ports_are_short = {.options = options, .tell = tell};
