/* An old container still runs when a new one with the same INSTANCE starts. The new one is logged in as the
 * same user, so it claims to serve. The old one sees that at once, and stands by: it changes no rule and no
 * lease, and answers nobody. The rules stay as they are, and the new one adopts them. When the new one has
 * gone, the old one sees that in the router's list of sessions, adopts the rules, and serves again. What the
 * gateway said before it stood by does not count any more: the address is another one by then. [R3] */
#include "scenario.h"

static struct proxy_status second(struct world *w)
{
    struct proxy_status status;

    world_turn(w, 1);
    status = proxy_status(w->proxy, w->now_ms);
    world_turn(w, 0);
    return status;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    uint64_t before;

    w->second_router_local = lan_address(3);
    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, UDP, 7000, 7000, 3600);
    map(w, client(w, 11), TCP, 7001, 0, 3600);
    skip_s(w, 10);
    expect(w, our_rules(w) == 3);
    before = router_writes(w);
    note(w, "the second daemon starts; the LAN's requests go to it");
    w->lan_process = 1;
    world_start_second(w, 2);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second(w).standing_by);
    expect(w, our_rules(w) == 3 && router_writes(w) <= before + 12);
    note(w, "a new mapping, and a request to the daemon that stands by");
    map(w, a, TCP, 7002, 0, 3600);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 4);
    w->lan_process = 0;
    asks_address(w, 12, 40000);
    world_run_for(w, 1000);
    w->lan_process = 1;
    show(w, false);
    world_run_for(w, 4000000);
    show(w, true);
    expect(w, proxy_status(w->proxy, w->now_ms).standing_by && !second(w).standing_by);
    expect(w, our_rules(w) == 4);
    expect_rest(w);
    note(w, "the external address changes, and the second daemon dies");
    world_gateway_address(w, 0xb9010209, false);
    before = router_writes(w);
    world_kill_second(w);
    w->lan_process = 0;
    world_run_for(w, 12000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by && our_rules(w) == 4);
    skip_s(w, 30);
    expect(w, router_writes(w) <= before + 12);
    expect_rest(w);
}

const struct story story_two_daemons = {.tell = tell};
