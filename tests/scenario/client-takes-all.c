/* One host may have 64 mappings. Further requests get Out of Resources, and other hosts get their
 * mappings. */
/* Predecessor fault 32: One client may take any number of mappings, and memory grows with every key ever
 * named. */
#include "scenario.h"

enum { MAPPINGS = 64 };

static void tell(struct world *w)
{
    struct lan_client *a = lan_add(&w->lan, lan_address(10), LAN_LIAR);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "64 mappings of one host (not shown)");
    show(w, false);
    for (unsigned i = 0; i < MAPPINGS; i++)
        lan_send_map(&w->lan, a->address, 50000, UDP, (uint16_t)(6000 + i), 0, 3600);
    world_run_for(w, 10000);
    show(w, true);
    expect(w, our_rules(w) == MAPPINGS);
    note(w, "one more of that host, and one of another host");
    lan_send_map(&w->lan, a->address, 50000, TCP, 7000, 0, 3600);
    mapping = map(w, b, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == MAPPINGS + 1 && mapping->state == LAN_HELD);
    expect(w, w->book.errors == 1);
}

const struct story story_client_takes_all = {.tell = tell};
