/* A trap is an answer, so the connection stays open. The router refuses an addition for some reason, then
 * because the user lacks a policy, and at last a rule that the daemon removes does not exist any more. There
 * is one login in all that time. */
/* Predecessor fault 38: Each refused command costs a new connection and a login. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "the daemon repeats a refused addition");
    router_now(w);
    router_model_fail_next(w->router, "/ip/firewall/nat/add", "failure: something went wrong");
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD && our_rules(w) == 1);
    note(w, "no write policy: the daemon refuses the client at once");
    router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL & ~(unsigned)ROUTER_MODEL_WRITE);
    mapping = map(w, a, TCP, 7001, 7001, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->result == 2 && our_rules(w) == 1);
    router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL);
    note(w, "no such item");
    router_now(w);
    router_model_fail_next(w->router, "/ip/firewall/nat/set", "no such item (4)");
    mapping = map(w, a, TCP, 7002, 7002, 3600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, router_model_counters(w->router)->logins == 1);
    expect_rest(w);
}

const struct story story_router_refuses_command = {.tell = tell};
