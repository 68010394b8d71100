/* The operating system refuses to send datagrams to the gateway, for instance because of a local firewall.
 * The daemon logs that once, and a client that requests something gets Network Failure (3). When sending
 * works again, the client's next request succeeds. */
#include "scenario.h"

static bool failing;

static void send_fails(struct world *w, unsigned value)
{
    world_give(w, &(struct event){.type = EVENT_GATEWAY_ERROR, .gateway_error = GATEWAY_SEND_FAILED});
    if (failing)
        world_at(w, w->now_ms + 250, send_fails, value);
}

static void tell(struct world *w)
{
    settle(w);
    failing = true;
    w->gateway.faults.silent = true;
    world_at(w, w->now_ms + 1, send_fails, 0);
    asks_map(w, 10, 40000, UDP, 6881, 6881, 3600);
    world_run_for(w, 13000);
    failing = false;
    w->gateway.faults.silent = false;
    note(w, "sending works again");
    skip_s(w, 120);
    asks_map(w, 10, 40000, UDP, 6881, 6881, 3600);
    world_run_for(w, 1000);
    expect(w, external_port_of(w, 10, UDP, 6881) != 0);
    expect_rest(w);
}

const struct story story_gateway_send_fails = {.tell = tell};
