/* ZeroTier maps UDP every 5 min, whatever it was granted, suggests its own port, and does not delete when it
 * exits. OpenGNB does the same with 3600 s. When ZeroTier is refused, it tries up to sixty other ports at
 * once. None of these attempts takes one of the five ports of other clients. */
#include "scenario.h"

enum { PERIOD_S = 5 * 60, OTHERS = 5 };

static void asks(struct world *w, uint16_t source_port, uint16_t internal_port)
{
    asks_address(w, 10, source_port);
    world_run_for(w, 50);
    asks_map(w, 10, source_port, UDP, internal_port, internal_port, 600);
    world_run_for(w, 950);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    asks(w, 40001, 9993);
    skip_s(w, PERIOD_S - 1);
    note(w, "5 min: it renews late; from now on the daemon keeps the mapping alive");
    asks(w, 40002, 9993);
    external_port = external_port_of(w, 10, UDP, 9993);
    skip_s(w, PERIOD_S - 1);
    expect(w, external_port != 0 && external_port_of(w, 10, UDP, 9993) == external_port);
    note(w, "5 min later the mapping still exists");
    asks(w, 40003, 9993);
    note(w, "the program is gone; when its ten minutes are over, other clients take all five ports");
    skip_s(w, 800);
    expect(w, our_rules(w) == 0);
    show(w, false);
    for (unsigned i = 0; i < OTHERS; i++)
        map(w, client(w, 20 + i), TCP, 6000, 0, 60);
    world_run_for(w, 2000);
    show(w, true);
    expect(w, gateway_count(&w->gateway, w->now_ms) == OTHERS);
    note(w, "it is refused and tries other ports");
    for (uint16_t i = 0; i < 3; i++)
        asks(w, 40010 + i, 9993 + i);
    expect(w, our_rules(w) == OTHERS && gateway_count(&w->gateway, w->now_ms) == OTHERS);
    expect_rest(w);
}

const struct story story_client_zerotier = {.options = like_proton, .tell = tell};
