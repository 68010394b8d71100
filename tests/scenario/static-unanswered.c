/* The gateway does not answer requests for mappings, and answers those for its address, as some do that have
 * no port left. It is not silent, so nothing else in the log explains that a static mapping has no port. One
 * line says so, and another one when the mapping has a port again. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 1;
}

static void tell(struct world *w)
{
    settle(w);
    w->trace.only_logs = true;
    note(w, "no request for a mapping is answered");
    w->gateway.faults.refuse = GATEWAY_NO_ANSWER;
    world_run_for(w, 600000);
    note(w, "they are answered again");
    w->gateway.faults.refuse = 0;
    world_run_for(w, 70000);
    expect(w, external_port_of(w, 20, TCP, 32400) != 0);
    expect_rest(w);
}

const struct story story_static_unanswered = {.options = options, .tell = tell};
