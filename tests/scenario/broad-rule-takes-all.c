/* The operator has a rule that sends everything from the tunnel to one host, as for a game console or a DMZ.
 * The mappings of the daemon work nevertheless, because their rules stand before it: a special rule goes
 * before a general one, as in every home router. What no mapping is for goes on to that host. */
/* [P6] [P7] */
/* Predecessor fault 41: An earlier rule that takes every port swallows what ours was to get. */
#include "scenario.h"

static struct router_model_fate arrives(struct world *w, uint16_t port, uint32_t at)
{
    struct router_model_packet packet = {.interface = "wg0",
                                         .tcp = true,
                                         .source = 0xc6336407,
                                         .source_port = 40000,
                                         .destination = at,
                                         .destination_port = port};
    return router_model_arrive(w->router, &packet);
}

static void check(struct world *w)
{
    struct lan_mapping *mapping = map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, arrives(w, 7000, 0x0a020002).address == lan_address(10));
    expect(w, arrives(w, 7001, 0x0a020002).address == lan_address(5));
}

static void tell(struct world *w)
{
    uint32_t rule;

    settle(w);
    world_hand_begin(w, "a rule sends everything from the tunnel to one host");
    rule = router_model_rule_add(w->router,
                                 "chain=dstnat action=dst-nat in-interface=wg0 to-addresses=192.168.88.5 "
                                 "comment=\"FOREIGN server\"",
                                 false);
    world_hand_end(w);
    world_run_for(w, 3000);
    check(w);
    note(w, "what is routed through the tunnel to another network's host is not for us");
    expect(w, arrives(w, 7000, 0xc0a80101).address == lan_address(5));
    world_hand_begin(w, "the owner replaces the rule by another one");
    router_model_rule_remove(w->router, rule);
    router_model_rule_add(
        w->router, "chain=dstnat action=accept dst-address-type=local comment=\"FOREIGN accept\"", false);
    world_hand_end(w);
    world_run_for(w, 3000);
    map(w, client(w, 11), UDP, 7002, 7002, 3600);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_broad_rule_takes_all = {.tell = tell};
