/* The gateway answers everything but the request for one more mapping, as some do that have no port left. It
 * is not silent: the host of that request gets result 3 after its time, with a line that says why, and hosts
 * that request the external address get it at once. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    asks_map(w, 10, 40000, UDP, 6881, 0, 3600);
    world_run_for(w, 1000);
    w->gateway.faults.refuse = GATEWAY_NO_ANSWER;
    asks_map(w, 11, 40000, UDP, 6881, 0, 3600);
    for (unsigned i = 0; i < 20; i++) {
        world_run_for(w, 1000);
        asks_address(w, 12, (uint16_t)(40000 + i));
        world_run_for(w, 10);
        expect(w, proxy_condition(w->proxy) == PROXY_WORKS);
    }
    w->gateway.faults.refuse = 0;
    skip_s(w, 60);
    expect_rest(w);
}

const struct story story_gateway_ignores_one_request = {.tell = tell};
