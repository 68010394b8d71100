/* A client deletes all of its UDP mappings while the router does not answer for twelve seconds. The client
 * gets one error, and the daemon goes on with the deletion (RFC 6886 section 3.4). Another time the client
 * requests one of the mappings again before the deletion is finished: that mapping stays, and the deletion
 * succeeds for the others. */
#include "scenario.h"

static void ask_for_three(struct world *w)
{
    show(w, false);
    for (uint16_t port = 5001; port <= 5003; port++)
        asks_map(w, 10, 40000, UDP, port, port, 3600);
    world_run_for(w, 2000);
    show(w, true);
    expect(w, our_rules(w) == 3 && gateway_count(&w->gateway, w->now_ms) == 3);
}

static void tell(struct world *w)
{
    settle(w);
    ask_for_three(w);
    note(w, "the router does not answer, and the client deletes all of UDP");
    router_now(w);
    router_model_mute(w->router, w->now_ms + 14000, false);
    asks_delete(w, 10, 40000, UDP, 0, 0);
    world_run_for(w, 12500);
    expect(w, our_rules(w) == 3);
    skip_s(w, 30);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    skip_s(w, 130);
    ask_for_three(w);
    note(w, "again, but the client then requests one of the mappings anew");
    router_now(w);
    router_model_mute(w->router, w->now_ms + 2000, false);
    asks_delete(w, 10, 40000, UDP, 0, 0);
    world_run_for(w, 500);
    asks_map(w, 10, 40001, UDP, 5002, 5002, 3600);
    world_run_for(w, 8000);
    expect(w, our_rules(w) == 1 && router_port_of(w, 10, UDP, 5002) == 5002);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 1);
    expect_rest(w);
}

const struct story story_delete_all_not_finished = {.tell = tell};
