/* [G6] The gateway grants each request the same external port, and contradicts each grant at once: with
 * another port, or with a deletion. Two hosts request mappings again and again. After three rounds what it
 * said last counts: one host is told that port, and the other one is refused; or both are refused. No host is
 * told a port that the gateway contradicts a moment later, nor one that the other host has. */
#include "scenario.h"

enum { MINUTE_REQUESTS_MAX = 60, MINUTES = 4, LIFETIME_S = 3600 };

static void options(struct world_options *options)
{
    options->gateway.one_port = true;
    options->gateway.lifetime_max_s = 60;
}

static void minute(struct world *w)
{
    uint64_t requests = w->gateway.requests;

    for (unsigned i = 0; i < 6; i++) {
        asks_map(w, 10, 40000, UDP, 6881, 0, LIFETIME_S);
        world_run_for(w, 500);
        asks_map(w, 11, 40000, UDP, 7000, 0, LIFETIME_S);
        world_run_for(w, 9500);
    }
    expect(w, w->gateway.requests <= requests + MINUTE_REQUESTS_MAX);
}

static void tell(struct world *w)
{
    settle(w);
    note(w, "another port");
    w->gateway.faults.two_ports = true;
    for (unsigned i = 0; i < MINUTES; i++) {
        minute(w);
        show(w, false);
    }
    expect(w, our_rules(w) == 1);
    w->gateway.faults.two_ports = false;
    skip_s(w, 4000);
    show(w, true);
    note(w, "a deletion");
    w->gateway.faults.takes_back = true;
    for (unsigned i = 0; i < MINUTES; i++) {
        minute(w);
        show(w, false);
    }
    expect(w, our_rules(w) == 0);
    w->gateway.faults.takes_back = false;
    skip_s(w, 4000);
    show(w, true);
    note(w, "it is consistent again");
    asks_map(w, 10, 40000, UDP, 6881, 0, LIFETIME_S);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1);
    skip_s(w, 100);
    expect_rest(w);
}

const struct story story_gateway_contradicts_two_hosts = {.options = options, .tell = tell};
