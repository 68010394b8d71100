/* Before the start the router has more rules of an earlier run than MAX_MAPPINGS allows now. As many are
 * adopted, and the others are removed, with a line that says why. The rule of a static mapping is adopted in
 * any case, because a static mapping has a place beside them: if it was removed, it would be made again. */
#include "scenario.h"

enum { MAX = 3, RULES = 5 };

static void options(struct world_options *options)
{
    options->config.mappings_max = MAX;
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(14), .protocol = NATPMP_UDP, .internal_port = 7000};
    options->config.static_mappings = 1;
}

static void tell(struct world *w)
{
    world_hand_begin(w, "rules that exist before the start");
    for (unsigned i = 0; i < RULES; i++) {
        char text[256];

        (void)snprintf(text, sizeof(text),
                       "chain=dstnat action=dst-nat in-interface=wg0 protocol=udp dst-port=%u "
                       "to-addresses=192.168.88.%u to-ports=7000 "
                       "comment=\"double-natpmp/default external %u lease 30 s\"",
                       7000 + i, 10 + i, 7000 + i);
        router_model_rule_add(w->router, text, false);
    }
    world_hand_end(w);
    w->trace.only_logs = true;
    world_start(w, 1);
    world_run_for(w, 8000);
    w->trace.only_logs = false;
    show(w, false);
    expect(w, our_rules(w) == MAX + 1 && router_port_of(w, 14, UDP, 7000) == 7004);
    skip_s(w, 40);
    expect(w, our_rules(w) == 1 && router_port_of(w, 14, UDP, 7000) == 7004);
}

const struct story story_more_leftovers_than_max_mappings = {.options = options, .tell = tell};
