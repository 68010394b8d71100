/* The router never answers one command that the daemon needs before it is ready, and answers all others.
 * After ten seconds one line says which command, before the first request is refused; so do `health` and
 * `status`. When the daemon has given the command up, or the router has answered late, all is well. */
/* [R7] */
#include "scenario.h"

static enum failure failure(struct world *w)
{
    return proxy_status(w->proxy, w->now_ms).router_failure;
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    router_model_slow(w->router, "/interface/list/print", ROUTER_MODEL_HANGS);
    world_start(w, 1);
    struct lan_mapping *mapping = map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 9000);
    expect(w, failure(w) == FAILURE_NONE);
    world_run_for(w, 2000);
    expect(w, failure(w) == FAILURE_UNANSWERED);
    world_run_for(w, 48000);
    expect(w, failure(w) == FAILURE_UNANSWERED);
    world_run_for(w, 100000);
    expect(w, failure(w) == FAILURE_NONE && mapping->state == LAN_HELD);
    note(w, "after a reboot the addresses are slow");
    router_model_slow(w->router, "/interface/list/print", 0);
    router_model_slow(w->router, "/ip/address/print", 30000);
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 20000);
    expect(w, failure(w) == FAILURE_UNANSWERED);
    world_run_for(w, 120000);
    expect(w, failure(w) == FAILURE_NONE);
}

const struct story story_command_of_the_start_hangs = {.tell = tell};
