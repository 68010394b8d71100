/* [G13] A gateway that has one external port. The first client keeps it. Other clients are refused at once
 * [M-11], however often they request it, with the internal port of their request in the answer. That
 * is also so for the other protocol, because both protocols of a port belong to one client (RFC 6886
 * section 3.3 [M-10]), and that client can have it [M-09]. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.one_port = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *first;
    struct lan_mapping *mapping;
    struct lan_mapping *refused;

    settle(w);
    first = map(w, a, UDP, 5000, 5000, 3600);
    world_run_for(w, 1000);
    expect(w, first->state == LAN_HELD);
    note(w, "another client requests a port of the same protocol");
    refused = map(w, b, UDP, 6000, 6000, 3600);
    world_run_for(w, 5000);
    expect(w, refused->answers == 1 && refused->result == 4);
    note(w, "and one of the other protocol");
    mapping = map(w, b, TCP, 6001, 6001, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->answers == 1 && mapping->result == 4);
    note(w, "the first client gets both protocols");
    mapping = map(w, a, TCP, 5000, 5000, 3600);
    world_run_for(w, 5000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == first->external_port);
    expect(w, first->state == LAN_HELD && our_rules(w) == 2);
    note(w, "the other client has requested again and again (not shown)");
    show(w, false);
    for (unsigned i = 0; i < 8; i++) {
        world_run_for(w, 30000);
        expect(w, refused->result == 4);
    }
    show(w, true);
    world_run_for(w, 30000);
    expect(w, refused->answers > 8 && refused->result == 4);
    expect(w, first->state == LAN_HELD && our_rules(w) == 2);
    expect_rest(w);
    note(w, "the daemon stops, and its last line says what is left at the gateway");
    world_stop(w);
    world_run_for(w, 3000);
    expect(w, w->proxy == NULL);
}

const struct story story_one_port = {.options = options, .tell = tell};
