/* A symmetric gateway contradicts each grant with another port at once. The mapping is requested again after
 * pauses that grow, and the log says why, once and not each time. */
/* [G6] */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->gateway.symmetric = true;
    options->config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    w->gateway.faults.two_ports = true;
    map(w, client(w, 10), TCP, 6881, 6881, 7200);
    show(w, true);
    world_run_for(w, 10000);
    show(w, false);
    world_run_for(w, 200000);
    w->gateway.faults.two_ports = false;
    skip_s(w, 300);
    expect_rest(w);
}

const struct story story_symmetric_gateway_contradicts = {.options = options, .tell = tell};
