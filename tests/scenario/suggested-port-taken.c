/* RFC 6886 section 3.3: if a port is taken, the client gets another one, also when it suggests none and the
 * number of its internal port belongs to another client. Without a suggestion the port is one of the dynamic
 * range. */
/* Predecessor fault 19: No answer to a request without a suggestion whose own number is taken. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "one client has UDP 6000");
    map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    note(w, "another client suggests it, for another internal port");
    mapping = map(w, b, UDP, 6500, 6000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port != 6000);
    note(w, "and requests UDP 6000 itself, without a suggestion");
    mapping = map(w, b, UDP, 6000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port >= 1024);
    expect(w, router_port_of(w, 11, UDP, 6000) >= 49152);
    expect_rest(w);
}

const struct story story_suggested_port_taken = {.tell = tell};
