/* A gateway with three ports never confirms a deletion: it ignores it, refuses it, or answers with a grant.
 * It is not called silent for that, since it answers all else. A request that finds no free port waits for
 * one more attempt at the deletions, and is refused within five seconds; further ones are refused at once. */
#include "scenario.h"

enum { PORTS = 3, ANSWERED_MS = 5000, AT_ONCE_MS = 500 };

static void three_ports(struct world_options *options)
{
    options->gateway.ports_max = PORTS;
}

static void asks(struct world *w, struct lan_client *other, uint16_t port, uint32_t within_ms)
{
    struct lan_mapping *mapping = map(w, other, TCP, port, port, 3600);

    world_run_for(w, within_ms);
    expect(w, mapping->result == 4);
    expect(w, proxy_status(w->proxy, w->now_ms).gateway_trouble != GATEWAY_SILENT);
}

static void round_of(struct world *w, struct lan_client *other, unsigned host, uint16_t result, bool grants)
{
    struct lan_client *a = client(w, host);
    struct lan_mapping *mapping[PORTS];

    for (unsigned i = 0; i < PORTS; i++)
        mapping[i] = map(w, a, TCP, (uint16_t)(7000 + i), (uint16_t)(7000 + i), 3600);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == PORTS);
    w->gateway.faults.refuse_delete = result;
    w->gateway.faults.grants_delete = grants;
    for (unsigned i = 0; i < PORTS; i++)
        lan_unmap(&w->lan, w->now_ms, a, mapping[i]);
    world_run_for(w, 10000);
    expect(w, proxy_status(w->proxy, w->now_ms).gateway_trouble != GATEWAY_SILENT);
    asks(w, other, (uint16_t)(9000 + 10 * host), ANSWERED_MS);
    for (unsigned i = 0; i < 3; i++) {
        world_run_for(w, 3000);
        asks(w, other, (uint16_t)(9001 + 10 * host + i), AT_ONCE_MS);
    }
    note(w, "it confirms deletions again");
    w->gateway.faults.refuse_delete = 0;
    w->gateway.faults.grants_delete = false;
    skip_s(w, 40);
    for (unsigned i = 0; i < other->used; i++)
        lan_unmap(&w->lan, w->now_ms, other, &other->mappings[i]);
    skip_s(w, 40);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 0);
}

static void tell(struct world *w)
{
    struct lan_client *other = client(w, 20);

    w->trace.only_logs = true;
    settle(w);
    note(w, "the gateway refuses deletions");
    round_of(w, other, 10, 4, false);
    note(w, "it ignores deletions");
    round_of(w, other, 11, GATEWAY_NO_ANSWER, false);
    note(w, "it answers deletions with a grant");
    round_of(w, other, 12, 0, true);
}

const struct story story_gateway_keeps_deleted = {.options = three_ports, .tell = tell};
