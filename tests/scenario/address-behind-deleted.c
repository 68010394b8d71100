/* An address request waits for a mapping in work, and the client deletes that mapping. The daemon answers the
 * address request at that moment, and once. Earlier, that answer waited for twelve seconds while later
 * retransmissions were answered. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    w->gateway.faults.silent = true;
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 300);
    expect(w, a->address_answers == 0);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 1000);
    expect(w, a->address_answers == 1 && mapping->state == LAN_UNUSED);
    note(w, "another address request gets one answer");
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 13000);
    expect(w, a->address_answers == 2);
}

const struct story story_address_behind_deleted = {.tell = tell};
