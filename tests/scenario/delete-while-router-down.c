/* A client deletes ports while the router cannot be reached: one that was never mapped, one that is mapped, and
 * all. The daemon cannot know yet whether an earlier run left a rule for the first one. The log says what is
 * true of each. */
#include "scenario.h"

static void tell(struct world *w)
{
    w->faults.router_refused = true;
    show(w, false);
    world_start(w, 1);
    world_run_until(w, 5000);
    show(w, true);
    w->trace.only_logs = true;
    note(w, "before the first connection: a port that was never mapped, and all");
    asks_delete(w, 10, 40000, TCP, 7000, 0);
    world_run_for(w, 14000);
    asks_delete(w, 11, 40000, UDP, 0, 0);
    world_run_for(w, 14000);
    expect(w, w->book.errors == 2);
    w->faults.router_refused = false;
    show(w, false);
    world_run_for(w, 60000);
    (void)map(w, client(w, 12), TCP, 7001, 7001, 3600);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 1);
    show(w, true);
    w->trace.only_logs = true;
    note(w, "the connection is lost: a port that is mapped, and one that was never mapped");
    w->faults.router_refused = true;
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 1000);
    asks_delete(w, 12, 40000, TCP, 7001, 0);
    world_run_for(w, 14000);
    asks_delete(w, 13, 40000, TCP, 7002, 0);
    world_run_for(w, 14000);
    note(w, "the router is back");
    w->faults.router_refused = false;
    world_run_for(w, 60000);
    show(w, false);
    w->trace.only_logs = false;
    expect(w, our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_delete_while_router_down = {.tell = tell};
