/* At one renewal after the other, a gateway grants a port that another client has, and corrects itself when
 * the daemon asks again. Each renewal succeeds in the end, so these conflicts do not add up, and the mapping
 * that double-natpmp keeps alive for an absent client stays. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.lifetime_max_s = 60;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static struct gateway_lease *lease_of(struct world *w, unsigned last_byte)
{
    uint16_t port = router_port_of(w, last_byte, UDP, 6881);

    for (unsigned i = 0; i < w->gateway.leases_end; i++) {
        if (w->gateway.leases[i].used && w->gateway.leases[i].internal_port == port)
            return &w->gateway.leases[i];
    }
    world_fail(w, "the lease of client %u is gone", last_byte);
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
        uint16_t port = lease_of(w, 11)->external_port;

        show(w, i < 1);
        note(w, "the renewal for the absent client returns the other client's port");
        lease_of(w, 11)->next_port = lease_of(w, 10)->external_port;
        while (lease_of(w, 11)->external_port == port)
            world_run_for(w, 10);
        lease_of(w, 11)->next_port = port;
        world_run_for(w, 14000);
        expect(w, lease_of(w, 11)->external_port == port && external_port_of(w, 11, UDP, 6881) == port);
        show(w, false);
        asks_map(w, 10, 40000, UDP, 6881, 6881, 7200);
        world_run_for(w, 1000);
    }
    expect(w, our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_conflict_at_each_renewal = {.options = options, .tell = tell};
