/* The gateway has one port for each protocol, and a static mapping has that of TCP. The gateway restarts, and
 * a client that is refused asks again every two seconds for the same protocol. The static mapping comes first
 * all the same: it has the gateway's new port a few seconds later, and keeps it. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
    options->gateway.symmetric = true;
    options->gateway.offer_port = 40001;
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 1;
}

/* The gateway's port is not shown as that of a mapping that was refused. */
static bool refused_have_no_port(struct world *w)
{
    struct mapping_status status;

    for (uint16_t m = mapping_status_from(w->proxy, 0, w->now_ms, &status); m != 0;
         m = mapping_status_from(w->proxy, (uint16_t)(m + 1), w->now_ms, &status))
        if (status.condition == MAPPING_REFUSED && status.external_port != 0)
            return false;
    return true;
}

/* The client asks for both protocols again and again. */
static void clients_ask(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds / 2; i++) {
        asks_map(w, 10, 40000, UDP, 6881, 6881, 3600);
        world_run_for(w, 50);
        expect(w, refused_have_no_port(w));
        world_run_for(w, 950);
        asks_map(w, 10, 40001, TCP, 6881, 6881, 3600);
        world_run_for(w, 1000);
    }
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    settle(w);
    clients_ask(w, 10);
    expect(w, external_port_of(w, 20, TCP, 32400) == 40001);
    note(w, "the gateway restarts, and has another port");
    w->gateway.options.offer_port = 40777;
    world_gateway_reboot(w);
    for (unsigned i = 0; i < 10; i++) {
        clients_ask(w, 10);
        expect(w, external_port_of(w, 20, TCP, 32400) == 40777);
    }
}

const struct story story_symmetric_static_first = {.options = options, .tell = tell};
