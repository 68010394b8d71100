/* RFC 6886 section 3.2: the daemon answers an address request from memory at once. Before it knows the
 * address, the reply is pending until the gateway is known to be silent, and then it is Network Failure with
 * 0.0.0.0. While a request for a mapping of the same client is in work, the address reply waits for it,
 * because some clients take any packet for the one that they wait for. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    note(w, "the gateway does not answer from the start");
    w->gateway.faults.silent = true;
    world_start(w, 1);
    show(w, false);
    world_run_until(w, 3000);
    show(w, true);
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 12500);
    expect(w, a->address_answers == 1 && a->address_result == 3 && a->external_address == 0);
    w->gateway.faults.silent = false;
    skip_s(w, 180);
    note(w, "the gateway answers; the daemon now answers from memory");
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 10);
    expect(w, a->address_answers == 2 && a->external_address == 0xb9010203);
    note(w, "a request for a mapping, followed by an address request");
    map(w, a, TCP, 6881, 6881, 3600);
    lan_ask_address(&w->lan, w->now_ms, a);
    world_run_for(w, 1000);
    expect(w, a->address_answers == 3 && a->mappings[0].state == LAN_HELD);
}

const struct story story_external_address = {.tell = tell};
