/* The router restarts with a backup that contains none of the daemon's forty rules. As soon as the daemon has
 * read the table, it adds all forty at once. No addition waits for the answer to another one. */
#include "scenario.h"

enum { RULES = 40 };

static void tell(struct world *w)
{
    uint64_t adds;

    settle(w);
    show(w, false);
    for (unsigned i = 0; i < RULES; i++)
        asks_map(w, 10 + i, 40000, UDP, (uint16_t)(6000 + i), (uint16_t)(6000 + i), 3600);
    world_run_for(w, 10000);
    expect(w, our_rules(w) == RULES);
    router_now(w);
    router_model_reboot(w->router, 2000, true);
    world_run_for(w, 100);
    world_hand_begin(w, "the owner restores the backup");
    for (unsigned i = 0; i < RULES; i++)
        router_model_rule_remove(w->router, rule_of(w, 10 + i, UDP, (uint16_t)(6000 + i)));
    world_hand_end(w);
    adds = router_model_counters(w->router)->adds;
    while (router_model_counters(w->router)->adds == adds)
        world_run_for(w, 1);
    world_run_for(w, 5);
    show(w, true);
    note(w, "five milliseconds after the first addition");
    expect(w, our_rules(w) == RULES);
    skip_s(w, 10);
    expect_rest(w);
}

const struct story story_all_rules_back_after_restart = {.tell = tell};
