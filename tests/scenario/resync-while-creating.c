/* The ten-minute resync coincides with requests that the gateway answers late. Their rules are on the router,
 * but their leases are not granted yet. The daemon must not take these rules for leftovers. */
/* Predecessor fault 2: The periodic resync removes rules whose mappings are still being made. */
#include "scenario.h"

enum { CLIENTS = 6 };

static void tell(struct world *w)
{
    struct lan_mapping *mapping[CLIENTS];

    settle(w);
    skip_s(w, 399); /* The resync comes 2 s later. */
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 5000;
    for (unsigned i = 0; i < CLIENTS; i++)
        mapping[i] = map(w, client(w, 10 + i), TCP, 7000, 0, 3600);
    world_run_for(w, 8000);
    for (unsigned i = 0; i < CLIENTS; i++)
        expect(w, mapping[i]->state == LAN_HELD && rule_of(w, 10 + i, TCP, 7000) != 0);
    expect(w, router_model_counters(w->router)->prints == 2);
    expect(w, router_model_counters(w->router)->removes == 0);
    expect_rest(w);
}

const struct story story_resync_while_creating = {.tell = tell};
