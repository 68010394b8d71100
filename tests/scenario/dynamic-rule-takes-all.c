/* A dynamic rule, such as one of a script of PPP, takes everything from the tunnel and names no port. Nothing
 * can be put before it, so no port would arrive: a mapping is refused, the log names the rule, and a mapping
 * that lives when the rule comes is given up. If the rule is one of a mark, or a jump to rules for some ports
 * only, such as hotspot's, or if a static rule stands before it, mappings work: one whose port such a jump
 * leads to gets another port, whichever of the jump and the rule came first. */
/* [P14] */
#include <stdio.h>

#include "scenario.h"

static uint32_t add(struct world *w, const char *text, bool dynamic)
{
    char attributes[160];

    snprintf(attributes, sizeof(attributes), "comment=FOREIGN %s", text);
    world_hand_begin(w, text);
    uint32_t id = router_model_rule_add(w->router, attributes, dynamic);
    const struct router_model_rule *first = router_model_rule_next(w->router, NULL);

    if (router_model_rule_id(first) != id)
        router_model_rule_move(w->router, id, router_model_rule_id(first));
    world_hand_end(w);
    world_run_for(w, 20000);
    return id;
}

static void take_away(struct world *w, uint32_t id)
{
    world_hand_begin(w, "it goes");
    router_model_rule_remove(w->router, id);
    world_hand_end(w);
    world_run_for(w, 130000);
}

/* Each time another host asks, for a minute; true: it gets a mapping. */
static bool gets(struct world *w, bool protocol)
{
    static unsigned hosts;
    struct lan_client *host = client(w, 10 + hosts++);
    struct lan_mapping *mapping = map(w, host, protocol, 7000, 7000, 60);

    world_run_for(w, 13000);
    bool held = mapping->state == LAN_HELD;
    expect(w, held || mapping->result == 4);
    lan_vanish(host);
    return held;
}

static bool reaches(struct world *w, unsigned last_byte, uint16_t internal_port)
{
    struct router_model_packet packet = {.interface = "wg0",
                                         .tcp = true,
                                         .source = 0xc6336407,
                                         .source_port = 40000,
                                         .destination = 0x0a020002,
                                         .destination_port =
                                             router_port_of(w, last_byte, TCP, internal_port)};

    return router_model_arrive(w->router, &packet).address == lan_address(last_byte);
}

static void jump_while_mapped(struct world *w)
{
    static const char jump[] = "chain=dstnat action=jump jump-target=vpn";
    static const char inner[] = "chain=vpn action=jump jump-target=hosts";
    static const char first[] =
        "chain=hosts action=dst-nat protocol=tcp dst-port=7200 to-addresses=192.168.88.5";
    static const char second[] =
        "chain=hosts action=dst-nat protocol=tcp dst-port=7201 to-addresses=192.168.88.5";

    note(w, "a jump to rules for ports comes while mappings live");
    map(w, client(w, 91), TCP, 7200, 7200, 3600);
    map(w, client(w, 92), TCP, 7201, 7201, 3600);
    world_run_for(w, 13000);
    uint32_t rules[] = {add(w, first, false), add(w, inner, true), add(w, jump, true)};
    expect(w, reaches(w, 91, 7200) && router_port_of(w, 91, TCP, 7200) != 7200);
    expect(w, reaches(w, 92, 7201) && router_port_of(w, 92, TCP, 7201) == 7201);
    note(w, "it is there, and a rule comes to its chain");
    uint32_t rule = add(w, second, false);
    expect(w, reaches(w, 92, 7201) && router_port_of(w, 92, TCP, 7201) != 7201);
    take_away(w, rule);
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        take_away(w, rules[i]);
    expect(w, reaches(w, 91, 7200) && reaches(w, 92, 7201));
}

static void tell(struct world *w)
{
    static const char *const takers[] = {
        "chain=dstnat action=dst-nat in-interface=wg0 to-addresses=192.168.88.5",
        "chain=dstnat action=netmap dst-address=10.2.0.0/24 to-addresses=192.168.88.0/24",
        "chain=dstnat action=accept dst-address-type=local",
    };

    settle(w);
    w->trace.only_logs = true;
    for (unsigned i = 0; i < ARRAY_LEN(takers); i++) {
        uint32_t id = add(w, takers[i], true);
        expect(w, !gets(w, TCP) && !gets(w, UDP) && our_rules(w) == 0);
        expect(w, proxy_status(w->proxy, w->now_ms).router_failure == FAILURE_BARRED);
        take_away(w, id);
        expect(w, gets(w, TCP));
    }
    note(w, "one for UDP alone");
    uint32_t id = add(w, "chain=dstnat action=redirect protocol=udp in-interface=wg0 to-ports=9", true);
    expect(w, !gets(w, UDP) && gets(w, TCP));
    take_away(w, id);
    note(w, "a jump to rules for everything, and to rules for a few ports");
    id = add(w, "chain=dstnat action=jump jump-target=vpn", true);
    uint32_t rule = add(w, "chain=vpn action=dst-nat to-addresses=192.168.88.5", false);
    expect(w, !gets(w, TCP));
    take_away(w, rule);
    rule = add(w, "chain=vpn action=dst-nat protocol=tcp dst-port=80-90 to-addresses=192.168.88.5", false);
    expect(w, gets(w, TCP));
    take_away(w, rule);
    take_away(w, id);
    note(w, "a static rule stands before it");
    rule = add(w, takers[0], true);
    id = add(w, "chain=dstnat action=dst-nat protocol=tcp dst-port=80 to-addresses=192.168.88.5", false);
    expect(w, gets(w, TCP));
    take_away(w, id);
    take_away(w, rule);
    note(w, "it comes while a mapping lives");
    struct lan_mapping *mapping = map(w, client(w, 90), TCP, 7100, 7100, 3600);
    world_run_for(w, 13000);
    expect(w, router_port_of(w, 90, TCP, 7100) == 7100);
    id = add(w, takers[0], true);
    world_run_for(w, 60000);
    expect(w, router_port_of(w, 90, TCP, 7100) == 0);
    world_run_for(w, 3600000);
    expect(w, mapping->result == 4);
    take_away(w, id);
    jump_while_mapped(w);
}

const struct story story_dynamic_rule_takes_all = {.tell = tell};
