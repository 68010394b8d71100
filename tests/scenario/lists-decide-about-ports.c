/* Rules of the operator have address lists as their only condition that could exclude the tunnel's packets.
 * The members decide: a list of LAN addresses has no host on the internet, and a list of other addresses of
 * the router is not that of the tunnel, so these rules take no port. The others take theirs. A member that is
 * added counts after the next resync. Of a list with too many members nothing is known: its port is in doubt.
 */
/* [P3] [P11] */
#include <stdio.h>

#include "scenario.h"

static void rule(struct world *w, uint16_t port, const char *condition)
{
    char text[160];

    snprintf(text, sizeof(text),
             "chain=dstnat action=dst-nat to-addresses=192.168.88.5 protocol=tcp dst-port=%u %s", port,
             condition);
    expect(w, router_model_rule_add(w->router, text, false) != 0);
}

static void member(struct world *w, const char *list, const char *address)
{
    char text[96];

    snprintf(text, sizeof(text), "list=%s address=%s", list, address);
    expect(w, router_model_row_add(w->router, "address-list", text));
}

static bool gets(struct world *w, uint16_t port)
{
    struct lan_client *a = client(w, 10 + port % 50);
    struct lan_mapping *mapping = map(w, a, TCP, port, port, 3600);

    world_run_for(w, 10000);
    expect(w, mapping->state == LAN_HELD);
    return router_port_of(w, 10 + port % 50, TCP, port) == port;
}

static void tell(struct world *w)
{
    world_hand_begin(w, "rules with lists");
    rule(w, 7000, "src-address-list=lan");
    rule(w, 7001, "src-address-list=friends");
    rule(w, 7002, "dst-address-list=others");
    rule(w, 7003, "dst-address-list=ours");
    rule(w, 7004, "src-address-list=!lan");
    rule(w, 7005, "src-address-list=empty");
    rule(w, 7006, "src-address-list=large");
    rule(w, 7007, "src-address-list=empty");
    world_hand_end(w);
    member(w, "lan", "192.168.88.0/24");
    member(w, "lan", "10.0.0.1-10.0.0.9");
    member(w, "friends", "192.168.88.7");
    member(w, "friends", "11.22.33.0/24");
    member(w, "others", "203.0.113.7");
    member(w, "ours", "10.2.0.0/24");
    for (unsigned i = 0; i < 3000; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.9.%u.%u", i / 250, i % 250);
        member(w, "large", text);
    }
    settle(w);
    w->trace.only_logs = true;
    expect(w, gets(w, 7000) && !gets(w, 7001) && gets(w, 7002) && !gets(w, 7003) && !gets(w, 7004));
    expect(w, gets(w, 7005) && !gets(w, 7006));
    member(w, "empty", "11.22.34.5");
    world_run_for(w, 610000);
    expect(w, !gets(w, 7007));
    expect_rest(w);
}

const struct story story_lists_decide_about_ports = {.tell = tell};
