/* The gateway's first answer comes so late that the request was sent twice, and the client deletes the
 * mapping as soon as it has it, and asks again. The answer to the second copy is still under way: it would
 * pass for the answer to the new request, which the gateway never gets. So the new request waits until such
 * copies have arrived. */
#include "scenario.h"

static void tell(struct world *w)
{
    settle(w);
    gateway_late(w, 300);
    asks_map(w, 10, 40000, UDP, 6000, 6000, 3600);
    world_run_for(w, 320);
    gateway_late(w, 0);
    world_run_for(w, 60);
    expect(w, external_port_of(w, 10, UDP, 6000) != 0);
    note(w, "deleted, and asked for again");
    asks_delete(w, 10, 40000, UDP, 6000, 0);
    world_run_for(w, 60);
    w->gateway.faults.silent = true;
    asks_map(w, 10, 40000, UDP, 6000, 6000, 3600);
    world_run_for(w, 600);
    expect(w, external_port_of(w, 10, UDP, 6000) == 0);
    w->gateway.faults.silent = false;
    world_run_for(w, 2000);
    expect(w, external_port_of(w, 10, UDP, 6000) != 0);
    expect_rest(w);
}

const struct story story_copy_behind_deletion = {.options = like_proton, .tell = tell};
