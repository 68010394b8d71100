/* The gateway grants leases of one or two seconds, each time with another port, and the daemon keeps eight
 * mappings alive whose host asked once. Renewals are paced, so that the requests stay within the budget, and
 * one line says that such leases cannot be kept alive. */
#include "scenario.h"

enum { MAPPINGS = 8, A_MINUTE_MS = 60000 };

static void options(struct world_options *options)
{
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
    options->gateway.lifetime_max_s = 1;
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    w->gateway.options.rotate_percent = 100;
    for (unsigned i = 0; i < MAPPINGS; i++)
        asks_map(w, 10, 40000, UDP, (uint16_t)(7000 + i), 0, 7200);
    for (uint32_t lifetime_s = 1; lifetime_s <= 4; lifetime_s *= 2) {
        w->gateway.options.lifetime_max_s = lifetime_s;
        world_run_for(w, UINT64_C(2) * A_MINUTE_MS);
    }
    show(w, true);
    world_run_for(w, 5000);
}

const struct story story_gateway_grants_seconds = {.options = options, .tell = tell};
