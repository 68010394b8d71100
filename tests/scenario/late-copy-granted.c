/* A client requests one second only, and the gateway receives no datagram of that request for some seconds.
 * The lease that it then grants has ended by the daemon's count, which starts at the first datagram, but not
 * by the gateway's. The client was advertised nothing new, so the gateway's only port still belongs to that
 * client, and another client does not get it. */
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
    skip_s(w, 20);
    w->gateway.faults.silent = true;
    asks_map(w, 10, 40000, UDP, 7000, 7000, 1);
    world_run_for(w, 3000);
    w->gateway.faults.silent = false;
    world_run_for(w, 770); /* The last retransmission is on its way. */
    of_b = map(w, b, UDP, 7001, 7001, 3600);
    world_run_for(w, 2000);
    expect(w, of_a->state == LAN_HELD && of_b->result == 4);
    expect_rest(w);
}

const struct story story_late_copy_granted = {.options = options, .tell = tell};
