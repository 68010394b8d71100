/* RFC 6886 section 3.4: a deletion is confirmed when the rule is gone. A router that does not answer makes it
 * an error after 12 s, for one mapping as for all of a protocol; it is tried on, and the rules go as soon as
 * the router is there again. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, TCP, 7001, 7001, 3600);
    skip_s(w, 2);
    note(w, "the router is silent; one deletion, and one of all of the other protocol");
    router_now(w);
    router_model_mute(w->router, w->now_ms + 60000, false);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    lan_unmap_all(&w->lan, a, TCP);
    world_run_for(w, 13000);
    expect(w, mapping->result == 3 && our_rules(w) == 3);
    expect(w, w->invariants.deletions == 0 && w->invariants.errors == 2);
    note(w, "the router answers again");
    skip_s(w, 47);
    world_run_for(w, 60000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    note(w, "asked again: there is nothing, and that is a success");
    lan_send_map(&w->lan, a->address, mapping->source_port, UDP, 6000, 0, 0);
    world_run_for(w, 1000);
    expect(w, w->invariants.deletions == 1);
}

const struct story story = {.tell = tell};
