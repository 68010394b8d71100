/* Two clients suggest one port at the same instant and get two ports, two rules and two leases (RFC 6886
 * sections 3.3, 9.4). [M-05] [M-12] [M-25] [C-18] */
/* Predecessor fault 1: Two clients that suggest one port at the same moment both get it. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *of_a;
    struct lan_mapping *of_b;

    settle(w);
    of_a = map(w, a, UDP, 7000, 7000, 3600);
    of_b = map(w, b, UDP, 7000, 7000, 3600);
    world_run_for(w, 3000);
    expect(w, of_a->state == LAN_HELD && of_b->state == LAN_HELD);
    expect(w, of_a->external_port != of_b->external_port);
    expect(w, our_rules(w) == 2 && gateway_count(&w->gateway, w->now_ms) == 2);
    note(w, "the first client deletes its mapping; the second one keeps its own");
    lan_unmap(&w->lan, w->now_ms, a, of_a);
    world_run_for(w, 3000);
    expect(w, our_rules(w) == 1 && rule_of(w, 11, UDP, 7000) != 0);
    expect_rest(w);
}

const struct story story_two_clients_one_suggestion = {.tell = tell};
