/* The router never answers /ip/route/check, and MIKROTIK_IN_INTERFACE names the interface. The command is
 * then only a comparison: the router is ready at once, a client gets its mapping, and nothing is logged. */
/* [R2] */
#include "scenario.h"

static void options(struct world_options *options)
{
    memcpy(options->config.in_interface, "wg0", sizeof("wg0"));
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    router_model_options(w->router)->untracked = true; /* else the connection table says enough */
    router_model_slow(w->router, "/ip/route/check", ROUTER_MODEL_HANGS);
    world_start(w, 1);
    world_run_for(w, 500);
    mapping = map(w, a, TCP, 6000, 6000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD);
    world_run_for(w, 10000);
    skip_s(w, 580);
    note(w, "a resync on the same connection does not ask for it again");
    world_run_for(w, 15000);
    expect(w, router_model_counters(w->router)->connections == 1);
    expect_rest(w);
}

const struct story story_route_check_hangs_beside_in_interface = {.options = options, .tell = tell};
