/* The only rule on the router belongs to the owner and takes port 6881 before double-natpmp starts. When the
 * owner removes it, the port is free within seconds, not only after the next periodic resync. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    uint32_t id;

    world_hand_begin(w, "the owner forwards port 6881 to another host");
    id = router_model_rule_add(w->router,
                               "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=6881 "
                               "to-addresses=192.168.88.5 comment=\"FOREIGN server\"",
                               false);
    world_hand_end(w);
    settle(w);
    note(w, "the port is taken");
    map(w, a, UDP, 6881, 6881, 3600);
    world_run_for(w, 1000);
    expect(w, router_port_of(w, 10, UDP, 6881) != 6881 && router_port_of(w, 10, UDP, 6881) != 0);
    world_hand_begin(w, "the owner removes that rule");
    router_model_rule_remove(w->router, id);
    world_hand_end(w);
    world_run_for(w, 5000);
    note(w, "another client gets the port");
    map(w, client(w, 11), UDP, 6881, 6881, 3600);
    world_run_for(w, 1000);
    expect(w, router_port_of(w, 11, UDP, 6881) == 6881);
    expect_rest(w);
}

const struct story story_owner_removes_own_rule = {.tell = tell};
