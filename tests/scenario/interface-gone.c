/* Somebody disables the tunnel's interface on the router, and later removes it. RouterOS marks the rules that
 * name it as invalid, and they forward nothing. The daemon leaves them alone, because the router refuses
 * another rule for an interface that does not exist, and it says what is wrong, in the log and in `status`.
 * A client that renews gets Network Failure after 12 s, and a success as soon as the rules are valid again or
 * the interface has come back under its name. */
#include "scenario.h"

static uint64_t changes(const struct world *w)
{
    const struct router_model_counters *c = router_model_counters(w->router);

    return c->adds + c->removes + c->sets;
}

static const char *trouble(const struct world *w)
{
    struct proxy_status status = proxy_status(w->proxy, w->now_ms);
    const char *text = router_trouble_text(&status);

    return text ? text : "fine";
}

static void tells(struct world *w)
{
    char line[256];

    (void)snprintf(line, sizeof(line), "status: %s", trouble(w));
    note(w, line);
}

/* Nothing is changed on the router, and nobody is told success. */
static void forwards_nothing(struct world *w)
{
    uint64_t successes = w->book.successes;
    uint64_t errors = w->book.errors;
    uint64_t before;

    world_run_for(w, 1000);
    before = changes(w);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 13000);
    expect(w, w->book.errors == errors + 1 && w->book.successes == successes);
    tells(w);
    show(w, false);
    world_run_for(w, 120000);
    show(w, true);
    expect(w, changes(w) <= before + 2);
}

static void forwards(struct world *w)
{
    uint64_t successes = w->book.successes;

    tells(w);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, w->book.successes == successes + 1 && our_rules(w) == 1);
}

static void tell(struct world *w)
{
    settle(w);
    forwards(w);
    world_hand_begin(w, "somebody disables the interface");
    router_model_interface_enable(w->router, "wg0", false);
    world_hand_end(w);
    forwards_nothing(w);
    world_hand_begin(w, "... and enables it");
    router_model_interface_enable(w->router, "wg0", true);
    world_hand_end(w);
    world_run_for(w, 2000);
    forwards(w);
    world_hand_begin(w, "somebody removes the interface");
    world_way_moves(w, "and its addresses", true);
    router_model_address_remove(w->router, "10.2.0.2/32");
    router_model_interface_remove(w->router, "wg0");
    world_hand_end(w);
    forwards_nothing(w);
    world_hand_begin(w, "... and makes it again");
    world_way_moves(w, "and its address", true);
    router_model_interface_add(w->router, "wg0", "wg");
    router_model_address_add(w->router, "10.2.0.2/32", "wg0");
    world_hand_end(w);
    world_run_for(w, 70000);
    forwards(w);
    show(w, false);
    expect_rest(w);
}

const struct story story_interface_gone = {.tell = tell};
