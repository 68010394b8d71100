/* Another program on the router removes the daemon's rule each time it appears. After three replacements in a
 * row double-natpmp waits longer before each further one: two programs that undo each other's work must not
 * become a loop, and rules must not pile up. When the other program stops, the rule stays. */
#include "scenario.h"

static void undo(struct world *w, uint32_t id, uint32_t before)
{
    (void)before;
    if (id == 0)
        return;
    world_hand_begin(w, "the other program removes the rule");
    router_model_rule_remove(w->router, id);
    world_hand_end(w);
}

static void tell(struct world *w)
{
    other_program_undoes(w, undo);
}

const struct story story_rule_removed_again_and_again = {.tell = tell};
