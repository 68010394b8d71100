/* geth requests TCP and UDP for 600 s and again after 8 min, whatever it was granted. After it has been late
 * once, the daemon keeps its mappings alive, but never beyond the 600 s that it requested. After a refusal it
 * comes back 5 min later. When it exits, it deletes its mappings. */
#include "scenario.h"

enum { PERIOD_S = 8 * 60 };

static void round_of(struct world *w, uint16_t source_port, uint16_t suggested)
{
    asks_address(w, 10, source_port);
    world_run_for(w, 30);
    asks_map(w, 10, source_port + 1, TCP, 30303, suggested, 600);
    asks_map(w, 10, source_port + 2, UDP, 30303, suggested, 600);
    world_run_for(w, 970);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    note(w, "the gateway refuses; five minutes later geth requests again");
    w->gateway.faults.refuse = 4;
    round_of(w, 40001, 30303);
    w->gateway.faults.refuse = 0;
    skip_s(w, 299);
    round_of(w, 40011, 30303);
    expect(w, our_rules(w) == 2);
    skip_s(w, PERIOD_S - 1);
    note(w, "8 min: it renews late; from now on the daemon keeps its mappings alive");
    round_of(w, 40021, 30303);
    external_port = external_port_of(w, 10, TCP, 30303);
    skip_s(w, PERIOD_S - 1);
    expect(w, external_port != 0 && external_port_of(w, 10, TCP, 30303) == external_port);
    expect(w, external_port_of(w, 10, UDP, 30303) == external_port);
    note(w, "8 min later the mappings still exist");
    round_of(w, 40031, external_port);
    skip_s(w, 570);
    expect(w, our_rules(w) == 2);
    note(w, "it has crashed; 600 s after its last request the mappings are gone");
    skip_s(w, 100);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_geth = {.options = like_proton, .tell = tell};
