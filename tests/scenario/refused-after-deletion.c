/* The gateway refuses everything for a while: the deletion of a mapping, and then a request for the same
 * mapping. The lease lives on there, so the daemon does not forget it: it deletes it when the gateway obeys
 * again, and if it is stopped before that, its last line says that a lease is left. */
#include "scenario.h"

static void delete_and_map(struct world *w, unsigned host)
{
    struct lan_client *a = client(w, host);
    struct lan_mapping *mapping = map(w, a, TCP, 6881, 6881, 3600);

    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD);
    note(w, "the gateway refuses everything");
    w->gateway.faults.refuse = 2;
    w->gateway.faults.refuse_delete = 2;
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 2000);
    asks_map(w, host, 40001, TCP, 6881, 6881, 3600);
    world_run_for(w, 3000);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 1);
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    settle(w);
    delete_and_map(w, 10);
    note(w, "it obeys again");
    w->gateway.faults.refuse = 0;
    w->gateway.faults.refuse_delete = 0;
    skip_s(w, 40);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0);
    delete_and_map(w, 11);
    world_stop(w);
    world_run_for(w, 10000);
    expect(w, w->exited && gateway_count(&w->gateway, w->now_ms) == 1);
}

const struct story story_refused_after_deletion = {.tell = tell};
