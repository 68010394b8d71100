/* The owner has excluded ports from destination NAT: by an accept rule with a range, by a return, inside a
 * chain that is jumped to, and by a jump that names the ports. What comes from the tunnel to such a port
 * never reaches a rule behind it, so the daemon gives its clients other ports. */
/* [P1] [P2] */
#include "scenario.h"

static uint16_t asks(struct world *w, struct lan_client *a, bool tcp, uint16_t port)
{
    struct lan_mapping *mapping = map(w, a, tcp, port, port, 3600);

    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    return router_port_of(w, 10, tcp, port);
}

static void add(struct world *w, const char *attributes)
{
    expect(w, router_model_rule_add(w->router, attributes, false) != 0);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    world_hand_begin(w, "the owner's exclusions");
    add(w, "chain=dstnat action=accept protocol=tcp dst-port=40000-40100 in-interface=wg0");
    add(w, "chain=dstnat action=return protocol=tcp dst-port=41000");
    add(w, "chain=dstnat action=accept protocol=udp dst-port=51822");
    add(w, "chain=dstnat action=jump jump-target=mine in-interface=wg0");
    add(w, "chain=mine action=accept protocol=tcp dst-port=42000,42001 in-interface=!ether1");
    add(w, "chain=dstnat action=jump jump-target=cameras protocol=tcp dst-port=43000");
    add(w, "chain=cameras action=dst-nat to-addresses=192.168.88.5");
    add(w, "chain=dstnat action=endpoint-independent-nat protocol=udp dst-port=44000");
    world_hand_end(w);
    world_run_for(w, 1000);
    expect(w, asks(w, a, TCP, 40001) != 40001);
    expect(w, asks(w, a, TCP, 41000) != 41000);
    expect(w, asks(w, a, UDP, 51822) != 51822);
    expect(w, asks(w, a, TCP, 42000) != 42000);
    expect(w, asks(w, a, TCP, 43000) != 43000);
    expect(w, asks(w, a, UDP, 44000) != 44000);
    note(w, "the other protocol, and a port beside the range");
    expect(w, asks(w, a, UDP, 40002) == 40002);
    expect(w, asks(w, a, TCP, 40101) == 40101);
    expect_rest(w);
}

const struct story story_accepted_ports = {.tell = tell};
