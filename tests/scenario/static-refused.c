/* While the gateway refuses a static mapping, the daemon requests it again, after pauses that grow, and logs
 * that once. An address of the router is no host: the log names the entry, and it is never mapped. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mapping[1] = (struct static_mapping){
        .address = options->router_address, .protocol = NATPMP_TCP, .internal_port = 80};
    options->config.static_mappings = 2;
}

static void tell(struct world *w)
{
    uint64_t before;

    w->gateway.faults.refuse = 2;
    world_start(w, 1);
    world_run_for(w, 5000);
    show(w, false);
    before = w->gateway.requests;
    world_run_for(w, 600000);
    expect(w, w->gateway.requests - before > 15 && w->gateway.requests - before < 40);
    show(w, true);
    note(w, "the gateway permits it");
    w->gateway.faults.refuse = 0;
    world_run_for(w, 35000);
    show(w, false);
    expect(w, external_port_of(w, 20, TCP, 32400) == 32400 && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_static_refused = {.options = options, .tell = tell};
