/* go-libp2p (Kubo) requests 60 s, renews every 20 s, requests the address every 15 s, and uses a new socket
 * for each request. When three attempts have failed, it requests lifetime 0, for routers that know only
 * unlimited leases. In NAT-PMP that is a deletion, and the deletion of nothing is a success. It never reads
 * the port that it was given. */
#include "scenario.h"

static void tries(struct world *w, uint16_t source_port)
{
    asks_map(w, 10, source_port, UDP, 4001, 31405, 60);
    world_run_for(w, 250);
    asks_map(w, 10, source_port, UDP, 4001, 31405, 60);
    world_run_for(w, 500);
    asks_map(w, 10, source_port, UDP, 4001, 31405, 60);
    world_run_for(w, 9250);
}

static void tell(struct world *w)
{
    settle(w);
    asks_address(w, 10, 40001);
    world_run_for(w, 100);
    asks_map(w, 10, 40002, UDP, 4001, 31405, 60);
    world_run_for(w, 14900);
    asks_address(w, 10, 40003);
    world_run_for(w, 5000);
    asks_map(w, 10, 40004, UDP, 4001, 31405, 60);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, UDP, 4001) != 0);
    note(w, "the gateway stops answering, and the lease ends");
    w->gateway.faults.silent = true;
    skip_s(w, 65);
    expect(w, our_rules(w) == 0);
    for (uint16_t i = 0; i < 3; i++)
        tries(w, 40010 + i);
    note(w, "three attempts have failed; it requests lifetime 0");
    asks_map(w, 10, 40020, UDP, 4001, 31405, 0);
    world_run_for(w, 1000);
    w->gateway.faults.silent = false;
    note(w, "the gateway answers again");
    skip_s(w, 40);
    asks_map(w, 10, 40021, UDP, 4001, 31405, 60);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, UDP, 4001) != 0);
    expect_rest(w);
}

const struct story story_client_go_libp2p = {.options = like_proton, .tell = tell};
