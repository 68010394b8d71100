/* Rules that name ports, in chains that nothing from the tunnel reaches: a chain of the provider's interface,
 * a chain that nobody calls, one behind a disabled jump, one behind a return; rules for the LAN, for other
 * kinds of interfaces, and for the addresses of a list. They take no port. */
/* [P3] [P13] */
#include "scenario.h"

static uint16_t asks(struct world *w, struct lan_client *a, uint16_t port)
{
    struct lan_mapping *mapping = map(w, a, TCP, port, port, 3600);

    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    return router_port_of(w, 10, TCP, port);
}

static void add(struct world *w, const char *attributes)
{
    expect(w, router_model_rule_add(w->router, attributes, false) != 0);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    world_hand_begin(w, "the owner's rules");
    add(w, "chain=dstnat action=jump jump-target=from-provider in-interface=ether1");
    add(w, "chain=from-provider action=dst-nat protocol=tcp dst-port=7001 to-addresses=192.168.88.5");
    add(w, "chain=nobody-calls action=dst-nat protocol=tcp dst-port=7002 to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=jump jump-target=off disabled=yes");
    add(w, "chain=off action=dst-nat protocol=tcp dst-port=7003 to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=jump jump-target=guarded");
    add(w, "chain=guarded action=return in-interface=wg0");
    add(w, "chain=guarded action=dst-nat protocol=tcp dst-port=7004 to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=dst-nat protocol=tcp dst-port=7005 src-address=192.168.88.0/24 "
           "to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=dst-nat protocol=tcp dst-port=7006 in-interface=all-ppp "
           "to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=dst-nat protocol=tcp dst-port=7007 in-interface=all-ethernet "
           "to-addresses=192.168.88.5");
    router_model_list_add(w->router, "all-ppp", "", "");
    router_model_member_add(w->router, "all-ppp", "wg0");
    add(w, "chain=dstnat action=dst-nat protocol=tcp dst-port=7101 in-interface-list=all-ppp "
           "to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=jump jump-target=one");
    add(w, "chain=two action=dst-nat protocol=tcp dst-port=7102 to-addresses=192.168.88.5");
    add(w, "chain=one action=jump jump-target=two protocol=!udp");
    world_hand_end(w);
    world_run_for(w, 1000);
    skip_s(w, 30);
    for (uint16_t port = 7001; port <= 7007; port++)
        expect(w, asks(w, a, port) == port);
    note(w, "taken: by a list of interfaces that is named like a kind, and behind two jumps");
    expect(w, asks(w, a, 7101) != 7101);
    expect(w, asks(w, a, 7102) != 7102);
    expect_rest(w);
}

const struct story story_rules_that_nothing_reaches = {.tell = tell};
