/* The gateway changes the external port of UDP alone, and the daemon releases UDP's lease so that the gateway
 * can grant TCP's number for it. The gateway does not answer that deletion, so it is unknown whether the
 * lease still exists. The daemon requests it again, and resets its epoch so that clients learn their port.
 * The next time the gateway answers the deletion with an error, with the same consequence. */
#include "scenario.h"

#include "bytes.h"

static void options(struct world_options *options)
{
    like_proton(options);
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
}

/* Runs until the deletion of UDP's lease has been sent. */
static void change_port(struct world *w, uint16_t port)
{
    gateway_next_port(w, 10, UDP, 6881, port);
    show(w, false);
    for (unsigned i = 0; i < 40000 && external_port_of(w, 10, UDP, 6881) != port; i++)
        world_run_for(w, 1);
    show(w, true);
    note(w, "the daemon renews TCP first, then it releases UDP's lease");
    world_run_for(w, 65);
}

static void answer_with_error(struct world *w)
{
    uint32_t epoch_s = gateway_epoch_s(&w->gateway, w->now_ms);
    uint16_t port = router_port_of(w, 10, UDP, 6881);
    uint8_t reply[16] = {0, 129, 0, 3};

    put32(reply + 4, epoch_s);
    put16(reply + 8, port);
    world_gateway_says(w, span_of(reply, sizeof(reply)));
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    show(w, false);
    map(w, a, TCP, 6881, 6881, 7200);
    world_run_for(w, 10000);
    map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 5000);
    lan_vanish(a);
    change_port(w, 50001);
    note(w, "the gateway does not answer that deletion");
    w->gateway.faults.silent = true;
    world_run_for(w, 2500);
    w->gateway.faults.silent = false;
    world_run_for(w, 2500);
    expect(w, external_port_of(w, 10, UDP, 6881) == 50001);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s < 5);
    note(w, "much later the gateway grants UDP the same number as TCP");
    gateway_next_port(w, 10, TCP, 6881, 50001);
    skip_s(w, 700);
    expect(w, external_port_of(w, 10, TCP, 6881) == 50001 && external_port_of(w, 10, UDP, 6881) == 50001);
    change_port(w, 50002);
    note(w, "the gateway answers with error 3");
    w->gateway.faults.silent = true;
    world_run_for(w, 20);
    answer_with_error(w);
    world_run_for(w, 25);
    w->gateway.faults.silent = false;
    world_run_for(w, 2500);
    expect(w, external_port_of(w, 10, UDP, 6881) == 50002);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s < 5);
    skip_s(w, 60);
    expect_rest(w);
}

const struct story story_pair_lease_not_given_back = {.options = options, .tell = tell};
