/* [G7] Each reply of the gateway has another clock, and another external address. After some changes the
 * clock is ignored for a while, with one line, and announcements are paced: both stay within their budgets.
 */
#include "scenario.h"

enum { MAPPINGS = 4, A_MINUTE_MS = 60000 };

static void options(struct world_options *options)
{
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
    options->gateway.lifetime_max_s = 60;
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    for (unsigned i = 0; i < MAPPINGS; i++)
        asks_map(w, 10, 40000, UDP, (uint16_t)(7000 + i), 0, 7200);
    skip_s(w, 200);
    w->gateway.faults.many_clocks = true;
    for (unsigned i = 0; i < 5; i++)
        world_run_for(w, A_MINUTE_MS);
    show(w, true);
    world_run_for(w, A_MINUTE_MS);
    show(w, false);
    w->gateway.faults.many_clocks = false;
    skip_s(w, 900);
    expect(w, our_rules(w) == MAPPINGS);
}

const struct story story_gateway_without_a_clock = {.options = options, .tell = tell};
