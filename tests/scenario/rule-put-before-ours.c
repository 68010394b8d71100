/* Somebody puts a rule for the same port before the daemon's while the mapping lives, by adding it there or
 * by moving it there. The daemon notices it when it reads the table, and puts its own in front again. A
 * program that does that again and again makes the daemon change the router a few times only; then the
 * mapping gets another router port, and the log names the rule. Before a dynamic rule, such as one of UPnP,
 * nothing can be put: the mapping gets another port at once. A rule that takes everything is handled alike.
 */
/* [P5] */
#include "scenario.h"

static uint32_t in_front(struct world *w, const char *attributes, bool dynamic)
{
    world_hand_begin(w, "a rule is put before ours");
    uint32_t id = router_model_rule_add(w->router, attributes, dynamic);
    const struct router_model_rule *first = router_model_rule_next(w->router, NULL);

    if (router_model_rule_id(first) != id)
        router_model_rule_move(w->router, id, router_model_rule_id(first));
    world_hand_end(w);
    return id;
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

static uint64_t adds(struct world *w)
{
    return router_model_counters(w->router)->adds;
}

static void tell(struct world *w)
{
    static const char named[] = "chain=dstnat action=dst-nat protocol=tcp dst-port=7000 "
                                "to-addresses=192.168.88.5 comment=\"FOREIGN server\"";
    static const char general[] = "chain=dstnat action=dst-nat in-interface=wg0 "
                                  "to-addresses=192.168.88.5 comment=\"FOREIGN all\"";

    settle(w);
    w->trace.only_logs = true;
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    map(w, client(w, 11), TCP, 7001, 7001, 3600);
    world_run_for(w, 20000);
    uint64_t before = adds(w);
    uint32_t rule = in_front(w, named, false);

    expect(w, !reaches(w, 10, 7000));
    world_run_for(w, 20000);
    expect(w, reaches(w, 10, 7000) && router_port_of(w, 10, TCP, 7000) == 7000);
    expect(w, adds(w) == before + 1 && our_rules(w) == 2);
    note(w, "it is moved, which no event may report: the next resync shows it");
    world_hand_begin(w, "moved");
    router_model_rule_move(w->router, rule, router_model_rule_id(router_model_rule_next(w->router, NULL)));
    world_hand_end(w);
    world_run_for(w, 660000);
    expect(w, reaches(w, 10, 7000) && router_port_of(w, 10, TCP, 7000) == 7000);
    world_hand_begin(w, "removed");
    router_model_rule_remove(w->router, rule);
    world_hand_end(w);
    world_run_for(w, 3600000);
    note(w, "a program does it each minute");
    before = adds(w);
    for (unsigned i = 0; i < 20; i++) {
        rule = in_front(w, named, false);
        world_run_for(w, 58000);
        world_hand_begin(w, "and removes it");
        router_model_rule_remove(w->router, rule);
        world_hand_end(w);
        world_run_for(w, 2000);
    }
    expect(w, adds(w) <= before + 6);
    world_run_for(w, 20000);
    expect(w, reaches(w, 10, 7000));
    note(w, "a rule that takes everything");
    world_run_for(w, 3600000);
    in_front(w, general, false);
    world_run_for(w, 20000);
    expect(w, reaches(w, 10, 7000) && reaches(w, 11, 7001));
    note(w, "a dynamic one for the other mapping");
    in_front(w,
             "chain=dstnat action=dst-nat protocol=tcp dst-port=7001 to-addresses=192.168.88.6 "
             "comment=\"FOREIGN upnp\"",
             true);
    world_run_for(w, 20000);
    expect(w, reaches(w, 11, 7001) && router_port_of(w, 11, TCP, 7001) != 7001);
    world_run_for(w, 120000);
    expect_rest(w);
}

const struct story story_rule_put_before_ours = {.tell = tell};
