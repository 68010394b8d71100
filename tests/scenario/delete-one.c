/* RFC 6886 section 3.4: lifetime 0 deletes one mapping. A second deletion, and the deletion of a mapping that
 * never existed, succeed as well. The port that a deletion suggests is ignored. [D-01] [D-02] [D-03] [D-04]
 * [D-05] [D-12] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, TCP, 8080, 8080, 3600);
    map(w, a, UDP, 8080, 8080, 3600);
    skip_s(w, 10);
    expect(w, our_rules(w) == 2);
    note(w, "the client deletes TCP 8080 and keeps UDP 8080");
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    note(w, "the same deletion again, with a suggestion");
    lan_send_map(&w->lan, a->address, 40000, TCP, 8080, 8080, 0);
    world_run_for(w, 1000);
    note(w, "the deletion of a mapping that never existed");
    lan_send_map(&w->lan, a->address, 40000, TCP, 9999, 0, 0);
    world_run_for(w, 1000);
    note(w, "another host cannot delete the client's mapping");
    lan_send_map(&w->lan, lan_address(66), 40000, UDP, 8080, 0, 0);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1);
    note(w, "the client can, and its suggestion does not matter");
    lan_send_map(&w->lan, a->address, 40000, UDP, 8080, 1234, 0);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_delete_one = {.tell = tell};
