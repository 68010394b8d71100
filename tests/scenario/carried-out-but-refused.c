/* The router carries out an addition or a removal, but answers it with an error, because the action took too
 * long. The daemon reads the table again before it does anything else: there is one rule for each mapping, a
 * deletion is confirmed when the rule is gone, and success is told only with a rule. The order of the answer
 * and of the row of listen does not matter. */
/* [T2] */
/* [T3] */
#include "scenario.h"

static const char message[] = "failure: action timed out (13)";

static void options(struct world_options *options)
{
    options->router.own_event = ROUTER_MODEL_EVENT_BEFORE;
}

static void add(struct world *w, struct lan_client *a, uint16_t port)
{
    struct lan_mapping *mapping;

    router_model_fail_behind(w->router, "/ip/firewall/nat/add", message);
    mapping = map(w, a, TCP, port, port, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 0);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "an addition, and listen is faster than its answer");
    add(w, a, 6000);
    note(w, "an addition, and listen is slower");
    router_model_options(w->router)->own_event = ROUTER_MODEL_EVENT_AFTER;
    add(w, a, 6001);
    note(w, "a removal, and the client asks again at once");
    mapping = map(w, a, TCP, 6002, 6002, 3600);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 1);
    router_model_fail_behind(w->router, "/ip/firewall/nat/remove", message);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 20);
    mapping = map(w, a, TCP, 6002, 6002, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    note(w, "a removal when the daemon stops");
    router_model_fail_behind(w->router, "/ip/firewall/nat/remove", message);
    world_stop(w);
    world_run_for(w, 6000);
    expect(w, our_rules(w) == 0);
}

const struct story story_carried_out_but_refused = {.options = options, .tell = tell};
