/* After a power cut 60 hosts ask for eight ports each in the same moment, and the gateway is silent. After
 * twelve seconds all 480 requests are to be answered, and all rules to be removed, which is more than one
 * step of the core can hold: each client hears Network Failure (3) on time, and nothing is left behind. */
#include "scenario.h"

enum { HOSTS = 60, PORTS = 8 };

static unsigned answered(const struct world *w)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->lan.count; i++) {
        for (unsigned k = 0; k < PORTS; k++)
            count += w->lan.clients[i].mappings[k].answers == 1 && w->lan.clients[i].mappings[k].result == 3;
    }
    return count;
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    w->gateway.faults.silent = true;
    for (unsigned i = 0; i < HOSTS; i++) {
        struct lan_client *from = client(w, 10 + i);

        for (unsigned k = 0; k < PORTS; k++)
            map(w, from, UDP, (uint16_t)(6000 + k), (uint16_t)(6000 + i * PORTS + k), 3600);
    }
    world_run_for(w, 11900);
    expect(w, our_rules(w) == HOSTS * PORTS && answered(w) == 0);
    world_run_for(w, 200);
    expect(w, answered(w) == HOSTS * PORTS);
    world_run_for(w, 900);
    expect(w, our_rules(w) == 0);
    w->gateway.faults.silent = false;
    world_run_for(w, 120000);
    show(w, true);
    note(w, "all 480 requests were answered in time, and all rules are gone");
    expect_rest(w);
}

const struct story story_everybody_asks_at_once = {.tell = tell};
