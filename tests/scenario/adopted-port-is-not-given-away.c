/* After a restart the gateway has not confirmed an external port yet that an earlier run advertised to a
 * client. The gateway grants another client the other protocol of that port, and has no other port. The
 * daemon refuses that client, because both protocols of a port belong to one client (RFC 6886 section 3.3). A
 * transient error of the gateway does not change that, since it is no statement about the port. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.one_port = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *of_a;
    struct lan_mapping *of_b;

    settle(w);
    of_a = map(w, a, UDP, 7000, 7000, 3600);
    skip_s(w, 10);
    world_kill(w);
    w->gateway.faults.silent = true;
    world_start(w, 7);
    world_run_for(w, 4500);
    note(w, "the gateway is reachable again, and the other client is the first to get its answer");
    w->gateway.faults.silent = false;
    of_b = map(w, b, TCP, 7000, 7000, 3600);
    world_run_for(w, 30000);
    expect(w, of_a->state == LAN_HELD && of_b->result == 4);
    expect(w, router_port_of(w, 10, UDP, 7000) == 7000);
    expect_rest(w);
    note(w, "again, but the gateway first answers with a transient error and then grants the port to the "
            "other client");
    show(w, false);
    lan_vanish(b);
    world_kill(w);
    world_start(w, 8);
    w->gateway.faults.refuse = 3;
    world_run_for(w, 100);
    show(w, true);
    w->gateway.faults.refuse = 0;
    of_b = map(w, client(w, 12), UDP, 7001, 7001, 3600);
    world_run_for(w, 30000);
    expect(w, of_a->state == LAN_HELD && of_b->result == 4);
    expect(w, router_port_of(w, 10, UDP, 7000) == 7000);
    expect_rest(w);
}

const struct story story_adopted_port_is_not_given_away = {.options = options, .tell = tell};
