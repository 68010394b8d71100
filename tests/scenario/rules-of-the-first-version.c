/* [P7] */
/* Rules as the first version wrote them (commit b0cae07): the attributes of its /ip/firewall/nat/add, and its
 * comment with a known external port, and with one that was not known yet. A newer daemon must adopt them, or
 * whoever upgrades loses the ports: change the comment as you like, but this story must stay. The router
 * prints some of the values in another form than the one in which it got them. */
#include "scenario.h"

/* The new rule comes before the old one goes. */
static void none_is_lost(void *context)
{
    struct world *w = context;
    expect(w, our_rules(w) >= 3);
}

static void tell(struct world *w)
{
    static const char *const rules[] = {
        "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=7000 "
        "to-addresses=192.168.88.10 to-ports=7000 comment=\"double-natpmp/default external 7000 lease 3600 "
        "s\"",
        "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=7000 "
        "to-addresses=192.168.88.10 to-ports=7000 comment=\"double-natpmp/default external 7000 lease 3600 "
        "s\"",
        "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=7001 "
        "to-addresses=192.168.88.11 to-ports=6881 comment=\"double-natpmp/default external pending lease 60 "
        "s\"",
    };

    world_hand_begin(w, "rules that the first version left");
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        router_model_rule_add(w->router, rules[i], false);
    world_hand_end(w);
    uint32_t first = rule_of(w, 10, TCP, 7000);
    w->nat_changed = none_is_lost;
    w->nat_changed_context = w;
    world_start(w, 1);
    world_run_for(w, 3000);
    w->nat_changed = NULL;
    note(w, "all three are mappings again; each rule was replaced by one for the tunnel's address");
    expect(w, our_rules(w) == 3);
    expect(w, first != 0 && rule_of(w, 10, TCP, 7000) != first);
    first = rule_of(w, 10, TCP, 7000);
    expect(w, strcmp(router_model_rule_text(router_model_rule_find(w->router, first), "dst-address"),
                     "10.2.0.2") == 0);
    expect(w, external_port_of(w, 10, TCP, 7000) == 7000);
    expect(w, external_port_of(w, 10, UDP, 7000) == 7000);
    expect(w, external_port_of(w, 11, UDP, 6881) != 0);
    note(w, "the client renews, and keeps its port and its rule");
    struct lan_mapping *mapping = map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 7000);
    expect(w, rule_of(w, 10, TCP, 7000) == first);
}

const struct story story_rules_of_the_first_version = {.tell = tell};
