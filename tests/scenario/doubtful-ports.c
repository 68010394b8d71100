/* Rules of the operator whose only condition is a mark, an address list or the like: whether they take what
 * comes from the tunnel cannot be known. A port of which that is so is used only when no other is left. */
/* [P11] */
#include <stdio.h>

#include "scenario.h"

static void rule(struct world *w, const char *condition)
{
    char text[128];

    snprintf(text, sizeof(text), "chain=dstnat action=dst-nat to-addresses=192.168.88.5 %s", condition);
    world_hand_begin(w, condition);
    router_model_rule_add(w->router, text, false);
    world_hand_end(w);
    world_run_for(w, 1000);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    rule(w, "protocol=tcp dst-port=6000-6100 connection-mark=games");
    mapping = map(w, a, TCP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && router_port_of(w, 10, TCP, 6000) >= 49152);
    rule(w, "hotspot=auth");
    mapping = map(w, a, TCP, 6001, 6001, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_doubtful_ports = {.tell = tell};
