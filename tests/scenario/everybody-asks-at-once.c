/* After a power cut 34 hosts request eight ports each at the same moment, and the gateway does not answer.
 * After twelve seconds the daemon has to answer all 272 requests and to remove all rules, which are more
 * actions than one step can contain (ACTIONS_MAX). Each client gets Network Failure (3) in time, and no rule
 * is left. */
#include "scenario.h"

enum { HOSTS = 34, PORTS = 8 };

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
    /* Before the router answers, because each event makes the core go on. */
    world_run_for(w, 103);
    expect(w, answered(w) == HOSTS * PORTS && our_rules(w) > 0);
    world_run_for(w, 997);
    expect(w, our_rules(w) == 0);
    w->gateway.faults.silent = false;
    world_run_for(w, 120000);
    show(w, true);
    note(w, "all 272 requests were answered in time, and no rule is left");
    expect_rest(w);
}

const struct story story_everybody_asks_at_once = {.tell = tell};
