/* A renewal is on its way to the gateway when the lifetime ends. The mapping stays, and the client is
 * advertised what the gateway grants. */
/* Predecessor fault 3: A mapping expires while its renewal is under way, and the client is told success. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    w->lan.late_renewal_ms = 1800;
    a->behaviour = LAN_LATE;
    mapping = map(w, a, UDP, 6000, 6000, 2);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    note(w, "the client renews after 1.8 of 2 s, and the gateway takes half a second");
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 500;
    world_run_for(w, 2000);
    expect(w, mapping->answers == 2 && mapping->state == LAN_HELD && our_rules(w) == 1);
    expect(w, router_model_counters(w->router)->removes == 0);
}

const struct story story_expiry_meets_renewal = {.tell = tell};
