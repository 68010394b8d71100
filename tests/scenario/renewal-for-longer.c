/* [M-20] A host requests a mapping for 20 s, and renews it for two hours. The gateway grants that, so the
 * host is advertised the two hours as soon as the comment of its rule says so, and the mapping outlives the
 * 20 s.
 */
#include "scenario.h"

enum { SHORT_S = 20, LONG_S = 7200 };

static void tell(struct world *w)
{
    settle(w);
    asks_map(w, 10, 40000, TCP, 6500, 6500, SHORT_S);
    world_run_for(w, 3000);
    asks_map(w, 10, 40000, TCP, 6500, 6500, LONG_S);
    world_run_for(w, 1000);
    skip_s(w, SHORT_S);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    skip_s(w, LONG_S - 2 * SHORT_S);
    expect(w, our_rules(w) == 1);
    skip_s(w, SHORT_S);
    expect(w, our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_renewal_for_longer = {.tell = tell};
