/* RFC 6886 sections 3.3 and 3.7: a client maps a port, renews it at half of its lifetime, and is advertised
 * the same port. */
/* Predecessor fault 40: The log: an error on each normal stop, a line for each renewal, no names in
 * failures, nothing when the router hangs. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "a client maps UDP 6000 for two minutes");
    mapping = map(w, a, UDP, 6000, 6000, 120);
    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 6000 && mapping->granted_s == 120);
    note(w, "the client renews at half of the lifetime: the daemon sends no command to the router");
    world_run_for(w, 63000);
    expect(w, mapping->answers == 2 && mapping->external_port == 6000 && mapping->granted_s == 120);
    expect_rest(w);
}

const struct story story_map_and_renew = {.tell = tell};
