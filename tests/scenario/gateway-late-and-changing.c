/* [G8] The gateway's answers come behind the retransmissions, and each has another external port. After
 * three rounds the last one counts: a client that asks again is answered from memory, and only renewals
 * change the port. The same with an answer that takes longer, and with two ports in turn. With a grant and
 * its deletion in turn, requests are refused. */
#include "scenario.h"

enum { A_MINUTE_MS = 60000, ROUNDS = 3, MINUTES = 5, LIFETIME_S = 120 };

static uint64_t changes(const struct world *w)
{
    const struct router_model_counters *c = router_model_counters(w->router);

    return c->adds + c->removes + c->sets;
}

static void minute(struct world *w, uint64_t requests_max, uint64_t changes_max)
{
    uint64_t requests = w->gateway.requests;
    uint64_t before = changes(w);

    world_run_for(w, A_MINUTE_MS);
    expect(w, w->gateway.requests <= requests + requests_max);
    expect(w, changes(w) <= before + changes_max);
}

/* Each round changes one mapping's port twice, and adding its rule is a change as well. */
static void minutes(struct world *w, unsigned host, uint64_t requests_first, uint64_t requests_later,
                    uint64_t changes_later, bool held)
{
    struct lan_client *a = client(w, host);
    struct lan_mapping *one = map(w, a, TCP, 7000, 7000, LIFETIME_S);
    struct lan_mapping *other = map(w, a, UDP, 7001, 7001, 7200);

    minute(w, requests_first, UINT64_C(2) * (2 * ROUNDS + 1));
    for (unsigned i = 0; i < MINUTES; i++)
        minute(w, requests_later, changes_later);
    expect(w, (one->state == LAN_HELD) == held && (other->state == LAN_HELD) == held);
    lan_vanish(a);
    skip_s(w, 7300);
}

static void tell(struct world *w)
{
    settle(w);
    note(w, "two ports of one client");
    w->gateway.options.rotate_percent = 100;
    gateway_late(w, 300);
    minutes(w, 10, 20, 6, 2, true);
    show(w, false);
    gateway_late(w, 900);
    minutes(w, 11, 30, 8, 3, true);
    w->gateway.options.rotate_percent = 0;
    gateway_late(w, 300);
    w->gateway.faults.two_ports = true;
    minutes(w, 12, 36, 12, 0, true);
    w->gateway.faults.two_ports = false;
    w->gateway.faults.takes_back = true;
    minutes(w, 13, 60, 60, 12, false);
    w->gateway.faults.takes_back = false;
    gateway_late(w, 0);
    expect_rest(w);
}

const struct story story_gateway_late_and_changing = {.tell = tell};
