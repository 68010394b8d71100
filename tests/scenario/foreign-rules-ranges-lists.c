/* A port is taken if any enabled dst-nat rule could match it on the daemon's interface: by a range, a port
 * list, a missing protocol, port or interface, an interface list, a negation, or as a dynamic rule. The
 * daemon never changes foreign rules. */
/* Predecessor fault 12: A port that a rule takes by a range, a list or without an interface counts as
 * free. */
#include "scenario.h"

static uint16_t asks(struct world *w, struct lan_client *a, uint16_t port)
{
    struct lan_mapping *mapping = map(w, a, UDP, port, port, 3600);

    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    return router_port_of(w, 10, UDP, port);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct router_model *router = w->router;

    settle(w);
    world_hand_begin(w, "the owner's rules");
    router_model_list_add(router, "VPN", "", "");
    router_model_member_add(router, "VPN", "wg0");
    router_model_list_add(router, "HOME", "", "");
    router_model_member_add(router, "HOME", "bridge");
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=5990-6010 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN range\"",
                          false);
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp dst-port=80,7000,9000-9001 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN list\"",
                          false);
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface-list=VPN dst-port=7100 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN interface list\"",
                          false);
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface-list=HOME dst-port=7200 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN other list\"",
                          false);
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface=!ether1 dst-port=7300 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN negation\"",
                          false);
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface=ether1 dst-port=7400 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN other interface\"",
                          false);
    router_model_rule_add(router,
                          "chain=dstnat action=dst-nat protocol=udp dst-port=7500 to-addresses=192.168.88.5 "
                          "disabled=yes comment=\"FOREIGN disabled\"",
                          false);
    router_model_rule_add(
        router, "chain=dstnat action=dst-nat protocol=udp dst-port=7600 to-addresses=192.168.88.5", true);
    world_hand_end(w);
    world_run_for(w, 1000);
    note(w, "taken: by the range, the list, the interface list, the negation, and the dynamic rule");
    expect(w, asks(w, a, 6000) != 6000);
    expect(w, asks(w, a, 7000) != 7000);
    expect(w, asks(w, a, 9001) != 9001);
    expect(w, asks(w, a, 7100) != 7100);
    expect(w, asks(w, a, 7300) != 7300);
    expect(w, asks(w, a, 7600) != 7600);
    note(w, "free: on another interface, in another interface list, and disabled");
    expect(w, asks(w, a, 7200) == 7200);
    expect(w, asks(w, a, 7400) == 7400);
    expect(w, asks(w, a, 7500) == 7500);
    expect_rest(w);
}

const struct story story_foreign_rules_ranges_lists = {.tell = tell};
