/* A script moves a rule without ports before the daemon's again and again. When the daemon may not put its
 * own in front any more, what comes to the mapping's port goes to another host: no client is told success,
 * and `health` and `status` say why. Twenty minutes later, or when the other rule is gone, all is well again.
 * [P5] */
#include "scenario.h"

static bool reaches(struct world *w)
{
    struct router_model_packet packet = {.interface = "wg0",
                                         .tcp = true,
                                         .source = 0xc6336407,
                                         .source_port = 40000,
                                         .destination = 0x0a020002,
                                         .destination_port = router_port_of(w, 10, TCP, 7000)};

    return router_model_arrive(w->router, &packet).address == lan_address(10);
}

static enum failure failure(struct world *w)
{
    return proxy_status(w->proxy, w->now_ms).router_failure;
}

static void move_to_front(struct world *w, uint32_t rule)
{
    world_hand_begin(w, "the script puts its rule before ours");
    router_model_rule_remove(w->router, rule);
    rule = router_model_rule_add(w->router,
                                 "chain=dstnat action=dst-nat in-interface=wg0 to-addresses=192.168.88.5 "
                                 "comment=\"FOREIGN all\"",
                                 false);
    const struct router_model_rule *first = router_model_rule_next(w->router, NULL);
    if (router_model_rule_id(first) != rule)
        router_model_rule_move(w->router, rule, router_model_rule_id(first));
    world_hand_end(w);
    world_run_for(w, 30000);
}

static uint32_t foreign_rule(struct world *w)
{
    const struct router_model_rule *rule = NULL;
    while ((rule = router_model_rule_next(w->router, rule)) != NULL)
        if (strstr(router_model_rule_text(rule, "comment"), "FOREIGN") != NULL)
            return router_model_rule_id(rule);
    return 0;
}

static void tell(struct world *w)
{
    settle(w);
    w->trace.only_logs = true;
    asks_map(w, 10, 40000, TCP, 7000, 7000, 600);
    world_run_for(w, 1000);
    for (unsigned i = 0; i < 3; i++) {
        move_to_front(w, foreign_rule(w));
        expect(w, reaches(w) && failure(w) == FAILURE_NONE);
    }
    move_to_front(w, foreign_rule(w));
    expect(w, !reaches(w) && failure(w) == FAILURE_HIDDEN_RULES);
    note(w, "the client renews");
    w->trace.only_logs = false;
    show(w, false);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 600);
    world_run_for(w, 13000);
    show(w, true);
    w->trace.only_logs = true;
    expect(w, !reaches(w));
    note(w, "the other rule is removed");
    world_hand_begin(w, "removed");
    router_model_rule_remove(w->router, foreign_rule(w));
    world_hand_end(w);
    world_run_for(w, 20000);
    expect(w, failure(w) == FAILURE_NONE);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 600);
    world_run_for(w, 1000);
    expect(w, reaches(w));
    note(w, "it comes back, and after a while ours are put in front again");
    move_to_front(w, foreign_rule(w));
    for (unsigned i = 0; i < 24; i++) {
        asks_map(w, 10, 40000, TCP, 7000, 7000, 600);
        world_run_for(w, 100000);
    }
    expect(w, reaches(w) && failure(w) == FAILURE_NONE);
    expect_rest(w);
}

const struct story story_rule_kept_before_ours = {.tell = tell};
