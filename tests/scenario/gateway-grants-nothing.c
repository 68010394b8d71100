/* [G6] The gateway answers a request with success, and its answer grants nothing: a lifetime of 0 s, external
 * port 0, another internal port, or the other protocol. After three such answers the client is refused, one
 * line names the contradiction, and the gateway does not count as silent. A lifetime of 0 s says that there
 * is no lease: a mapping that is renewed so is lost. The other answers say nothing of the lease, which is
 * used until it ends. A gateway that grants and refuses in turn, in either way, gets few requests. */
#include "scenario.h"

enum { MINUTE_MS = 60000, REQUESTS_MAX = 25 };

static bool is_silent(const struct world *w)
{
    struct proxy_status status = proxy_status(w->proxy, w->now_ms);

    return status.gateway_trouble == GATEWAY_SILENT;
}

/* A new mapping is refused within a second, and the next client gets its own when the gateway grants again.
 */
static void new_mapping(struct world *w, enum gateway_wrong wrong, unsigned host)
{
    uint64_t requests = w->gateway.requests;
    struct lan_client *a = client(w, host);
    struct lan_mapping *mapping;

    w->gateway.faults.wrong = wrong;
    mapping = map(w, a, TCP, 7000, 7000, 600);
    world_run_for(w, 3000);
    expect(w, mapping->answers == 1 && mapping->result == 4);
    expect(w, our_rules(w) == 0);
    show(w, false);
    world_run_for(w, MINUTE_MS);
    expect(w, w->gateway.requests <= requests + REQUESTS_MAX && !is_silent(w));
    w->gateway.faults.wrong = GATEWAY_RIGHT;
    lan_vanish(a);
    a = client(w, host + 1);
    mapping = map(w, a, TCP, 7000, 7000, 600);
    world_run_for(w, 3000);
    expect(w, mapping->state == LAN_HELD);
    lan_vanish(a);
    skip_s(w, 3700);
    show(w, true);
}

static void renewal(struct world *w, enum gateway_wrong wrong, unsigned host)
{
    uint64_t successes;

    show(w, false);
    asks_map(w, host, 42000, TCP, 7000, 7000, 600);
    skip_s(w, 100);
    successes = w->book.successes;
    w->gateway.faults.wrong = wrong;
    show(w, true);
    asks_map(w, host, 42000, TCP, 7000, 7000, 600);
    world_run_for(w, 3000);
    /* Nobody is told of a lease that is gone. */
    expect(w, w->book.successes == successes + (wrong == GATEWAY_NO_PORT));
    expect(w, our_rules(w) == (wrong == GATEWAY_NO_PORT));
    show(w, false);
    skip_s(w, 500); /* until the lease is over */
    asks_map(w, host, 42000, TCP, 7000, 7000, 600);
    world_run_for(w, 16000);
    expect(w, w->book.successes == successes + (wrong == GATEWAY_NO_PORT));
    expect(w, our_rules(w) == 0 && !is_silent(w));
    w->gateway.faults.wrong = GATEWAY_RIGHT;
    skip_s(w, 7300);
    show(w, true);
}

/* Each second request is refused, or answered with no lease. */
static void in_turn(struct world *w, unsigned host, enum gateway_wrong wrong, uint16_t refuse)
{
    struct lan_client *a = client(w, host);
    struct lan_mapping *mapping;
    uint64_t requests;

    w->gateway.faults.in_turn = true;
    w->gateway.faults.wrong = wrong;
    w->gateway.faults.refuse = refuse;
    mapping = map(w, a, TCP, 7000, 7000, 120);
    for (unsigned i = 0; i < 5; i++) {
        requests = w->gateway.requests;
        world_run_for(w, MINUTE_MS);
        expect(w, w->gateway.requests <= requests + REQUESTS_MAX && !is_silent(w));
        expect(w, mapping->state == LAN_HELD);
    }
    w->gateway.faults = (struct gateway_faults){0};
    lan_vanish(a);
    skip_s(w, 7300);
}

static void tell(struct world *w)
{
    settle(w);
    note(w, "a lifetime of 0 s");
    new_mapping(w, GATEWAY_NO_LIFETIME, 10);
    note(w, "external port 0");
    new_mapping(w, GATEWAY_NO_PORT, 20);
    note(w, "another internal port");
    new_mapping(w, GATEWAY_OTHER_INTERNAL, 30);
    note(w, "the other protocol");
    new_mapping(w, GATEWAY_OTHER_PROTOCOL, 40);
    note(w, "a renewal, with a lifetime of 0 s");
    renewal(w, GATEWAY_NO_LIFETIME, 50);
    note(w, "a renewal, with external port 0");
    renewal(w, GATEWAY_NO_PORT, 60);
    note(w, "granted and refused in turn");
    in_turn(w, 70, GATEWAY_RIGHT, 4);
    note(w, "granted, and not, in turn");
    in_turn(w, 80, GATEWAY_NO_LIFETIME, 0);
    show(w, false);
    expect_rest(w);
}

const struct story story_gateway_grants_nothing = {.tell = tell};
