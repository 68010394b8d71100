/* double-natpmp keeps a mapping alive for a client that is asleep. The gateway answers with errors until the
 * lease is over, and then does not answer for minutes. When it is reachable again, the daemon requests the
 * lease on behalf of the client. The gateway's grant is lost on the way. When the client deletes its mapping,
 * the daemon releases this lease, too. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.lifetime_max_s = 60;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

static void lose_lease(struct world *w)
{
    note(w, "the gateway answers with errors until the lease is over");
    w->gateway.faults.refuse = 3;
    skip_s(w, 90);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0 && our_rules(w) == 1);
    w->gateway.faults.refuse = 0;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    uint16_t port;

    settle(w);
    map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 500);
    port = router_port_of(w, 10, UDP, 6881);
    lan_vanish(a);
    lose_lease(w);
    note(w, "silence");
    w->gateway.faults.silent = true;
    skip_s(w, 300);
    note(w, "the gateway is reachable again");
    w->gateway.faults.silent = false;
    world_run_for(w, 70000);
    expect(w, gateway_find(&w->gateway, w->now_ms, UDP, port) && our_rules(w) == 1);
    expect_rest(w);
    lose_lease(w);
    note(w, "the gateway receives the requests, but its answers are lost");
    gateway_late(w, 1000000);
    skip_s(w, 150); /* The request is unanswered, and its retransmission is not due yet. */
    world_queue_drop(&w->queue, WORLD_GATEWAY_OUT, 0, 1);
    gateway_late(w, 0);
    world_run_for(w, 1);
    asks_delete(w, 10, 40000, UDP, 6881, 0);
    world_run_for(w, 5000);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0 && our_rules(w) == 0);
    expect_rest(w);
}

const struct story story_lease_lost_then_silence = {.options = options, .tell = tell};
