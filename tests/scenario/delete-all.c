/* RFC 6886 section 3.4: internal port 0 with lifetime 0 deletes all mappings of that client and protocol. The
 * daemon never forwards such a request, because at the gateway it would delete the mappings of every client.
 * [D-08] [D-09] [D-11] [D-12] [D-14] */
/* Predecessor fault 16: A deletion of all of a protocol does nothing and is confirmed. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);

    settle(w);
    map(w, a, UDP, 5001, 5001, 3600);
    map(w, a, UDP, 5002, 5002, 3600);
    map(w, a, TCP, 5003, 5003, 3600);
    map(w, b, UDP, 5001, 5004, 3600);
    skip_s(w, 10);
    expect(w, our_rules(w) == 4);
    note(w, "one client deletes all of its UDP mappings");
    lan_unmap_all(&w->lan, a, UDP);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 2 && gateway_count(&w->gateway, w->now_ms) == 2);
    expect(w, rule_of(w, 10, TCP, 5003) != 0 && rule_of(w, 11, UDP, 5001) != 0);
    note(w, "the same again: there is nothing left, and that is a success");
    lan_unmap_all(&w->lan, a, UDP);
    world_run_for(w, 1000);
    note(w, "the client deletes all of TCP, with a suggestion, which has no meaning there");
    lan_vanish(a);
    lan_send_map(&w->lan, a->address, 40000, TCP, 0, 5555, 0);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1 && rule_of(w, 11, UDP, 5001) != 0);
    expect_rest(w);
}

const struct story story_delete_all = {.tell = tell};
