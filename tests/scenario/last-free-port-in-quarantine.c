/* The owner's rule takes all ports except one, which is in quarantine because a client
 * had it until a moment ago. Another client requests a mapping without a suggestion. It gets this port, since
 * the only alternative is a refusal. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    world_hand_begin(w, "the owner's rules");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 "
                          "dst-port=1024-59999,60001-65535 to-addresses=192.168.88.5 "
                          "comment=\"FOREIGN range\"",
                          false);
    world_hand_end(w);
    world_run_for(w, 1000);
    asks_map(w, 10, 40000, UDP, 6881, 0, 3600);
    world_run_for(w, 1000);
    expect(w, router_port_of(w, 10, UDP, 6881) == 60000);
    show(w, true);
    note(w, "the client deletes its mapping");
    asks_delete(w, 10, 40000, UDP, 6881, 0);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 0);
    note(w, "another client requests a mapping");
    asks_map(w, 11, 40000, UDP, 6881, 0, 3600);
    world_run_for(w, 1000);
    expect(w, router_port_of(w, 11, UDP, 6881) == 60000);
    expect_rest(w);
}

const struct story story_last_free_port_in_quarantine = {.tell = tell};
