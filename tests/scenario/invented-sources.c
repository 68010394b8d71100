/* One host sends requests from 5,000 private addresses that it invents. All hosts together get MAX_MAPPINGS
 * mappings, and a quarter of them is kept for hosts that have had one for ten minutes, even if the invented
 * ones map twice. So a client keeps its mapping and gets another one; when mappings have ended, new hosts get
 * some. [L3] */
#include "base/limits.h"
#include "scenario.h"

enum { SOURCES = 5000 };

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *first;
    struct lan_mapping *second;

    settle(w);
    first = map(w, a, TCP, 6000, 6000, 240);
    world_run_for(w, 1000);
    expect(w, first->state == LAN_HELD);
    show(w, false);
    world_run_for(w, 600000);
    note(w, "5,000 invented hosts request a port each, for four minutes, and then another one (not shown)");
    for (unsigned i = 0; i < 2 * SOURCES; i++) {
        lan_send_map(&w->lan, 0x0a010000 + i % SOURCES, 5000, TCP, (uint16_t)(7000 + i / SOURCES), 0, 240);
        world_run_for(w, 1);
    }
    expect(w, our_rules(w) > 500);
    expect(w, our_rules(w) <= MAPPINGS_DEFAULT - MAPPINGS_DEFAULT / MAPPINGS_KEPT_SHARE);
    show(w, true);
    note(w, "the client gets another port, and a new host gets none");
    second = map(w, a, TCP, 6001, 6001, 240);
    map(w, b, TCP, 6000, 6000, 240);
    world_run_for(w, 13000);
    expect(w, second->state == LAN_HELD && lan_find(b, TCP, 6000)->result == 4);
    show(w, false);
    world_run_for(w, 300000);
    show(w, true);
    expect(w, first->state == LAN_HELD && first->result == 0 && second->state == LAN_HELD);
    note(w, "the invented hosts do not renew, and the new host gets its port");
    expect(w, lan_find(b, TCP, 6000)->state == LAN_HELD && our_rules(w) == 3);
    skip_s(w, 120);
    expect_rest(w);
}

const struct story story_invented_sources = {.tell = tell};
