/* What the first snapshot shows. The daemon adopts rules of the predecessor (comment
 * double-natpmp-<protocol>-<port>-<address>). It removes, with a line in the log, a rule of its own that
 * forwards no single port, and a second rule for the same mapping. It leaves alone a rule of another
 * instance, and a rule whose comment only begins like its own. */
/* Predecessor fault 10: Two instances on one router remove each other's rules. */
#include "scenario.h"

static void rule(struct world *w, const char *match, const char *target, const char *comment)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "chain=dstnat action=dst-nat in-interface=wg0 %s %s comment=\"%s\"",
                   match, target, comment);
    router_model_rule_add(w->router, text, false);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    world_hand_begin(w, "rules that exist before the start");
    rule(w, "protocol=tcp dst-port=7000", "to-addresses=192.168.88.10 to-ports=7000",
         "double-natpmp-tcp-7000-192.168.88.10");
    rule(w, "protocol=udp dst-port=7001", "to-addresses=192.168.88.11 to-ports=7001",
         "double-natpmp/default external 7001 lease 60 s");
    rule(w, "protocol=udp dst-port=7002", "to-addresses=192.168.88.11 to-ports=7001",
         "double-natpmp/default external 7002 lease 60 s");
    rule(w, "protocol=udp dst-port=8000-8010", "to-addresses=192.168.88.11",
         "double-natpmp/default external 8000 lease 60 s");
    rule(w, "protocol=udp dst-port=7003", "to-addresses=192.168.88.12 to-ports=7003",
         "double-natpmp/other external 7003 lease 60 s");
    rule(w, "protocol=udp dst-port=7004", "to-addresses=192.168.88.12 to-ports=7004",
         "double-natpmp/default is a fine program");
    world_hand_end(w);
    world_start(w, 1);
    world_run_for(w, 3000);
    expect(w, rule_of(w, 11, UDP, 7001) != 0 && router_port_of(w, 11, UDP, 7001) == 7001);
    note(w, "the client of the first rule renews: nothing changes for it, and the rule gets the daemon's "
            "mark");
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 7000);
    expect(w, router_port_of(w, 10, TCP, 7000) == 7000);
    note(w, "nobody renews the second rule");
    skip_s(w, 60);
    expect(w, rule_of(w, 11, UDP, 7001) == 0);
    expect(w, router_model_rule_count(w->router) == 3);
}

const struct story story_leftover_rules = {.tell = tell};
