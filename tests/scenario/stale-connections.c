/* A firewall between the daemon and the router has forgotten the idle connections, or the router has closed
 * them. The next addition and the next deletion work all the same. */
/* Predecessor fault 6: After a restart of the router the first commands on stale connections fail, and a
 * deletion leaves its rule behind. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *first;
    struct lan_mapping *second;

    settle(w);
    first = map(w, a, TCP, 7000, 7000, 3600);
    skip_s(w, 60);
    note(w, "the router closes the connections, and at the same moment a client requests a mapping");
    router_now(w);
    router_model_drop_session(w->router, 0, true);
    second = map(w, a, TCP, 7001, 7001, 3600);
    world_run_for(w, 3000);
    expect(w, second->state == LAN_HELD && second->answers == 1 && second->result == 0);
    skip_s(w, 60);
    note(w, "the router closes them again, and at the same moment the client deletes");
    router_now(w);
    router_model_drop_session(w->router, 0, true);
    lan_unmap(&w->lan, w->now_ms, a, first);
    world_run_for(w, 3000);
    expect(w, first->state == LAN_UNUSED && first->result == 0);
    expect(w, our_rules(w) == 1 && rule_of(w, 10, TCP, 7000) == 0);
    skip_s(w, 60);
    note(w, "the firewall forgets the connection: no packet passes from now on");
    router_now(w);
    router_model_drop_at(w->router,
                         &(struct router_model_drop_fault){.drop = ROUTER_MODEL_DROP_BEFORE, .silent = true});
    first = map(w, a, TCP, 7002, 7002, 3600);
    world_run_for(w, 40000);
    expect(w, first->state == LAN_HELD && our_rules(w) == 2);
    expect_rest(w);
}

const struct story story_stale_connections = {.tell = tell};
