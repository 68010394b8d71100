/* RFC 6886 section 3.3 across a crash: the daemon advertised an external port to a client, and died before
 * the port was in the rule's comment. The next run does not know that port yet, and must not give the
 * companion port to another client that suggests it. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;
    struct lan_mapping *other;

    w->lan.deaf = true;
    settle(w);
    note(w, "a client maps TCP 6881; the router accepts the rule and then stops answering; the daemon is "
            "killed");
    mapping = map(w, a, TCP, 6881, 6881, 120);
    world_run_for(w, 20);
    router_model_mute(w->router, w->now_ms + 3000, false);
    world_run_for(w, 100);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == 6881);
    world_kill(w);
    world_run_for(w, 5000);
    note(w, "while the next run reads the router's tables, another client suggests UDP 6881");
    world_start(w, 2);
    other = map(w, b, UDP, 6881, 6881, 120);
    world_run_for(w, 2000);
    expect(w, other->state == LAN_HELD && other->external_port != 6881);
    note(w, "the first client renews and keeps its ports");
    world_run_for(w, 60000);
    expect(w, mapping->answers == 2 && mapping->external_port == 6881);
    expect(w, router_port_of(w, 10, TCP, 6881) == 6881);
    expect_rest(w);
}

const struct story story_kill_before_external_port = {.tell = tell};
