/* The daemon starts before the tunnel is up. It announces its start all the same, with result 3 and without
 * an address (RFC 6886 section 3.2.1 ). A client's request waits. When the gateway answers, the
 * daemon announces the address, and the client gets its port. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    w->gateway.faults.silent = true;
    world_start(w, 1);
    world_run_until(w, 5000);
    expect(w, a->announcements == 4);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_until(w, 9000);
    expect(w, mapping->answers == 0);
    note(w, "the tunnel is up");
    w->gateway.faults.silent = false;
    world_run_until(w, 17000);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_gateway_not_there_yet = {.tell = tell};
