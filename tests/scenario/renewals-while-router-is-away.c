/* The router's API does not answer for minutes, most likely while its rules forward. A client that renews is
 * answered from memory, because it would give up its port for good at an error. But after a minute the status
 * does not call the mapping active any more. When the router answers again, a rule that has gone meanwhile is
 * added again. */
#include "scenario.h"

static enum mapping_condition condition(struct world *w)
{
    struct mapping_status row;

    expect(w, mapping_status_from(w->proxy, 0, w->now_ms, &row) != 0 && row.external_port != 0);
    return (enum mapping_condition)row.condition;
}

static void tell(struct world *w)
{
    struct lan_mapping *mapping;

    settle(w);
    show(w, false);
    mapping = map(w, client(w, 10), TCP, 7000, 7000, 60);
    world_run_for(w, 1000);
    expect(w, condition(w) == MAPPING_ACTIVE);
    show(w, true);
    note(w, "the API does not answer");
    w->faults.router_refused = true;
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 59000);
    expect(w, condition(w) == MAPPING_ACTIVE);
    world_run_for(w, 3000);
    expect(w, condition(w) == MAPPING_WAITS_ROUTER);
    show(w, false);
    world_run_for(w, 600000);
    expect(w, mapping->state == LAN_HELD && condition(w) == MAPPING_WAITS_ROUTER);
    show(w, true);
    note(w, "it answers again, and the rule is gone");
    world_hand_begin(w, "the rules are gone");
    router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    world_hand_end(w);
    w->faults.router_refused = false;
    world_run_for(w, 60000);
    expect(w, our_rules(w) == 1 && condition(w) == MAPPING_ACTIVE);
    expect_rest(w);
}

const struct story story_renewals_while_router_is_away = {.tell = tell};
