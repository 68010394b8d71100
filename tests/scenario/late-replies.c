/* The daemon drops replies of the gateway that are late, duplicates, unsolicited, or for another port. If a
 * grant arrives after the client's request has timed out, the daemon releases it. [C-29] */
/* Predecessor fault 15: A malformed or foreign datagram from the gateway ends the request that waits for
 * an answer. */
#include "scenario.h"

static void tell(struct world *w)
{
    static const uint8_t other_port[16] = {0,    129,  0,    0,    0, 1, 0x87, 0x6a,
                                           0x30, 0x39, 0x30, 0x39, 0, 0, 0x0e, 0x10};
    static const uint8_t too_short[3] = {0, 129, 0};
    static const uint8_t error_8[8] = {0, 128, 0, 1, 0, 1, 0x87, 0x6a};
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "unsolicited replies");
    world_gateway_says(w, span_of(other_port, sizeof(other_port)));
    world_gateway_says(w, span_of(too_short, sizeof(too_short)));
    world_gateway_says(w, span_of(error_8, sizeof(error_8)));
    world_run_for(w, 1000);
    note(w, "the first reply takes 13 s: the client gets an error, and then the reply arrives");
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 13000;
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 12500);
    expect(w, mapping->result == 3);
    lan_vanish(a);
    w->gateway.faults.late_percent = 0;
    world_run_for(w, 60000);
    expect(w, our_rules(w) == 0);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_late_replies = {.tell = tell};
