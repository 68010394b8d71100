/* The router does not let the daemon remove connections. The daemon says so once, maps all the same, and does
 * not try again on this connection; on the next one it does what was left. Then the daemon dies before the
 * router has answered the addition of a rule: the rule that the next run finds has no external port in its
 * comment, so older connections to its port are removed then. At last a peer sends to a tunnel with two
 * addresses. */
/* [P10] */
#include "scenario.h"

static bool reaches(const struct world *w, unsigned peer, unsigned last_byte)
{
    return w->peer[peer].reaches == lan_address(last_byte);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    w->trace.only_logs = true;
    for (unsigned i = 0; i < 4; i++)
        world_peer(w, UDP, (uint16_t)(7000 + i), 3000);
    world_run_for(w, 10000);
    router_model_fail_next(w->router, "/ip/firewall/connection/remove", "not enough permissions (9)");
    struct lan_mapping *mapping = map(w, a, UDP, 7000, 7000, 3600);
    world_run_for(w, 10000);
    uint64_t commands = router_model_counters(w->router)->commands;
    map(w, a, UDP, 7001, 7001, 3600);
    world_run_for(w, 10000);
    expect(w, router_model_counters(w->router)->commands == commands + 2); /* the rule, and its comment */
    expect(w, mapping->state == LAN_HELD && !reaches(w, 0, 10) && !reaches(w, 1, 10));
    router_now(w);
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 10000);
    expect(w, reaches(w, 0, 10) && reaches(w, 1, 10));

    map(w, a, UDP, 7002, 7002, 3600);
    world_run_for(w, 4);
    world_kill(w);
    world_run_for(w, 5000);
    expect(w, !reaches(w, 2, 10) && our_rules(w) == 3);
    world_start(w, 2);
    world_run_for(w, 10000);
    expect(w, reaches(w, 2, 10));

    world_way_moves(w, "the tunnel gets a second address", true);
    router_model_address_add(w->router, "10.2.0.9/32", "wg0");
    world_run_for(w, 20000);
    map(w, a, UDP, 7003, 7003, 3600);
    world_run_for(w, 5000);
    expect(w, reaches(w, 3, 10));
    expect_rest(w);
}

const struct story story_peers_that_the_router_keeps = {.tell = tell};
