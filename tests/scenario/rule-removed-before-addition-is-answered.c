/* With many requests at once double-natpmp adds rules over a second connection. That connection fails after
 * one addition, so its answer never comes, although the router's events have shown the rule. Meanwhile
 * somebody removes the rule. The next resync finds that it is gone, and the daemon adds it again, once. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->router.latency_min_ms = 50;
    options->router.latency_max_ms = 50;
}

static void tell(struct world *w)
{
    struct router_model_drop_fault fault = {
        .drop = ROUTER_MODEL_DROP_AFTER, .command = "/ip/firewall/nat/add", .silent = true, .skip = 1};
    uint64_t adds;

    settle(w);
    show(w, false);
    for (uint16_t i = 0; i < 20; i++)
        asks_map(w, 10 + i, 40000, UDP, 6000 + i, 6000 + i, 3600);
    world_run_for(w, 200);
    router_model_drop_at(w->router, &fault);
    show(w, true);
    note(w, "two more clients: the second one's rule is added over the second connection");
    asks_map(w, 30, 40000, UDP, 6881, 6881, 3600);
    asks_map(w, 31, 40000, UDP, 6882, 6882, 3600);
    world_run_for(w, 60);
    expect(w, rule_of(w, 31, UDP, 6882) != 0);
    world_hand_begin(w, "somebody removes that rule");
    router_model_rule_remove(w->router, rule_of(w, 31, UDP, 6882));
    world_hand_end(w);
    world_run_for(w, 10);
    note(w, "the daemon adds it again, once");
    adds = router_model_counters(w->router)->adds;
    skip_s(w, 20);
    expect(w, router_model_counters(w->router)->adds == adds + 1);
    expect(w, our_rules(w) == 22 && external_port_of(w, 31, UDP, 6882) == 6882);
    expect_rest(w);
}

const struct story story_rule_removed_before_addition_is_answered = {.options = options, .tell = tell};
