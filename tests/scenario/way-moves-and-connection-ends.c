/* The rules follow a way that has moved: the new ones are there, and before the old ones are removed, the
 * connection ends. The snapshot of the next one shows two rules for each mapping. The new ones stay, and only
 * the old ones go. When the way moves back, the router refuses the first addition, and the daemon repeats it;
 * the old rule goes all the same. */
/* [W5] */
#include "scenario.h"

static bool are_on(struct world *w, const char *interface)
{
    return our_rules(w) == 2 && strcmp(interface_of(w, 10, 7000), interface) == 0 &&
           strcmp(interface_of(w, 10, 7001), interface) == 0;
}

static uint64_t adds(struct world *w)
{
    return router_model_counters(w->router)->adds;
}

static void tell(struct world *w)
{
    struct router_model_drop_fault fault = {.drop = ROUTER_MODEL_DROP_BEFORE,
                                            .command = "/ip/firewall/nat/remove"};

    router_model_interface_add(w->router, "wg2", "wg");
    router_model_address_add(w->router, "10.2.0.3/32", "wg2");
    struct lan_client *a = client(w, 10);

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, TCP, 7001, 7001, 3600);
    skip_s(w, 20);
    router_model_drop_at(w->router, &fault);
    world_way_moves(w, "the host route leads through wg2", true);
    world_host_route(w, "wg2");
    uint64_t before = adds(w);

    world_run_for(w, 10000);
    expect(w, are_on(w, "wg2") && adds(w) == before + 2);
    note(w, "the way moves back, and an addition is refused");
    router_model_fail_next(w->router, "/ip/firewall/nat/add", "not enough permissions (9)");
    world_way_moves(w, "the host route leads through wg0", true);
    world_host_route(w, "wg0");
    before = adds(w);
    world_run_for(w, 10000);
    expect(w, are_on(w, "wg0") && adds(w) == before + 2);
    show(w, false);
    world_run_for(w, 120000);
    expect_rest(w);
}

const struct story story_way_moves_and_connection_ends = {.tell = tell};
