/* The gateway does not answer renewals, and the intervals between the daemon's retransmissions grow to a
 * minute. When a client requests again, double-natpmp sends a request to the gateway at once, whichever
 * router port the client has. The story tries 64 ports in a row, each of a client of its own. */
#include "scenario.h"

enum { FIRST_PORT = 6400, CLIENTS = 64 };

static void all_ask(struct world *w)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        asks_map(w, 10 + i, 40000, UDP, (uint16_t)(FIRST_PORT + i), (uint16_t)(FIRST_PORT + i), 7200);
}

static void tell(struct world *w)
{
    uint64_t requests;

    settle(w);
    show(w, false);
    all_ask(w);
    world_run_for(w, 60000);
    expect(w, our_rules(w) == CLIENTS && gateway_count(&w->gateway, w->now_ms) == CLIENTS);
    w->gateway.faults.silent = true;
    all_ask(w);
    world_run_for(w, 20000);
    requests = w->gateway.requests;
    world_run_for(w, 10000);
    expect(w, w->gateway.requests <= requests + 2);
    show(w, true);
    note(w, "the client of port 6400 requests again");
    requests = w->gateway.requests;
    asks_map(w, 10, 40000, UDP, FIRST_PORT, FIRST_PORT, 7200);
    world_run_for(w, 100);
    expect(w, w->gateway.requests == requests + 1);
    world_run_for(w, 900);
    show(w, false);
    requests = w->gateway.requests;
    all_ask(w); /* The first one is a duplicate, which is answered from memory. */
    world_run_for(w, 100);
    expect(w, w->gateway.requests == requests + CLIENTS - 1);
    w->gateway.faults.silent = false;
    world_run_for(w, 60000);
    expect_rest(w);
}

const struct story story_silent_gateway_and_client_asks_again = {.tell = tell};
