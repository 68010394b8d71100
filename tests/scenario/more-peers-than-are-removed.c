/* Before a client maps a port, so many peers have sent to it that the router's connection table has more
 * entries than the daemon removes: 128 after each print of the table, and eight prints. It stops there, and
 * the client gets its answer at once. */
/* [P10] */
#include "scenario.h"

enum { PEERS = ENTRY_REMOVALS_MAX * ENTRY_ROUNDS_MAX + 10, PORT = 7000 };

static void peers_send(struct world *w)
{
    struct router_model_packet packet = {
        .interface = "wg0", .destination = 0x0a020002, .destination_port = PORT};

    for (unsigned i = 0; i < PEERS; i++) {
        packet.source = 0xc6120000 + i; /* 198.18.0.0 */
        packet.source_port = (uint16_t)(40000 + i);
        (void)router_model_receive(w->router, w->now_ms, &packet);
    }
}

static void tell(struct world *w)
{
    uint64_t before;
    struct lan_mapping *mapping;

    settle(w);
    show(w, false);
    world_run_for(w, 10);
    peers_send(w);
    before = router_model_counters(w->router)->connection_removes;
    mapping = map(w, client(w, 10), UDP, PORT, PORT, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && mapping->answers == 1);
    world_run_for(w, 9000);
    expect(w, router_model_counters(w->router)->connection_removes - before ==
                  (uint64_t)ENTRY_REMOVALS_MAX * ENTRY_ROUNDS_MAX);
    expect_rest(w);
}

const struct story story_more_peers_than_are_removed = {.tell = tell};
