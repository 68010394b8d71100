/* The gateway refuses both address requests and mappings with result 2. The log contains that code, and the
 * client gets it at once. Later the gateway permits NAT-PMP, and everything works without a restart. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    w->gateway.faults.refuse = 2;
    w->gateway.faults.refuse_address = 2;
    world_start(w, 1);
    world_run_until(w, 10000);
    note(w, "a client requests a mapping");
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->answers == 1 && mapping->result == 2 && our_rules(w) == 0);
    note(w, "the gateway permits NAT-PMP now, and the client requests again");
    w->gateway.faults.refuse = 0;
    w->gateway.faults.refuse_address = 0;
    world_run_for(w, 100000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_not_authorized = {.tell = tell};
