/* A gateway with one port for all, and a client that has it for TCP and UDP. As long as the client renews one
 * of the two, another client is refused. When it renews neither, both protocols of the port are released for
 * the other client, since one of them alone would free nothing. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.one_port = true;
    options->gateway.lifetime_max_s = 60;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    asks_map(w, 10, 40000, TCP, 6881, 6881, 7200);
    asks_map(w, 10, 40001, UDP, 6881, 6881, 7200);
    world_run_for(w, 80000);
    show(w, true);
    note(w, "the client renews TCP only");
    asks_map(w, 10, 40000, TCP, 6881, 6881, 7200);
    world_run_for(w, 5000);
    note(w, "another client asks for UDP");
    asks_map(w, 11, 40000, UDP, 7000, 7000, 7200);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 2 && rule_of(w, 11, UDP, 7000) == 0);
    skip_s(w, 80);
    expect(w, our_rules(w) == 2);
    note(w, "the first client has renewed neither, and another client asks again");
    asks_map(w, 11, 40000, UDP, 7000, 7000, 7200);
    world_run_for(w, 5000);
    expect(w, rule_of(w, 10, TCP, 6881) == 0 && rule_of(w, 10, UDP, 6881) == 0);
    skip_s(w, 150);
    asks_map(w, 11, 40000, UDP, 7000, 7000, 7200);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 1 && external_port_of(w, 11, UDP, 7000) != 0);
    expect_rest(w);
}

const struct story story_one_port_of_both_protocols = {.options = options, .tell = tell};
