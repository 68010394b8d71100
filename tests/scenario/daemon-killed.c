/* After kill -9 and a new start, the daemon recognizes its rules by their mark and adopts them with client,
 * ports and lease, without changing one of them. The epoch begins at 0 and is announced. A client that renews
 * keeps its ports, a client that deletes is served, and a mapping that nobody renews ends with its lease. */
/* Predecessor fault 14: After kill -9 the next start removes the rules of living mappings and announces
 * nothing. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *renewed;
    struct lan_mapping *deleted;

    w->lan.deaf = true;
    settle(w);
    renewed = map(w, a, TCP, 7000, 7000, 300);
    deleted = map(w, a, UDP, 7000, 7000, 300);
    map(w, b, UDP, 7001, 0, 300);
    skip_s(w, 10);
    lan_vanish(b);
    world_kill(w);
    world_run_for(w, 1000);
    world_start(w, 2);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 3 && router_port_of(w, 10, TCP, 7000) == 7000);
    expect(w, router_model_counters(w->router)->removes == 1); /* of its claim */
    note(w, "one client deletes, and one renews");
    lan_unmap(&w->lan, w->now_ms, a, deleted);
    map(w, a, TCP, 7000, 7000, 300);
    world_run_for(w, 2000);
    expect(w, deleted->state == LAN_UNUSED && our_rules(w) == 2);
    expect(w, renewed->state == LAN_HELD && renewed->external_port == 7000);
    skip_s(w, 280);
    note(w, "the lease of the third client is over");
    world_run_for(w, 20000);
    expect(w, our_rules(w) == 1 && gateway_count(&w->gateway, w->now_ms) == 1);
    expect_rest(w);
}

const struct story story_daemon_killed = {.tell = tell};
