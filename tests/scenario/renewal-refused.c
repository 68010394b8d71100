/* [G3] The gateway refuses a renewal for a moment, with result 2, 3 or 4, while the lease is
 * valid. The daemon answers from memory, as if the gateway were silent, because libtorrent drops a port for
 * good once its renewal is refused. The daemon continues to ask the gateway, with growing pauses, and when
 * the gateway grants again the port is the same. If it does not, the mapping ends with its lease, and the
 * next request is refused. */
#include "scenario.h"

enum { SOCKET = 42000 };

static void asks(struct world *w)
{
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 3600);
}

static void refused(struct world *w, uint16_t result)
{
    uint64_t successes = w->book.successes;

    skip_s(w, 25);
    note(w, "the gateway refuses the renewal");
    w->gateway.faults.refuse = result;
    asks(w);
    world_run_for(w, 300);
    expect(w, w->book.successes == successes + 1 && w->book.errors == 0);
    world_run_for(w, 7700);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
}

static void tell(struct world *w)
{
    static const uint16_t results[] = {2, 3, 4, 77};
    uint64_t requests;
    uint16_t port;

    settle(w);
    asks(w);
    world_run_for(w, 500);
    port = external_port_of(w, 10, TCP, 6881);
    for (unsigned i = 0; i < ARRAY_LEN(results); i++) {
        refused(w, results[i]);
        note(w, "and granted again");
        w->gateway.faults.refuse = 0;
        requests = w->gateway.requests;
        world_run_for(w, 10000);
        expect(w, w->gateway.requests > requests && external_port_of(w, 10, TCP, 6881) == port);
        asks(w);
        world_run_for(w, 500);
    }
    note(w, "refused until the lease is over");
    refused(w, 2);
    requests = w->gateway.requests;
    skip_s(w, 26);
    expect(w, w->gateway.requests <= requests + 6);
    asks(w);
    world_run_for(w, 300);
    expect(w, w->book.errors == 0);
    skip_s(w, 10);
    expect(w, w->book.errors == 1);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    asks(w);
    world_run_for(w, 300);
    expect(w, w->book.errors == 2);
    w->gateway.faults.refuse = 0;
    expect_rest(w);
}

const struct story story_renewal_refused = {.options = like_proton, .tell = tell};
