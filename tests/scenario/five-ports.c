/* The gateway has five ports. When a sixth client needs one, the daemon releases a mapping that it keeps
 * alive and whose client did not renew. When every port is in use, it answers Out of Resources and logs that
 * once. A port whose deletion the gateway has not confirmed still counts, and the daemon repeats that
 * deletion before it refuses a client. */
#include "scenario.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void tell(struct world *w)
{
    struct lan_client *late = lan_add(&w->lan, lan_address(9), LAN_LATE);
    struct lan_client *a[8];
    struct lan_mapping *first;
    struct lan_mapping *mapping[8] = {0};

    for (unsigned i = 0; i < 8; i++)
        a[i] = client(w, 10 + i);
    settle(w);
    show(w, false);
    first = map(w, late, TCP, 51413, 0, 3600);
    map(w, late, UDP, 51413, 0, 3600);
    world_run_for(w, 1000);
    for (unsigned i = 0; i < 4; i++)
        mapping[i] = map(w, a[i], TCP, 6000, 0, 3600);
    world_run_for(w, 70000);
    show(w, true);
    expect(w, our_rules(w) == 6);
    note(w, "five ports are in use, and the daemon keeps the mapping of .9 alive; a sixth client "
            "requests one");
    mapping[4] = map(w, a[4], TCP, 6000, 0, 3600);
    world_run_for(w, 2000);
    expect(w, mapping[4]->state == LAN_HELD && our_rules(w) == 5 && first->answers == 1);
    note(w, "two more clients: all ports belong to clients that renew");
    mapping[5] = map(w, a[5], TCP, 6000, 0, 3600);
    world_run_for(w, 500);
    mapping[6] = map(w, a[6], TCP, 6000, 0, 3600);
    world_run_for(w, 500);
    expect(w, mapping[5]->result == 4 && mapping[6]->result == 4 && our_rules(w) == 5);
    note(w, "the other protocol of a port needs no further port");
    map(w, a[0], UDP, 6000, 0, 3600);
    world_run_for(w, 500);
    expect(w, lan_find(a[0], UDP, 6000)->state == LAN_HELD);
    note(w, "a client deletes while the gateway does not answer; then two clients request a port");
    lan_vanish(a[5]);
    lan_vanish(a[6]);
    w->gateway.faults.silent = true;
    lan_unmap(&w->lan, w->now_ms, a[1], mapping[1]);
    world_run_for(w, 2000);
    w->gateway.faults.silent = false;
    mapping[7] = map(w, a[7], TCP, 6000, 0, 3600);
    world_run_for(w, 2000);
    expect(w, mapping[7]->state == LAN_HELD && our_rules(w) == 6);
    skip_s(w, 100);
    expect_rest(w);
}

const struct story story_five_ports = {.options = options, .tell = tell};
