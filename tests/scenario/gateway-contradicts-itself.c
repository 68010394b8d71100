/* [G6] [G7] [G8] The gateway contradicts itself. Behind each grant it sends another external
 * port, which counts after three rounds; or it takes the grant back, and the request is refused; its answers
 * come behind the retransmissions; or each reply has another external address. It gets a few requests a
 * minute all the same, clients get answers, and the log has one line. */
#include "scenario.h"

enum { A_MINUTE_MS = 60000, REQUESTS_MAX = 20, ANNOUNCEMENTS_MAX = 30 };

static struct lan_mapping *a_minute(struct world *w, struct lan_client *from, uint16_t port)
{
    uint64_t requests = w->gateway.requests;
    uint64_t announcements = w->book.announcements;
    struct lan_mapping *mapping = map(w, from, TCP, port, port, 3600);

    world_run_for(w, A_MINUTE_MS);
    expect(w, w->gateway.requests <= requests + REQUESTS_MAX);
    expect(w, w->book.announcements <= announcements + ANNOUNCEMENTS_MAX);
    return mapping;
}

/* This client does not react to a new epoch. */
static void slow(struct world *w)
{
    uint64_t requests = w->gateway.requests;
    uint64_t successes = w->book.successes;

    asks_map(w, 11, 42000, UDP, 7002, 7002, 3600);
    world_run_for(w, A_MINUTE_MS);
    expect(w, w->gateway.requests <= requests + REQUESTS_MAX);
    expect(w, w->book.successes == successes + 1);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    note(w, "two ports");
    w->gateway.faults.two_ports = true;
    mapping = a_minute(w, a, 7000);
    expect(w, mapping->state == LAN_HELD && mapping->answers == 2 && mapping->external_port == 7001);
    w->gateway.faults.two_ports = false;
    skip_s(w, 130);
    note(w, "a grant, and its deletion");
    w->gateway.faults.takes_back = true;
    mapping = a_minute(w, a, 7001);
    expect(w, mapping->state != LAN_HELD);
    w->gateway.faults.takes_back = false;
    skip_s(w, 130);
    note(w, "late, and another port each time");
    w->gateway.options.rotate_percent = 100;
    lan_vanish(a);
    skip_s(w, 130);
    gateway_late(w, 300);
    slow(w);
    w->gateway.options.rotate_percent = 0;
    gateway_late(w, 0);
    skip_s(w, 130);
    note(w, "another address each time");
    w->gateway.faults.many_addresses = true;
    mapping = a_minute(w, client(w, 12), 7003);
    expect(w, mapping->state == LAN_HELD && mapping->answers == 1);
    w->gateway.faults.many_addresses = false;
    skip_s(w, 130);
    expect_rest(w);
}

const struct story story_gateway_contradicts_itself = {.tell = tell};
