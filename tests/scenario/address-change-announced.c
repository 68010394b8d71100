/* RFC 6886 section 3.2.1: the daemon announces a new external address ten times, after 250 ms at first and
 * then in intervals that double. [A-01] [A-09] [N-02] [N-04] */
/* Predecessor fault 22: Nothing is ever announced. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    expect(w, a->announcements >= 10);
    a->announcements = 0;
    note(w, "the gateway changes its address without an announcement; the daemon finds out by its own "
            "request");
    world_gateway_address(w, 0xb9090909, false);
    world_run_for(w, 200000);
    expect(w, a->announcements == 10);
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 1000);
    expect(w, a->external_address == 0xb9090909);
    note(w, "the gateway has no address: the daemon answers Network Failure, not success with 0.0.0.0");
    world_gateway_address(w, 0, false);
    world_run_for(w, 61000);
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 13000);
    expect(w, a->address_result == 3 && a->external_address == 0);
    expect_rest(w);
}

const struct story story_address_change_announced = {.tell = tell};
