/* The router's API does not answer, and its rules have gone. A mapping expires meanwhile, another one is
 * deleted, and then both are requested anew. They are new mappings: nobody knows whether the rules are still
 * there, so they are refused until the router answers, and so is every repetition. A mapping that has not
 * ended is answered from memory. [P15] */
#include "scenario.h"

static void expect_refused(struct world *w, unsigned last_byte, uint16_t port)
{
    struct lan_mapping *mapping = map(w, client(w, last_byte), TCP, port, port, 3600);

    world_run_for(w, 13000);
    expect(w, mapping->result == 3);
}

static void tell(struct world *w)
{
    settle(w);
    w->trace.only_logs = true;
    asks_map(w, 10, 40000, TCP, 7000, 7000, 60);
    asks_map(w, 11, 40000, TCP, 7001, 7001, 3600);
    struct lan_mapping *kept = map(w, client(w, 12), TCP, 7002, 7002, 600);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 3);
    note(w, "the API does not answer");
    w->faults.router_refused = true;
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 1000);
    world_hand_begin(w, "the rules are gone");
    router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    router_model_rule_remove(w->router, rule_of(w, 11, TCP, 7001));
    world_hand_end(w);
    asks_delete(w, 11, 40000, TCP, 7001, 0);
    world_run_for(w, 80000);
    expect_refused(w, 10, 7000);
    expect_refused(w, 11, 7001);
    world_run_for(w, 400000);
    expect(w, kept->state == LAN_HELD && our_rules(w) == 1);
    note(w, "it answers again");
    w->faults.router_refused = false;
    world_run_for(w, 120000);
    expect(w, our_rules(w) == 3);
    expect_rest(w);
}

const struct story story_mapped_anew_while_router_is_away = {.tell = tell};
