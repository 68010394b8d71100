/* Before the daemon's rules stands a dynamic one, before which nothing can be put, and nobody can know
 * whether it takes what comes from the tunnel: it is for a mark. If it names no port, no other router port
 * would be better, so the daemon does nothing, and does not say that connections do not arrive. If it names
 * the port of a mapping, the mapping gets another port; if it names all ports, the mapping stays where it is.
 */
/* [P11] */
#include <stdio.h>

#include "scenario.h"

static void in_front(struct world *w, const char *condition)
{
    char text[160];

    snprintf(text, sizeof(text), "chain=dstnat action=dst-nat to-addresses=192.168.88.5 %s", condition);
    world_hand_begin(w, condition);
    uint32_t id = router_model_rule_add(w->router, text, true);
    const struct router_model_rule *first = router_model_rule_next(w->router, NULL);

    if (router_model_rule_id(first) != id)
        router_model_rule_move(w->router, id, router_model_rule_id(first));
    world_hand_end(w);
}

static uint64_t changes(struct world *w)
{
    return router_model_counters(w->router)->adds + router_model_counters(w->router)->removes;
}

static void tell(struct world *w)
{
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    world_run_for(w, 20000);
    w->trace.only_logs = true;
    uint64_t before = changes(w);
    in_front(w, "connection-mark=games");
    world_run_for(w, 1800000);
    expect(w, changes(w) == before && router_port_of(w, 10, TCP, 7000) == 7000);
    in_front(w, "protocol=tcp dst-port=7000-7010 connection-mark=games");
    world_run_for(w, 1800000);
    expect(w, router_port_of(w, 10, TCP, 7000) >= 49152);
    in_front(w, "protocol=tcp dst-port=1024-65535 connection-mark=games");
    world_run_for(w, 120000);
    before = changes(w);
    world_run_for(w, 1800000);
    expect(w, changes(w) == before);
    expect_rest(w);
}

const struct story story_doubtful_rule_in_front = {.tell = tell};
