/* [G12] A host deletes its four mappings, and for a minute the gateway sends grants of their ports that
 * nobody asked for, 50 in a second. One may be the answer to a copy that was late, so each port is deleted
 * once, and then the grants are left alone, with one line. Another host keeps its mapping meanwhile. */
#include "bytes.h"
#include "scenario.h"

enum { PORTS = 4, GRANTS = 3000, EVERY_MS = 20 };

static void grants(struct world *w, uint16_t router_port, uint16_t external_port)
{
    uint8_t reply[16] = {0, 129};

    put32(reply + 4, gateway_epoch_s(&w->gateway, w->now_ms));
    put16(reply + 8, router_port);
    put16(reply + 10, external_port);
    put32(reply + 12, 60);
    world_gateway_says(w, span_of(reply, sizeof(reply)));
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *of_b;
    uint16_t ports[PORTS];
    uint64_t before;

    settle(w);
    show(w, false);
    of_b = map(w, b, UDP, 6881, 6881, 3600);
    for (unsigned i = 0; i < PORTS; i++) {
        map(w, a, UDP, (uint16_t)(7000 + i), 0, 3600);
        world_run_for(w, 1000);
        ports[i] = router_port_of(w, 10, UDP, (uint16_t)(7000 + i));
    }
    lan_unmap_all(&w->lan, a, UDP);
    world_run_for(w, 5000);
    show(w, true);
    note(w, "the gateway grants what nobody asked for");
    before = w->gateway.requests;
    for (unsigned i = 0; i < GRANTS; i++) {
        grants(w, ports[i % PORTS], (uint16_t)(40000 + i));
        world_run_for(w, EVERY_MS);
        show(w, i < 2 * PORTS + 1);
    }
    show(w, true);
    expect(w, w->gateway.requests - before <= 2 * PORTS + 2);
    expect(w, of_b->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_granted_unasked = {.tell = tell};
