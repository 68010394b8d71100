/* A mapping must survive one failed renewal. The gateway does not answer while the client renews, and then it
 * answers with an error. The client is advertised what is left of the lease, the daemon continues to ask the
 * gateway, and the next renewal succeeds. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, UDP, 6000, 6000, 120);
    skip_s(w, 59);
    note(w, "the client renews at half of the lifetime, and the gateway does not answer for 5 s");
    w->gateway.faults.silent = true;
    world_run_for(w, 6000);
    w->gateway.faults.silent = false;
    world_run_for(w, 6000);
    expect(w, mapping->state == LAN_HELD && mapping->answers == 2 && mapping->external_port == 6000);
    skip_s(w, 75);
    note(w, "the gateway answers the next renewal with an error");
    w->gateway.faults.refuse = 3;
    world_run_for(w, 25000);
    expect(w, mapping->state == LAN_HELD && mapping->result == 0 && mapping->granted_s < 64);
    note(w, "the gateway works again, and the client renews again");
    w->gateway.faults.refuse = 0;
    world_run_for(w, 31000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 6000);
    expect_rest(w);
}

const struct story story_one_failed_renewal = {.tell = tell};
