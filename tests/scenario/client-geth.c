/* geth: TCP and UDP for 600 s, again after 8 min by its own clock. Once late, it is held, but never beyond
 * the 600 s that it asked for. Refused, it comes back after 5 min; when it ends it deletes. */
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
    note(w, "refused at first: five minutes later it asks again");
    w->gateway.faults.refuse = 4;
    round_of(w, 40001, 30303);
    w->gateway.faults.refuse = 0;
    skip_s(w, 299);
    round_of(w, 40011, 30303);
    expect(w, our_rules(w) == 2);
    skip_s(w, PERIOD_S - 1);
    note(w, "8 min: it is late, and from now on held");
    round_of(w, 40021, 30303);
    external_port = external_port_of(w, 10, TCP, 30303);
    skip_s(w, PERIOD_S - 1);
    expect(w, external_port != 0 && external_port_of(w, 10, TCP, 30303) == external_port);
    expect(w, external_port_of(w, 10, UDP, 30303) == external_port);
    note(w, "8 min later, in time now");
    round_of(w, 40031, external_port);
    skip_s(w, 570);
    expect(w, our_rules(w) == 2);
    note(w, "it has died: 600 s after it asked");
    skip_s(w, 100);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_geth = {.options = like_proton, .tell = tell};
