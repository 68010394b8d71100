/* Another program on the router changes the daemon's rule each time it appears. double-natpmp replaces the
 * rule. After three replacements in a row it waits a second before each further one: two programs that undo
 * each other's work must not become a loop at the speed of the network. A rule that is changed once more in
 * that second is logged once. When the other program stops, the rule stays. */
#include "scenario.h"

static void change(struct world *w, uint64_t for_ms)
{
    uint64_t until_ms = w->now_ms + for_ms;
    uint32_t changed = 0;

    while (w->now_ms < until_ms) {
        uint32_t id = rule_of(w, 10, TCP, 7000);

        if (changed != 0 && router_model_rule_find(w->router, changed) != NULL) {
            world_hand_begin(w, "the other program changes the rule once more");
            router_model_rule_set(w->router, changed, "to-ports=7002");
            world_hand_end(w);
        }
        changed = id;
        if (id != 0) {
            world_hand_begin(w, "the other program changes the rule");
            router_model_rule_set(w->router, id, "to-ports=7001");
            world_hand_end(w);
        }
        world_run_for(w, 10);
    }
}

static void tell(struct world *w)
{
    uint64_t adds;

    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    adds = router_model_counters(w->router)->adds;
    note(w, "the other program runs");
    change(w, 3000);
    show(w, false);
    change(w, 17000);
    show(w, true);
    adds = router_model_counters(w->router)->adds - adds;
    expect(w, adds >= 15 && adds <= 25);
    note(w, "the other program has stopped");
    skip_s(w, 10);
    expect(w, our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_rule_changed_again_and_again = {.tell = tell};
