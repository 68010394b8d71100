/* Syncthing requests the address before and after each mapping, every time from a new port. Its first
 * suggestion is random, and later ones name the port that it has. It renews every 30 min, whatever it was
 * granted, and does not delete when it exits. The daemon keeps its port for the hour that it requested, and
 * no longer. */
#include "scenario.h"

enum { PERIOD_S = 30 * 60 };

static void round_of(struct world *w, uint16_t source_port, uint16_t suggested)
{
    asks_address(w, 10, source_port);
    world_run_for(w, 10000);
    asks_map(w, 10, source_port + 1, TCP, 22000, suggested, 3600);
    world_run_for(w, 500);
    asks_address(w, 10, source_port + 2);
    world_run_for(w, 500);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    round_of(w, 40001, 4700);
    external_port = external_port_of(w, 10, TCP, 22000);
    skip_s(w, 70);
    expect(w, our_rules(w) == 0);
    skip_s(w, PERIOD_S - 71);
    note(w, "30 min: it renews late; from now on the daemon keeps the mapping alive");
    round_of(w, 40011, external_port);
    external_port = external_port_of(w, 10, TCP, 22000);
    skip_s(w, PERIOD_S);
    expect(w, external_port != 0 && external_port_of(w, 10, TCP, 22000) == external_port);
    note(w, "30 min later");
    round_of(w, 40021, external_port);
    expect(w, external_port_of(w, 10, TCP, 22000) == external_port);
    note(w, "it exits without a deletion: an hour after its last request everything is removed");
    skip_s(w, 3590);
    expect(w, our_rules(w) == 1);
    skip_s(w, 80);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_syncthing = {.options = like_proton, .tell = tell};
