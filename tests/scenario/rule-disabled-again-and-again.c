/* Another program on the router disables the daemon's rule each time it appears, and the router sends rows
 * with only the changed property. double-natpmp replaces the rule, and waits after three replacements in a
 * row. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->router.listen_partial_rows = true;
}

static void disable(struct world *w, uint64_t for_ms)
{
    uint64_t until_ms = w->now_ms + for_ms;
    uint32_t disabled = 0;

    while (w->now_ms < until_ms) {
        uint32_t id = rule_of(w, 10, TCP, 7000);

        if (id != 0 && id != disabled) {
            world_hand_begin(w, "the other program disables the rule");
            router_model_rule_set(w->router, id, "disabled=yes");
            world_hand_end(w);
            disabled = id;
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
    disable(w, 3000);
    show(w, false);
    disable(w, 17000);
    show(w, true);
    adds = router_model_counters(w->router)->adds - adds;
    expect(w, adds >= 15 && adds <= 25);
    note(w, "the other program has stopped");
    skip_s(w, 10);
    expect(w, our_rules(w) == 1);
    expect_rest(w);
}

const struct story story_rule_disabled_again_and_again = {.options = options, .tell = tell};
