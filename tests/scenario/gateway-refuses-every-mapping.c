/* The gateway tells its external address, and refuses every mapping. After some refusals in a row that is a
 * trouble, with a remedy, and a single grant ends it. Out of Resources is one only if the daemon has no lease
 * at all: otherwise its own mappings have all the ports. */
#include "scenario.h"

static void minute_of(struct world *w, uint16_t result)
{
    w->gateway.faults.refuse = result;
    for (unsigned i = 0; i < 6; i++) {
        asks_map(w, 11, 40000, UDP, 7000, 0, 3600);
        world_run_for(w, 10000);
    }
    w->gateway.faults.refuse = 0;
}

static void granted(struct world *w)
{
    asks_map(w, 11, 40000, UDP, 7000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, proxy_condition(w->proxy) == PROXY_WORKS);
    asks_delete(w, 11, 40000, UDP, 7000, 0);
    world_run_for(w, 1000);
}

static void tell(struct world *w)
{
    static const uint16_t results[] = {1, 2, 3, 5, 77};

    settle(w);
    w->notices[0].shown = true;
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        minute_of(w, results[i]);
        expect(w, proxy_condition(w->proxy) == PROXY_TROUBLED);
        granted(w);
        show(w, false);
    }
    asks_map(w, 10, 40000, UDP, 6881, 0, 100);
    world_run_for(w, 1000);
    minute_of(w, 4);
    expect(w, proxy_condition(w->proxy) == PROXY_WORKS);
    skip_s(w, 3600);
    minute_of(w, 4);
    expect(w, proxy_condition(w->proxy) == PROXY_TROUBLED);
    granted(w);
    expect_rest(w);
}

const struct story story_gateway_refuses_every_mapping = {.tell = tell};
