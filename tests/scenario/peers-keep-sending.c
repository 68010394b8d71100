/* Peers keep sending UDP to a port since before its rule was made, every few seconds. The router remembers
 * where the first packet of each went, and sends all that follow there, whatever the rules say now. So after
 * each rule that is made the daemon removes the entries for its port that lead elsewhere: those that lead to
 * nobody, to the client that had the port before, or to the host of a rule that stood in front for a while.
 * Older versions print address and port in one word. A peer that came after the rule keeps its entry. */
/* [P10] */
#include "scenario.h"

enum { PORT = 7000 };

static bool all_reach(const struct world *w, unsigned last_byte)
{
    for (unsigned i = 0; i < w->peers; i++)
        if (w->peer[i].reaches != lan_address(last_byte) || w->peer[i].reaches_port != PORT)
            return false;
    return true;
}

static uint64_t removes(struct world *w)
{
    return router_model_counters(w->router)->connection_removes;
}

static void port_goes_to_another(struct world *w, struct lan_client *a, struct lan_mapping *mapping)
{
    lan_unmap(&w->lan, w->now_ms, a, mapping);
    world_run_for(w, 10000);
    expect(w, all_reach(w, 10)); /* the connections go on */
    skip_s(w, 130);
    router_model_options(w->router)->ports_joined = true;
    skip_s(w, 60);
    w->trace.only_logs = false;
    map(w, client(w, 11), UDP, PORT, PORT, 3600);
    world_run_for(w, 1000);
    w->trace.only_logs = true;
    world_run_for(w, 5000);
    expect(w, router_port_of(w, 11, UDP, PORT) == PORT && all_reach(w, 11));
}

/* The peers come anew while a rule of somebody else is in front. */
static void another_rule_was_in_front(struct world *w)
{
    world_hand_begin(w, "a rule is put before ours");
    uint32_t id = router_model_rule_add(
        w->router,
        "chain=dstnat action=dst-nat protocol=udp dst-port=7000 to-addresses=192.168.88.5 comment=FOREIGN",
        false);
    router_model_rule_move(w->router, id, router_model_rule_id(router_model_rule_next(w->router, NULL)));
    world_hand_end(w);
    for (unsigned i = 0; i < 2; i++)
        world_peer(w, UDP, PORT, 700);
    world_run_for(w, 1000);
    expect(w, !all_reach(w, 11));
    world_run_for(w, 26000);
    expect(w, all_reach(w, 11));
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    w->trace.only_logs = true;
    for (unsigned i = 0; i < 2; i++)
        world_peer(w, UDP, PORT, 4000);
    world_peer(w, TCP, PORT, 5000);
    world_run_for(w, 30000);
    w->peers--; /* nobody maps TCP, so its entry stays */
    expect(w, all_reach(w, 10) == false);
    w->trace.only_logs = false;
    struct lan_mapping *mapping = map(w, a, UDP, PORT, PORT, 3600);
    world_run_for(w, 1000);
    w->trace.only_logs = true;
    world_run_for(w, 4000);
    expect(w, mapping->state == LAN_HELD && all_reach(w, 10) && removes(w) == 2);
    world_peer(w, UDP, PORT, 3000);
    world_run_for(w, 60000);
    expect(w, all_reach(w, 10) && removes(w) == 2);
    port_goes_to_another(w, a, mapping);
    another_rule_was_in_front(w);
    world_run_for(w, 700000);
    expect_rest(w);
}

const struct story story_peers_keep_sending = {.tell = tell};
