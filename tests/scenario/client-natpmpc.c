/* natpmpc in a loop, as in ProtonVPN's guide. Every 45 s it requests UDP and TCP, each time from a new port,
 * with the address first, and with the suggestion 1, which stands for any port. It needs a public address. */
#include "scenario.h"

static void round_of(struct world *w, uint16_t source_port)
{
    asks_address(w, 10, source_port);
    world_run_for(w, 30);
    asks_map(w, 10, source_port, UDP, 5000, 1, 60);
    world_run_for(w, 100);
    asks_address(w, 10, source_port + 1);
    world_run_for(w, 30);
    asks_map(w, 10, source_port + 1, TCP, 5000, 1, 60);
    world_run_for(w, 840);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    round_of(w, 40001);
    external_port = external_port_of(w, 10, UDP, 5000);
    expect(w, external_port != 0 && external_port == external_port_of(w, 10, TCP, 5000));
    skip_s(w, 44);
    round_of(w, 40003);
    skip_s(w, 44);
    expect(w, external_port_of(w, 10, UDP, 5000) == external_port);
    expect(w, external_port_of(w, 10, TCP, 5000) == external_port);
    expect_rest(w);
}

const struct story story_client_natpmpc = {.options = like_proton, .tell = tell};
