/* The gateway changes the external port at a renewal. The answer to that renewal advertises the new port to
 * the client, and the log and the rule's comment show it to the owner. The rule itself stays, because it
 * matches the router port. */
#include "scenario.h"

static void proton(struct world_options *options)
{
    like_proton(options);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint16_t external_port;
    uint32_t rule;

    settle(w);
    mapping = map(w, a, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD && mapping->granted_s == 60);
    external_port = mapping->external_port;
    rule = rule_of(w, 10, TCP, 6881);
    note(w, "from now on the gateway changes the port at each renewal");
    w->gateway.options.rotate_percent = 100;
    world_run_for(w, 31000);
    expect(w, mapping->answers == 2 && mapping->external_port != external_port);
    expect(w, rule_of(w, 10, TCP, 6881) == rule);
    expect_rest(w);
}

const struct story story_port_changes_application_stays = {.options = proton, .tell = tell};
