/* The gateway restarts while it cannot be reached. What it answers first is for the ninth copy of a request,
 * and its epoch is unlikely, so the daemon asks for the gateway's address before it believes it. The answer
 * to that shows the restart: the request that was answered is sent once more, although it was the last copy.
 * Else it would wait for 64 s more, and all other requests of the same client with it. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.lifetime_max_s = 600;
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 1;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 20);
    struct lan_mapping *mapping;

    settle(w);
    world_run_until(w, 295000);
    note(w, "the gateway cannot be reached");
    w->gateway.faults.silent = true;
    world_run_until(w, 362500);
    note(w, "it has restarted, and answers");
    gateway_reboot(&w->gateway, w->now_ms);
    w->gateway.faults.silent = false;
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 8000);
    expect(w, external_port_of(w, 20, TCP, 32400) == 32400 && gateway_count(&w->gateway, w->now_ms) == 2);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_ninth_answer_ignored = {.options = options, .tell = tell};
