/* [G11] A host deletes a mapping and requests it again a moment later, as a program does that restarts, and
 * the gateway gets none of the copies of the deletion, does not answer them, answers with a grant, or
 * refuses. The deletion is given up after three copies, and the request goes on at once. A host that has
 * deleted eight mappings, and requests another one, waits for one of these deletions at most. */
#include "scenario.h"

static void gateway_is_back(struct world *w, unsigned value)
{
    (void)value;
    note(w, "it gets everything again");
    w->gateway.faults.silent = false;
}

static void maps_again(struct world *w, struct lan_client *a, const char *what, bool is_lost,
                       uint32_t after_ms)
{
    struct lan_mapping *mapping = map(w, a, TCP, 6000, 6000, 3600);

    skip_s(w, 10);
    note(w, what);
    w->gateway.faults.silent = is_lost;
    if (is_lost)
        world_at(w, w->now_ms + 1000, gateway_is_back, 0);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, after_ms);
    mapping = map(w, a, TCP, 6000, 6000, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, gateway_find(&w->gateway, w->now_ms, TCP, router_port_of(w, 10, TCP, 6000)) != NULL);
}

static void deletes_eight(struct world *w)
{
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;

    show(w, false);
    for (unsigned i = 0; i < 8; i++) {
        map(w, b, UDP, (uint16_t)(7000 + i), 0, 3600);
        world_run_for(w, 1000);
    }
    show(w, true);
    note(w, "it answers no deletion, and there are eight of them");
    lan_unmap_all(&w->lan, b, UDP);
    world_run_for(w, 500);
    mapping = map(w, b, UDP, 8000, 0, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    maps_again(w, a, "the gateway gets nothing for a second", true, 300);
    maps_again(w, a, "and the host is slower", true, 1600);
    w->gateway.faults.refuse_delete = GATEWAY_NO_ANSWER;
    maps_again(w, a, "it answers no deletion", false, 300);
    w->gateway.faults.refuse_delete = 2;
    maps_again(w, a, "it refuses to delete", false, 10);
    w->gateway.faults.refuse_delete = 0;
    w->gateway.faults.grants_delete = true;
    maps_again(w, a, "it answers deletions with a grant", false, 100);
    w->gateway.faults.grants_delete = false;
    w->gateway.faults.refuse_delete = GATEWAY_NO_ANSWER;
    deletes_eight(w);
}

const struct story story_deletion_in_the_way = {.tell = tell};
