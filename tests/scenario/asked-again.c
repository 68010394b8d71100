/* A client address, a protocol and an internal port have one mapping, however often the client requests and
 * deletes it. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    mapping = map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 1000);
    note(w, "[M-13] the client requests it again with another suggestion, and with none, and gets the "
            "same port");
    lan_send_map(&w->lan, a->address, 41000, UDP, 6000, 7777, 3600);
    world_run_for(w, 1000);
    lan_send_map(&w->lan, a->address, 41001, UDP, 6000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, our_rules(w) == 1 && router_port_of(w, 10, UDP, 6000) == 6000);
    note(w, "[R-09] a renewal that the gateway refuses: the mapping stays");
    skip_s(w, 1790);
    w->gateway.faults.refuse = 4;
    world_run_for(w, 20000);
    expect(w, mapping->result == 0 && our_rules(w) == 1);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 1);
    w->gateway.faults.refuse = 0;
    note(w, "[D-01] the client deletes the mapping, [D-16] requests it again at once, and gets the same "
            "port");
    lan_vanish(a);
    lan_send_map(&w->lan, a->address, 42000, UDP, 6000, 0, 0);
    world_run_for(w, 50);
    expect(w, our_rules(w) == 0);
    lan_send_map(&w->lan, a->address, 42000, UDP, 6000, 6000, 60);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 1 && router_port_of(w, 10, UDP, 6000) == 6000);
    note(w, "the client requests it again while the router is still removing the rule");
    lan_send_map(&w->lan, a->address, 42000, UDP, 6000, 0, 0);
    world_run_for(w, 2);
    lan_send_map(&w->lan, a->address, 42000, UDP, 6000, 6000, 60);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 1 && router_port_of(w, 10, UDP, 6000) == 6000);
    note(w, "[D-15] the client deletes a mapping that is in work, and the gateway grants it 3 s later");
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 3000;
    lan_send_map(&w->lan, a->address, 42001, TCP, 6001, 6001, 3600);
    world_run_for(w, 1000);
    lan_send_map(&w->lan, a->address, 42001, TCP, 6001, 0, 0);
    world_run_for(w, 100);
    expect(w, rule_of(w, 10, TCP, 6001) == 0);
    w->gateway.faults.late_percent = 0;
    skip_s(w, 100);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_asked_again = {.tell = tell};
