/* Before the first snapshot the daemon does not know which mappings exist, so a deletion waits as a request
 * for a mapping does. A client that sends more than twice as many requests as it may have mappings exceeds
 * the room for that. The daemon refuses these requests instead of ignoring them. */
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
    note(w, "the snapshot shows that nothing exists, and deletions succeed");
    asks_delete(w, 10, 40000, UDP, FIRST + 4, 0);
    asks_delete(w, 10, 40000, TCP, 0, 0);
    world_run_for(w, 10);
}

const struct story story_limit_at_start = {.options = slow, .tell = tell};
