/* SIGTERM arrives while one mapping exists, one is being made and one is being deleted. The daemon undoes all
 * of it and then exits. */
/* Predecessor fault 9: SIGTERM with requests in flight leaves their rules and leases behind. */
/* Predecessor fault 40: The log: an error on each normal stop, a line for each renewal, no names in
 * failures, nothing when the router hangs. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *deleted;

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    deleted = map(w, a, TCP, 7001, 7001, 3600);
    skip_s(w, 10);
    map(w, a, UDP, 7002, 7002, 3600);
    lan_unmap(&w->lan, w->now_ms, a, deleted);
    world_run_for(w, 3);
    world_stop(w);
    note(w, "too late");
    map(w, a, UDP, 7003, 7003, 3600);
    world_run_for(w, 5000);
    expect(w, w->exited && !w->proxy);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
}

const struct story story_shutdown_with_requests_in_flight = {.tell = tell};
