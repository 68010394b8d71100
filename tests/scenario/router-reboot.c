/* The router restarts while one mapping exists and another one is in work. Nothing is lost, nothing is made
 * twice, and the client of the second one notices only the delay. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    note(w, "the router restarts; its rules survive");
    router_now(w);
    router_model_reboot(w->router, 5000, true);
    world_run_for(w, 1000);
    mapping = map(w, a, UDP, 7001, 7001, 3600);
    world_run_for(w, 30000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 7001);
    expect(w, our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_router_reboot = {.tell = tell};
