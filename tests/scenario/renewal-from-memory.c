/* A renewal that the gateway does not answer within 200 ms is answered from memory, with what is left of the
 * lease; the gateway is asked on behind it. A copy of an answered request gets the same answer, and the
 * gateway hears nothing of it. When the lease is over, nothing is promised from memory any more. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.profile = GATEWAY_PROTON;
}

static void copy(struct world *w, const struct lan_client *a)
{
    uint64_t requests = w->gateway.requests;
    const struct lan_mapping *mapping = &a->mappings[0];
    unsigned answers = mapping->answers;
    uint32_t granted_s = mapping->granted_s;
    uint16_t external_port = mapping->external_port;

    lan_send_map(&w->lan, a->address, mapping->source_port, mapping->tcp, mapping->internal_port,
                 mapping->suggested, mapping->lifetime_s);
    world_run_for(w, 5);
    expect(w, mapping->answers == answers + 1 && mapping->granted_s == granted_s);
    expect(w, mapping->result == 0 && mapping->external_port == external_port);
    expect(w, w->gateway.requests == requests);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint16_t port;

    settle(w);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 300);
    port = mapping->external_port;
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 60);
    note(w, "a copy of the request, 0.3 s after the first one");
    copy(w, a);
    skip_s(w, 25);
    note(w, "the gateway needs 0.7 s for the renewal");
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 700;
    world_run_for(w, 5500);
    expect(w, mapping->answers == 3 && mapping->granted_s == 29 && mapping->external_port == port);
    note(w, "a copy again");
    copy(w, a);
    note(w, "the gateway falls silent: what it granted is told until it is over, and no longer");
    w->gateway.faults.silent = true;
    world_run_for(w, 50000);
    expect(w, mapping->result == 0 && mapping->granted_s == 11);
    world_run_for(w, 30000);
    expect(w, mapping->state != LAN_HELD && our_rules(w) == 0);
    w->gateway.faults.silent = false;
    w->gateway.faults.late_percent = 0;
    skip_s(w, 120);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 60);
    expect_rest(w);
}

const struct story story_renewal_from_memory = {.options = options, .tell = tell};
