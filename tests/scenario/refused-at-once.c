/* The daemon answers at once when waiting cannot help: when no router port is free, when the API user
 * may not write, and when the client has as many mappings as one client may have. */
#include "base/limits.h"
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;
    uint32_t owners_rule;

    settle(w);
    note(w, "the owner forwards all of UDP to another host");
    world_hand_begin(w, "a rule for all ports");
    owners_rule =
        router_model_rule_add(w->router,
                              "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=1-65535 "
                              "to-addresses=192.168.88.5 comment=FOREIGN",
                              false);
    world_hand_end(w);
    world_run_for(w, 1000);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 1 && mapping->result == 4 && our_rules(w) == 0);
    lan_vanish(a);
    world_hand_begin(w, "the owner removes the rule");
    router_model_rule_remove(w->router, owners_rule);
    world_hand_end(w);
    note(w, "the API user loses the policy to write");
    router_model_set_policies(w->router, w->options.router.users[0].name,
                              ROUTER_MODEL_READ | ROUTER_MODEL_TEST | ROUTER_MODEL_API);
    a = client(w, 11);
    mapping = map(w, a, TCP, 6001, 6001, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 1 && mapping->result == 2 && our_rules(w) == 0);
    lan_vanish(a);
    router_model_set_policies(w->router, w->options.router.users[0].name, ROUTER_MODEL_ALL);
    note(w, "one client requests as many mappings as it can have, and one more");
    show(w, false);
    a = client(w, 12);
    for (uint16_t i = 0; i < w->options.config.client_mappings_max; i++) {
        lan_send_map(&w->lan, a->address, 40000, TCP, (uint16_t)(7000 + i), 0, 3600);
        world_run_for(w, 300);
    }
    show(w, true);
    expect(w, our_rules(w) == w->options.config.client_mappings_max);
    mapping = map(w, a, TCP, 8000, 8000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->answers == 1 && mapping->result == 4 &&
                  our_rules(w) == w->options.config.client_mappings_max);
    expect_rest(w);
}

const struct story story_refused_at_once = {.tell = tell};
