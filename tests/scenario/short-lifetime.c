/* RFC 6886 section 3.3 [M-18]: no client is advertised a longer lifetime than it requested, although the
 * gateway grants a minute at least. When the shorter time is over, the daemon removes the rule and releases
 * the lease. A renewal for a shorter time shortens it. */
/* Predecessor fault 29: A client is told a longer lifetime than it asked for. */
#include "scenario.h"

static void minute(struct world_options *options)
{
    options->gateway.lifetime_min_s = 60;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "a client requests one second and is switched off");
    mapping = map(w, a, UDP, 6000, 6000, 1);
    world_run_for(w, 300);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 1);
    lan_vanish(a);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    note(w, "a client requests ten minutes, then 10 s, and is switched off");
    a = client(w, 11);
    mapping = map(w, a, UDP, 6001, 6001, 600);
    world_run_for(w, 1000);
    expect(w, mapping->granted_s == 600);
    map(w, a, UDP, 6001, 6001, 10);
    world_run_for(w, 1000);
    expect(w, mapping->granted_s == 10);
    lan_vanish(a);
    world_run_for(w, 12000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_short_lifetime = {.options = minute, .tell = tell};
