/* The gateway refuses a renewal, with result 2 or 4, while the lease is valid. The daemon forwards the
 * refusal at once, because waiting changes nothing. Rule and lease stay for the advertised lifetime, and a
 * later renewal that the gateway grants has the same port. If there is none, both end with the lease, and the
 * port is not advertised any more. */
#include "scenario.h"

static void refused(struct world *w, struct lan_mapping *mapping, uint16_t result)
{
    unsigned answers = mapping->answers;

    skip_s(w, 25);
    note(w, "the gateway refuses the renewal");
    w->gateway.faults.refuse = result;
    for (unsigned i = 0; i < 60 && mapping->answers == answers; i++)
        world_run_for(w, 100);
    expect(w, mapping->answers > answers && mapping->result == result);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint16_t port;

    settle(w);
    mapping = map(w, a, TCP, 6881, 6881, 3600);
    world_run_for(w, 500);
    port = mapping->external_port;
    expect(w, mapping->state == LAN_HELD);
    refused(w, mapping, 2);
    note(w, "the gateway grants it again");
    w->gateway.faults.refuse = 0;
    mapping = map(w, a, TCP, 6881, 6881, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 60 && mapping->external_port == port);
    refused(w, mapping, 4);
    lan_vanish(a);
    note(w, "no client requests anything any more");
    world_run_for(w, 25000);
    expect(w, our_rules(w) == 1);
    world_run_for(w, 10000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    w->gateway.faults.refuse = 0;
    expect_rest(w);
}

const struct story story_renewal_refused = {.options = like_proton, .tell = tell};
