/* Bitcoin Core accepts only an answer of exactly 8 bytes as the refusal of PCP. It sends a request three
 * times, one second apart, always suggests its own port, and renews between 1/2 and 5/8 of the lease. When it
 * is granted less than 30 s, it waits five minutes. It never deletes a mapping. The daemon answers a renewal
 * from memory after 200 ms. If the gateway is slower than that, the daemon renews before the client does, so
 * that more than 30 s are left. */
#include "scenario.h"

static void renews(struct world *w, unsigned host)
{
    const struct book_mapping *m = book_find(&w->book, lan_address(host), TCP, 8333);

    asks_pcp(w, host, 40003, false);
    asks_address(w, host, 40004);
    asks_map(w, host, 40004, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    expect(w, m->told_ms + 1000 >= w->now_ms && m->until_ms >= m->told_ms + 30000);
}

static void tell(struct world *w)
{
    settle(w);
    asks_pcp(w, 10, 40001, false);
    world_run_for(w, 100);
    asks_address(w, 10, 40002);
    world_run_for(w, 100);
    note(w, "the gateway answers the first retransmission");
    w->gateway.faults.silent = true;
    asks_map(w, 10, 40002, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    w->gateway.faults.silent = false;
    asks_map(w, 10, 40002, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, TCP, 8333) != 0);
    skip_s(w, 36);
    note(w, "5/8 of the lease are over");
    renews(w, 10);
    note(w, "the program exits, and the mapping ends with its lease");
    skip_s(w, 65);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    note(w, "another lease; the gateway takes 0.4 s for each answer");
    gateway_late(w, 400);
    asks_map(w, 11, 40002, TCP, 8333, 8333, 2400);
    world_run_for(w, 1000);
    for (unsigned i = 0; i < 3; i++) {
        skip_s(w, 29 + i * 3);
        note(w, "between 1/2 and 5/8");
        renews(w, 11);
    }
    gateway_late(w, 0);
    skip_s(w, 65);
    expect_rest(w);
}

const struct story story_client_bitcoin_core = {.options = like_proton, .tell = tell};
