/* The router numbers its rules anew when it restarts. A deletion after that removes the client's own rule and
 * no other one. */
/* Predecessor fault 11: Rules are remembered by their number alone: after the router has renumbered them
 * another client's rule is removed. */
#include "scenario.h"

static void renumbering(struct world_options *options)
{
    options->router.renumber_on_reboot = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 1);
    map(w, b, TCP, 7001, 7001, 3600);
    skip_s(w, 10);
    note(w, "the router restarts, and the numbers now belong to other rules");
    router_now(w);
    router_model_reboot(w->router, 3000, true);
    world_run_for(w, 1000);
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 10000);
    expect(w, mapping->state == LAN_UNUSED && rule_of(w, 10, TCP, 7000) == 0);
    expect(w, our_rules(w) == 1 && rule_of(w, 11, TCP, 7001) != 0);
    expect_rest(w);
}

const struct story story_router_renumbers_rules = {.options = renumbering, .tell = tell};
