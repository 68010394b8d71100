/* The tunnel is loaded, and the gateway's answers come three seconds after the requests. Those to the copies
 * of a request that is answered by then come while another request waits: they are no wrong answers to that
 * one, and they show that the gateway lives. [G8] */
#include "scenario.h"

enum { HOSTS = 4, PORT = 6881 };

static bool has_both(struct world *w, unsigned host)
{
    return router_port_of(w, host, TCP, PORT) != 0 && router_port_of(w, host, UDP, PORT) != 0;
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    settle(w);
    w->options.gateway_link.latency_min_ms = w->options.gateway_link.latency_max_ms = 1500;
    for (unsigned host = 10; host < 10 + HOSTS; host++) {
        map(w, client(w, host), TCP, PORT, 0, 3600);
        map(w, client(w, host), UDP, PORT, 0, 3600);

        world_run_for(w, 15000);
        expect(w, has_both(w, host));
    }
    note(w, "one host deletes its mappings, and wants them again at once");
    for (unsigned round = 0; round < 3; round++) {
        asks_delete(w, 10, 40000, TCP, PORT, 0);
        asks_delete(w, 10, 40000, UDP, PORT, 0);
        world_run_for(w, 3100);
        asks_map(w, 10, 40000, TCP, PORT, 0, 3600);
        asks_map(w, 10, 40000, UDP, PORT, 0, 3600);
        world_run_for(w, 20000);
        expect(w, has_both(w, 10));
    }
    expect_rest(w);
}

const struct story story_gateway_answers_late = {.tell = tell};
