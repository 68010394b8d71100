/* No rule of the router translates the source of the daemon's requests, so the gateway gets them from an
 * address that it does not know, and does not answer. The router's connection table shows it, and the log
 * names the command that helps, once. */
/* [S4] */
#include "scenario.h"

static void tell(struct world *w)
{
    router_model_options(w->router)->untranslated = true;
    w->gateway.faults.silent = true;
    world_start(w, 1);
    world_run_for(w, 10000);
    w->trace.only_logs = true;
    world_run_for(w, 300000);
    w->trace.only_logs = false;
    note(w, "the command is entered");
    router_model_options(w->router)->untranslated = false;
    w->gateway.faults.silent = false;
    world_run_for(w, 90000);
    show(w, false);
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 2000);
    expect_rest(w);
}

const struct story story_nothing_translates = {.tell = tell};
