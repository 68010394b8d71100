/* The router's answer to an addition has no id. Whether `listen` reports the rule before that answer, behind
 * it, in part or not at all, the daemon finds its rule in the table by the comment, and adds it once. */
#include "scenario.h"

static void asks(struct world *w, const char *how, uint16_t port)
{
    uint64_t adds = router_model_counters(w->router)->adds;
    uint64_t removes = router_model_counters(w->router)->removes;
    struct lan_client *a = client(w, port % 100u);
    struct lan_mapping *mapping;

    note(w, how);
    mapping = map(w, a, TCP, port, port, 600);
    world_run_for(w, 12000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, router_model_counters(w->router)->adds == adds + 1);
    expect(w, router_model_counters(w->router)->removes == removes);
    show(w, false);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 0);
    show(w, true);
}

static void tell(struct world *w)
{
    struct router_model_options *router = router_model_options(w->router);

    router->add_is_nameless = true;
    settle(w);
    router->own_event = ROUTER_MODEL_EVENT_BEFORE;
    asks(w, "the row comes first", 7010);
    router->own_event = ROUTER_MODEL_EVENT_AFTER;
    asks(w, "the answer comes first", 7011);
    router->listen_delay_max_ms = 90;
    asks(w, "the row comes later", 7012);
    router->listen_partial_rows = true;
    asks(w, "with partial rows", 7013);
    show(w, false);
    skip_s(w, 300);
    expect_rest(w);
}

const struct story story_add_without_id = {.tell = tell};
