/* A gateway that gives every mapping the same external port: the first holder keeps it, the others are told 4
 * (Out of Resources) at once, however often they ask. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.one_port = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *of_a;
    struct lan_mapping *of_b;

    settle(w);
    of_a = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    of_b = map(w, b, TCP, 7001, 7001, 3600);
    world_run_for(w, 5000);
    expect(w, of_a->state == LAN_HELD && of_b->result == 4);
    show(w, false);
    for (unsigned i = 0; i < 8; i++) {
        world_run_for(w, 30000);
        expect(w, of_b->result == 4);
    }
    show(w, true);
    world_run_for(w, 30000);
    expect(w, of_a->state == LAN_HELD && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story = {.options = options, .tell = tell};
