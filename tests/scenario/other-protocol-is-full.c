/* A rule of the operator takes all dynamic ports of one protocol. Mappings of the other protocol get a random
 * port all the same: that the companion can have the same number is a wish. */
/* [P12] */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    world_hand_begin(w, "everything of UDP goes to another host");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=1-65535 "
                          "to-addresses=192.168.88.5",
                          false);
    world_hand_end(w);
    world_run_for(w, 1000);
    mapping = map(w, a, TCP, 6000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    note(w, "its companion has no port");
    mapping = map(w, a, UDP, 6000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->result == 4);
    expect(w, our_rules(w) == 1);
}

const struct story story_other_protocol_is_full = {.tell = tell};
