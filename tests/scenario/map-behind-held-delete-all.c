/* Before the first snapshot a client deletes all of its mappings, and then requests one of them again. The
 * deletion waits for the snapshot, but it does not delete what is requested after it, because RFC 6886
 * section 3.4 processes requests in the order of their arrival. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *kept;
    struct lan_mapping *other;

    settle(w);
    kept = map(w, a, UDP, 6000, 6000, 3600);
    other = map(w, a, UDP, 6001, 6001, 3600);
    world_run_for(w, 500);
    expect(w, kept->state == LAN_HELD && other->state == LAN_HELD);
    note(w, "the daemon is killed; the client sends both requests to the next run before the first snapshot");
    world_kill(w);
    world_run_for(w, 1000);
    world_start(w, 2);
    lan_unmap_all(&w->lan, a, UDP);
    world_run_for(w, 3);
    map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 2000);
    expect(w, kept->state == LAN_HELD && router_port_of(w, 10, UDP, 6000) != 0);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    expect_rest(w);
}

const struct story story_map_behind_held_delete_all = {.tell = tell};
