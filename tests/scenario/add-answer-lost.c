/* The connection fails after the daemon has sent an `add` and before the router's answer arrives. RouterOS
 * would accept the same `add` twice, so the daemon reads the table instead, finds its rule, and answers the
 * client. */
/* Predecessor fault 7: The connection ends behind an addition and before its answer: a second rule, or no
 * answer ever. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct router_model_drop_fault fault = {
        .drop = ROUTER_MODEL_DROP_AFTER, .command = "/ip/firewall/nat/add", .reset = true};
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    router_model_drop_at(w->router, &fault);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 12000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 6000);
    expect(w, our_rules(w) == 1);
    expect(w, router_model_counters(w->router)->adds == 1);
    note(w, "the same, but nothing reports that the connection is dead");
    fault.reset = false;
    fault.silent = true;
    router_model_drop_at(w->router, &fault);
    map(w, a, UDP, 6001, 6001, 3600);
    world_run_for(w, 60000);
    mapping = lan_find(a, UDP, 6001);
    expect(w, our_rules(w) == (mapping->state == LAN_HELD ? 2 : 1));
    expect_rest(w);
}

const struct story story_add_answer_lost = {.tell = tell};
