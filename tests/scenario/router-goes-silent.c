/* For half a minute the router keeps the connections open but does not answer. The log says so, requests get
 * Network Failure after 12 s, and then everything works. The same happens at the start, with a router that
 * accepts the connection but does not answer the login. */
/* Predecessor fault 4: A router that accepts connections and says nothing blocks everything for good, and
 * no line tells. */
/* Predecessor fault 5: The same at the start: a login that is not answered hangs for ever. */
/* Predecessor fault 40: The log: an error on each normal stop, a line for each renewal, no names in
 * failures, nothing when the router hangs. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *again;

    note(w, "the router does not answer the login");
    router_model_set_access(w->router, ROUTER_MODEL_SILENT);
    world_start(w, 1);
    world_run_for(w, 20000);
    router_model_set_access(w->router, ROUTER_MODEL_OPEN);
    skip_s(w, 200);
    again = map(w, b, UDP, 7004, 0, 3600);
    world_run_for(w, 1000);
    lan_unmap(&w->lan, w->now_ms, b, again);
    world_run_for(w, 1000);
    note(w, "the router stops answering, and a client requests four mappings");
    router_now(w);
    router_model_mute(w->router, w->now_ms + 30000, false);
    for (unsigned i = 0; i < 4; i++)
        map(w, a, TCP, (uint16_t)(7000 + i), 0, 3600);
    world_run_for(w, 13000);
    for (unsigned i = 0; i < 4; i++)
        expect(w, a->mappings[i].answers == 1 && a->mappings[i].result == 3);
    note(w, "the daemon has given the connection up, and a client requests a mapping that it had before");
    again = map(w, b, UDP, 7004, 0, 3600);
    world_run_for(w, 13000);
    expect(w, again->answers == 1 && again->result == 3);
    skip_s(w, 4);
    note(w, "the router answers again");
    world_run_for(w, 60000);
    for (unsigned i = 0; i < 4; i++)
        expect(w, a->mappings[i].state == LAN_HELD);
    expect(w, again->state == LAN_HELD && our_rules(w) == 5);
    expect_rest(w);
}

const struct story story_router_goes_silent = {.tell = tell};
