/* If the gateway does not answer a renewal within 200 ms, the daemon answers from memory, with what is left
 * of the lease, and continues to ask the gateway. The retransmission of a request that has been answered gets
 * the same answer, and the gateway receives nothing. When the lease is over, the daemon answers nothing from
 * memory any more. */
#include "scenario.h"

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
    note(w, "a retransmission, 0.3 s after the first datagram");
    copy(w, a);
    skip_s(w, 25);
    note(w, "the gateway needs 0.7 s for the renewal");
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 700;
    world_run_for(w, 5500);
    expect(w, mapping->answers == 3 && mapping->granted_s == 29 && mapping->external_port == port);
    note(w, "another retransmission");
    copy(w, a);
    note(w, "the gateway stops answering: the client is advertised what was granted until it is over, "
            "and no longer");
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

const struct story story_renewal_from_memory = {.options = like_proton, .tell = tell};
