/* Another program on the router disables the daemon's rule each time it appears, and the router sends rows
 * with only the changed property. double-natpmp replaces the rule, and waits after three replacements in a
 * row. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->router.listen_partial_rows = true;
}

static void undo(struct world *w, uint32_t id, uint32_t before)
{
    if (id == 0 || id == before)
        return;
    world_hand_begin(w, "the other program disables the rule");
    router_model_rule_set(w->router, id, "disabled=yes");
    world_hand_end(w);
}

static void tell(struct world *w)
{
    other_program_undoes(w, undo);
}

const struct story story_rule_disabled_again_and_again = {.options = options, .tell = tell};
