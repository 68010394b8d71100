/* The daemon is killed, starts again, and SIGTERM arrives before it has read the NAT table. It uses its five
 * seconds to read the table, so that the rules and leases of the earlier run are removed, and rules that no
 * mapping can have as well. If the router does not answer in that time, the last line does not say that
 * nothing is left. */
#include "scenario.h"

static void start_and_stop(struct world *w, const char *what)
{
    show(w, false);
    world_kill(w);
    world_run_for(w, 1000);
    show(w, true);
    note(w, what);
    world_start(w, 2);
    world_run_for(w, 300);
    expect(w, our_rules(w) > 0);
    world_stop(w);
    world_run_for(w, 6000);
    expect(w, w->exited);
}

static void tell(struct world *w)
{
    settle(w);
    show(w, false);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    asks_map(w, 10, 40000, UDP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    world_hand_begin(w, "a second rule for one of them");
    left_over_rule(w, UDP, 7001, "192.168.88.10", 7000, 60);
    world_hand_end(w);
    router_model_slow(w->router, "", 300);
    start_and_stop(w, "each command takes 300 ms");
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);

    show(w, false);
    router_model_slow(w->router, "", 0);
    world_start(w, 3);
    world_run_for(w, 200000);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    w->faults.router_refused = true;
    start_and_stop(w, "the router cannot be reached");
    expect(w, our_rules(w) == 1);
    w->faults.router_refused = false;
}

const struct story story_stopped_before_rules_were_read = {.tell = tell};
