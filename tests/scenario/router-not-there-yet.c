/* The daemon starts before the router. It serves from the first moment, keeps the requests of clients, and
 * answers them when the router is reachable. It announces its start as after every start (RFC 6886 section
 * 3.2.1). */
/* Predecessor fault 33: A router that is not there at the start ends the program. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    w->faults.router_refused = true;
    world_start(w, 1);
    world_run_until(w, 3000);
    note(w, "a client requests its address and a mapping");
    lan_ask_address(&w->lan, w->now_ms, a);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_until(w, 8000);
    expect(w, mapping->answers == 0);
    note(w, "the router's API is reachable now");
    w->faults.router_refused = false;
    world_run_until(w, 20000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 6000);
    expect_rest(w);
}

const struct story story_router_not_there_yet = {.tell = tell};
