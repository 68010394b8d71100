/* A gateway that gives everybody the same external port: the first one keeps it, the others hear Out of
 * Resources, and nothing is deleted at the gateway that would end the first one's. The companion of the port
 * belongs to the same client (RFC 6886 section 3.3). */
#include "scenario.h"

static void one_port(struct world_options *options)
{
    options->gateway.one_port = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *first;
    struct lan_mapping *second;
    struct lan_mapping *companion;
    struct lan_mapping *own;

    settle(w);
    first = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, first->state == LAN_HELD);
    note(w, "another client, the same protocol");
    second = map(w, b, TCP, 7001, 7001, 3600);
    world_run_for(w, 5000);
    expect(w, second->answers == 1 && second->result == 4);
    note(w, "and the other protocol");
    companion = map(w, b, UDP, 7002, 7002, 3600);
    world_run_for(w, 5000);
    expect(w, companion->answers == 1 && companion->result == 4);
    note(w, "the first client has both");
    own = map(w, a, UDP, 7000, 7000, 3600);
    world_run_for(w, 5000);
    expect(w, own->state == LAN_HELD && own->external_port == first->external_port);
    expect(w, our_rules(w) == 2);
}

const struct story story = {.options = one_port, .tell = tell};
