/* RFC 6886 section 3.3: who asks again for a port that he has mapped gets the mapping as it is, whatever he
 * suggests now and from whatever port he asks. Many programs suggest their own port for ever. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, TCP, 7000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    note(w, "with another suggestion");
    lan_send_map(&w->lan, a->address, mapping->source_port, TCP, 7000, 8000, 3600);
    world_run_for(w, 1000);
    note(w, "from another port");
    lan_send_map(&w->lan, a->address, 5350, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 2 && our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    expect_rest(w);
}

const struct story story = {.tell = tell};
