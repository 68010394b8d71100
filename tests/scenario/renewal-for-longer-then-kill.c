/* A renewal for a longer lifetime changes the rule's comment, and the next run knows the rule only by its
 * comment. Therefore the daemon never advertises more than the comment says. If it dies before the router has
 * stored the new comment, no client has a rule that ends too early. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    w->lan.deaf = true;
    settle(w);
    map(w, a, UDP, 6000, 6000, 20);
    world_run_for(w, 1000);
    note(w, "the client renews for 120 s; the router does not answer any more, and the daemon is killed");
    router_model_mute(w->router, w->now_ms + 3000, false);
    mapping = map(w, a, UDP, 6000, 6000, 120);
    world_run_for(w, 2100);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 20);
    world_kill(w);
    world_run_for(w, 4000);
    note(w, "the next run finds a lease of 20 s, and the client renews within that time");
    world_start(w, 2);
    world_run_for(w, 30000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 6000);
    note(w, "the comment now has the longer lease, and so has the advertised lifetime");
    expect(w, mapping->granted_s == 120);
    expect_rest(w);
}

const struct story story_renewal_for_longer_then_kill = {.tell = tell};
