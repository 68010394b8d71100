/* MIKROTIK_IN_INTERFACE names an interface that the router does not have, and later one that is disabled. The
 * router refuses the rules, or says that they are invalid. `status` and the log name that with the remedy, no
 * client is told success, and the router is not changed again and again. When the interface is right, clients
 * get their mappings. */
#include "scenario.h"

static uint64_t changes(const struct world *w)
{
    const struct router_model_counters *c = router_model_counters(w->router);

    return c->adds + c->removes + c->sets;
}

static void tells(struct world *w)
{
    struct proxy_status status = proxy_status(w->proxy, w->now_ms);
    const char *text = router_trouble_text(&status);
    char line[256];

    (void)snprintf(line, sizeof(line), "status: %s", text ? text : "fine");
    note(w, line);
}

static void asks_in_vain(struct world *w, uint16_t port)
{
    uint64_t errors = w->book.errors;
    uint64_t before = changes(w);

    asks_map(w, 10, 40000, TCP, port, port, 3600);
    w->trace.only_logs = true;
    world_run_for(w, 13000);
    w->trace.only_logs = false;
    expect(w, w->book.errors == errors + 1 && w->book.successes == 0);
    tells(w);
    show(w, false);
    world_run_for(w, 120000);
    show(w, true);
    tells(w);
    expect(w, changes(w) <= before + 4);
}

static void tell(struct world *w)
{
    settle(w);
    tells(w);
    asks_in_vain(w, 7000);
    world_hand_begin(w, "the interface is made, but disabled");
    router_model_interface_add(w->router, "wg7", "wg");
    router_model_interface_enable(w->router, "wg7", false);
    world_hand_end(w);
    asks_in_vain(w, 7001);
    asks_map(w, 11, 40000, TCP, 7002, 7002, 3600);
    asks_map(w, 12, 40000, TCP, 7002, 7002, 3600);
    world_run_for(w, 3000);
    tells(w);
    expect(w, w->book.successes == 0);
    world_hand_begin(w, "the interface is enabled");
    router_model_interface_enable(w->router, "wg7", true);
    world_hand_end(w);
    world_run_for(w, 1000);
    expect(w, w->book.successes == 2);
    tells(w);
    show(w, false);
    skip_s(w, 3700);
    expect_rest(w);
}

static void options(struct world_options *options)
{
    memcpy(options->config.in_interface, "wg7", sizeof("wg7"));
}

const struct story story_configured_interface_missing = {.options = options, .tell = tell};
