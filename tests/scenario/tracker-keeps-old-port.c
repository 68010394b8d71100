/* A tracker keeps a port until the next announce of the application, so a port must not change without need.
 * The lease of a client that renews in time never ends, and ten minutes later the port is the same. */
#include "scenario.h"

static void proton(struct world_options *options)
{
    like_proton(options);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint16_t external_port;

    settle(w);
    mapping = map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 31000);
    external_port = mapping->external_port;
    skip_s(w, 600);
    note(w, "ten minutes later");
    world_run_for(w, 31000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == external_port);
    expect(w, w->gateway.grants == 1); /* the lease has never ended */
    expect_rest(w);
}

const struct story story_tracker_keeps_old_port = {.options = proton, .tell = tell};
