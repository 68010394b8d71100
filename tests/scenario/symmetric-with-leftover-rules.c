/* An earlier run left two UDP rules, and now GATEWAY_MODE=symmetric is set for a gateway that has one port
 * for each protocol. The daemon can get the lease of one of them again. It ends the other one: the deletion
 * at the gateway waits until the request for the first is answered, since requests of one protocol cannot be
 * told apart. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
    options->gateway.symmetric = true;
    options->gateway.offer_port = 40001;
}

static void tell(struct world *w)
{
    world_hand_begin(w, "two rules of an earlier run");
    left_over_rule(w, UDP, 40001, "192.168.88.10", 6881, 600);
    book_asked_before(&w->book, lan_address(10), UDP, 6881);
    left_over_rule(w, UDP, 40002, "192.168.88.11", 6881, 600);
    book_asked_before(&w->book, lan_address(11), UDP, 6881);
    world_hand_end(w);
    gateway_late(w, 500);
    world_start(w, 1);
    world_run_for(w, 20000);
    gateway_late(w, 0);
    expect(w, our_rules(w) == 1);
    skip_s(w, 100);
    expect_rest(w);
}

const struct story story_symmetric_with_leftover_rules = {.options = options, .tell = tell};
