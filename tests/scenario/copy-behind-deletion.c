/* The gateway answers so late that the daemon has sent its request twice. The client deletes the mapping as
 * soon as it has the answer, and requests it again. The gateway's answer to the second datagram is still
 * under way. It would be taken for the answer to the new request, although the gateway may never receive that
 * one. So the daemon waits until such datagrams have arrived before it sends the new request. */
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
    note(w, "the client deletes the mapping and requests it again");
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
