/* The gateway has one port. A static mapping of UDP has it, so that of another host with TCP is refused: TCP
 * and UDP of one port belong to one client (RFC 6886 section 3.3). The daemon tries again twice a minute.
 * When the host itself requests its mapping, it need not wait for that, and hears in a moment that no port is
 * left. */
#include "scenario.h"

enum { LIFETIME_S = 600 };

static void options(struct world_options *options)
{
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_UDP, .internal_port = 6881};
    options->config.static_mapping[1] =
        (struct static_mapping){.address = lan_address(21), .protocol = NATPMP_TCP, .internal_port = 6881};
    options->config.static_mappings = 2;
    options->gateway.one_port = true;
}

static void tell(struct world *w)
{
    struct lan_mapping *mapping;

    world_start(w, 1);
    skip_s(w, 100);
    expect(w, external_port_of(w, 20, UDP, 6881) != 0);
    note(w, "the second host requests its mapping");
    mapping = map(w, client(w, 21), TCP, 6881, 0, LIFETIME_S);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_REFUSED && mapping->result == 4);
    show(w, false);
}

const struct story story_static_refused_client_asks = {.options = options, .tell = tell};
