/* @achingbrain/nat-port-mapper (js-libp2p) sends one datagram from port 5350 and no retransmission. It takes
 * milliseconds for seconds, so it requests 41 days. It requests again after 59 min, and suggests its own
 * port. The daemon keeps no mapping alive for 41 days: two hours after the last request of a late client,
 * everything is removed. */
#include "scenario.h"

enum { SOCKET = 5350, PERIOD_S = 59 * 60, DAYS_41 = 3600000 };

static void asks(struct world *w)
{
    asks_map(w, 10, SOCKET, TCP, 4001, 4001, DAYS_41);
    world_run_for(w, 100);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 900);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    asks(w);
    skip_s(w, PERIOD_S - 1);
    expect(w, our_rules(w) == 0);
    note(w, "59 min: it renews late; from now on the daemon keeps the mapping alive");
    asks(w);
    external_port = external_port_of(w, 10, TCP, 4001);
    skip_s(w, PERIOD_S - 1);
    expect(w, external_port != 0 && external_port_of(w, 10, TCP, 4001) == external_port);
    note(w, "59 min later");
    asks(w);
    skip_s(w, 7190);
    expect(w, our_rules(w) == 1);
    skip_s(w, 80);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_nat_port_mapper = {.options = like_proton, .tell = tell};
