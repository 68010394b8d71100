/* Before the first resync of the router nobody knows whether there is something to delete, so a deletion waits
 * as a mapping does. Who asks for more than twice what it may have has no room for that: it is refused, and
 * not left without an answer. */
#include "scenario.h"

enum { FIRST = 6000 };

static void slow(struct world_options *options)
{
    options->router.latency_min_ms = 300;
    options->router.latency_max_ms = 300;
    options->config.client_mappings_max = 2;
}

static void tell(struct world *w)
{
    show(w, false);
    world_start(w, 1);
    world_run_for(w, 100);
    asks_map(w, 10, 40000, UDP, FIRST, FIRST, 3600);
    asks_map(w, 10, 40000, UDP, FIRST + 1, FIRST + 1, 3600);
    asks_delete(w, 10, 40000, UDP, FIRST + 2, 0);
    asks_delete(w, 10, 40000, UDP, FIRST + 3, 0);
    asks_delete(w, 10, 40000, UDP, FIRST + 4, 0);
    asks_delete(w, 10, 40000, TCP, 0, 0);
    show(w, true);
    world_run_for(w, 10);
    show(w, false);
    world_run_for(w, 20000);
    expect(w, our_rules(w) == 2);
    show(w, true);
    note(w, "when it is known that there is nothing, that is success");
    asks_delete(w, 10, 40000, UDP, FIRST + 4, 0);
    asks_delete(w, 10, 40000, TCP, 0, 0);
    world_run_for(w, 10);
}

const struct story story_limit_at_start = {.options = slow, .tell = tell};
