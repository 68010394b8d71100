/* At one renewal after the other, a gateway grants a port that another client has, and corrects itself when
 * the daemon asks again. Each renewal succeeds in the end, so these conflicts do not add up, and the mapping
 * that double-natpmp keeps alive for an absent client stays. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.lifetime_max_s = 60;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    asks_map(w, 10, 40000, UDP, 6881, 6881, 7200);
    world_run_for(w, 15000);
    asks_map(w, 11, 40000, UDP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    for (unsigned i = 0; i < 4; i++) {
        uint16_t port = external_port_of(w, 11, UDP, 6881);

        show(w, i < 1);
        note(w, "the renewal for the absent client returns the other client's port");
        gateway_next_port(w, 11, UDP, 6881, external_port_of(w, 10, UDP, 6881));
        while (external_port_of(w, 11, UDP, 6881) == port)
            world_run_for(w, 10);
        gateway_next_port(w, 11, UDP, 6881, port);
        world_run_for(w, 14000);
        expect(w, external_port_of(w, 11, UDP, 6881) == port);
        show(w, false);
        asks_map(w, 10, 40000, UDP, 6881, 6881, 7200);
        world_run_for(w, 1000);
    }
    expect(w, our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_conflict_at_each_renewal = {.options = options, .tell = tell};
