/* A foreign rule is for an interface list, and another one for an address of the router. When the tunnel
 * joins or leaves the list, or gets another address, the daemon judges the rules anew: within seconds if the
 * router reports such changes, else within a minute. */
/* [W6] */
#include "scenario.h"

static void expect_port(struct world *w, unsigned host, uint16_t port, bool free)
{
    struct lan_mapping *mapping = map(w, client(w, host), TCP, port, port, 3600);

    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    expect(w, (router_port_of(w, host, TCP, port) == port) == free);
}

static void tell(struct world *w)
{
    world_hand_begin(w, "two rules");
    router_model_list_add(w->router, "WEB", "", "");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp dst-port=7000-7010 in-interface-list=WEB "
                          "to-addresses=192.168.88.5",
                          false);
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp dst-port=8000-8010 dst-address=10.2.0.9 "
                          "to-addresses=192.168.88.5",
                          false);
    world_hand_end(w);
    settle(w);
    show(w, false);
    expect_port(w, 10, 7000, true);
    expect_port(w, 11, 8000, true);
    show(w, true);
    note(w, "the tunnel joins the list");
    router_model_member_add(w->router, "WEB", "wg0");
    world_run_for(w, 10000);
    show(w, false);
    expect_port(w, 12, 7001, false);
    note(w, "the tunnel leaves the list");
    router_model_member_remove(w->router, "WEB", "wg0");
    world_run_for(w, 10000);
    expect_port(w, 13, 7002, true);
    note(w, "the tunnel has another address");
    router_model_address_remove(w->router, "10.2.0.2/32");
    router_model_address_add(w->router, "10.2.0.9/32", "wg0");
    world_run_for(w, 10000);
    expect_port(w, 14, 8001, false);
    world_run_for(w, 100000);
    note(w, "the router does not report changes of lists any more");
    router_model_fail_next(w->router, "/interface/list/member/listen", "no such command");
    router_model_drop_session(w->router, 0, true);
    world_run_for(w, 20000);
    router_model_member_add(w->router, "WEB", "wg0");
    world_run_for(w, 65000);
    expect_port(w, 15, 7003, false);
    world_run_for(w, 100000);
    expect_rest(w);
}

const struct story story_lists_and_addresses_change = {.tell = tell};
