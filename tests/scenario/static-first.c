/* The gateway has five ports, and all are in use when the daemon starts again with a static mapping. The
 * static mapping gets a port: that of the client that has renewed longest ago, whose next request is refused.
 * Clients never take it back. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a[6];
    struct lan_mapping *mapping[6] = {0};
    unsigned held = 0;

    for (unsigned i = 0; i < 6; i++)
        a[i] = client(w, 10 + i);
    settle(w);
    show(w, false);
    for (unsigned i = 0; i < 5; i++) {
        mapping[i] = map(w, a[i], TCP, 6000, 0, 3600);
        world_run_for(w, 2000);
    }
    expect(w, our_rules(w) == 5);
    show(w, true);
    note(w, "the daemon crashes, and the next run has a static mapping");
    w->options.config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    w->options.config.static_mappings = 1;
    world_kill(w);
    world_run_for(w, 500);
    world_start(w, 2);
    world_run_for(w, 3000);
    show(w, false);
    world_run_for(w, 180000);
    expect(w, external_port_of(w, 20, TCP, 32400) != 0);
    expect(w, our_rules(w) == 5);
    for (unsigned i = 0; i < 5; i++)
        held += mapping[i]->state == LAN_HELD;
    expect(w, held == 4);
    show(w, true);
    note(w, "a sixth client gets no port, and the static mapping stays");
    mapping[5] = map(w, a[5], TCP, 6000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, mapping[5]->result == 4 && external_port_of(w, 20, TCP, 32400) != 0);
    show(w, false);
    world_gateway_reboot(w);
    world_run_for(w, 200000);
    expect(w, external_port_of(w, 20, TCP, 32400) != 0);
    expect_rest(w);
}

const struct story story_static_first = {.options = like_proton, .tell = tell};
