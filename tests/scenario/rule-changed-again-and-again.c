/* Another program on the router changes the daemon's rule each time it appears. double-natpmp replaces the
 * rule. After three replacements in a row it waits longer before each further one: two programs that undo
 * each other's work must not become a loop. When the other program stops, the rule stays. */
#include "scenario.h"

static void change(struct world *w, uint32_t id, const char *what, const char *attributes)
{
    world_hand_begin(w, what);
    router_model_rule_set(w->router, id, attributes);
    world_hand_end(w);
}

static void undo(struct world *w, uint32_t id, uint32_t before)
{
    if (before != 0 && router_model_rule_find(w->router, before) != NULL)
        change(w, before, "the other program changes the rule once more", "to-ports=7002");
    if (id != 0)
        change(w, id, "the other program changes the rule", "to-ports=7001");
}

static void tell(struct world *w)
{
    other_program_undoes(w, undo);
}

const struct story story_rule_changed_again_and_again = {.tell = tell};
