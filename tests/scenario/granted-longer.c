/* RFC 6886 section 3.3: nobody is granted more time than he asked for [M-18]. This gateway grants a minute at
 * least; the client is told its 20 s, and then rule and lease go [M-21]. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.lifetime_min_s = 60;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, TCP, 7000, 7000, 20);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 20);
    lan_vanish(a);
    world_run_for(w, 18000);
    expect(w, our_rules(w) == 1);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story = {.options = options, .tell = tell};
