/* The gateway changes a port between two datagrams of one renewal. Its answer to the second one comes when
 * the client has deleted the mapping, but while the deletion still waits for its turn at the gateway. When
 * the client requests the mapping again, that answer has contradicted what the daemon remembers, so the
 * daemon advertises nothing until the gateway has answered. */
#include "scenario.h"

static void tell(struct world *w)
{
    uint16_t port;

    settle(w);
    asks_map(w, 10, 40000, UDP, 6000, 6000, 3600);
    world_run_for(w, 500);
    port = external_port_of(w, 10, UDP, 6000);
    expect(w, port != 0);
    skip_s(w, 12);
    note(w, "a renewal, and another request that waits for its turn");
    gateway_late(w, 1500);
    asks_map(w, 10, 40000, UDP, 6000, port, 3600);
    world_run_for(w, 100);
    asks_map(w, 10, 40001, TCP, 7000, 7000, 3600);
    world_run_for(w, 500);
    note(w, "from now on the gateway grants another port");
    gateway_rotate(&w->gateway, w->now_ms);
    world_run_for(w, 1000);
    asks_delete(w, 10, 40000, UDP, 6000, 0);
    world_run_for(w, 800);
    note(w, "the client comes back");
    asks_map(w, 10, 40000, UDP, 6000, port, 3600);
    world_run_for(w, 4000);
    expect(w, external_port_of(w, 10, UDP, 6000) != port);
    gateway_late(w, 0);
    world_run_for(w, 2000);
    expect_rest(w);
}

const struct story story_unsolicited_while_nobody_asks = {.options = like_proton, .tell = tell};
