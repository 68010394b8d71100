/* RFC 6886 section 3.1: the daemon retransmits requests to the gateway after 250 ms, 500 ms, 1 s and so on
 * until it gets an answer. Lost packets cost a second or two, and nothing else. */
/* Predecessor fault 20: Requests to the gateway are not repeated when a packet is lost. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    w->options.gateway_link.loss_percent = 100;
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 0);
    note(w, "the fourth datagram arrives");
    w->options.gateway_link.loss_percent = 0;
    world_run_for(w, 4000);
    expect(w, mapping->state == LAN_HELD && mapping->answers == 1 && our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_gateway_loses_first_copies = {.tell = tell};
