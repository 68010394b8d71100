/* A reader of `watch` learns what is mapped, under which port, and what does not work. Each change is
 * reported once, when it is true. A renewal is no change, and neither is a rule that somebody removes and the
 * daemon adds again. The trace shows the notices alone. */
#include "scenario.h"

static void say(struct world *w, const char *text)
{
    show(w, true);
    note(w, text);
    show(w, false);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *tcp;

    w->notices[0].shown = true;
    settle(w);
    say(w, "a client maps a port, and renews it");
    tcp = map(w, a, TCP, 7000, 0, 120);
    world_run_for(w, 300000);
    expect(w, w->notices[0].count == 1);
    say(w, "a person removes the rule");
    world_hand_begin(w, "the rule is removed");
    (void)router_model_rule_remove(w->router, rule_of(w, 10, TCP, 7000));
    world_hand_end(w);
    world_run_for(w, 10000);
    expect(w, rule_of(w, 10, TCP, 7000) != 0);
    say(w, "the gateway grants another port");
    gateway_next_port(w, 10, TCP, 7000, 41001);
    world_run_for(w, 120000);
    expect(w, tcp->external_port == 41001);
    say(w, "the router reboots");
    router_now(w);
    router_model_reboot(w->router, 5000, true);
    world_run_for(w, 100000);
    say(w, "the external address changes, and then there is none");
    world_gateway_address(w, 0xb9090909, false);
    world_run_for(w, 61000);
    world_gateway_address(w, 0, false);
    world_run_for(w, 61000);
    say(w, "the client deletes the mapping");
    lan_unmap(&w->lan, w->now_ms, a, tcp);
    world_run_for(w, 2000);
    expect(w, w->notices[0].count == 0);
    say(w, "the daemon stops with a mapping");
    map(w, a, UDP, 7001, 0, 120);
    world_run_for(w, 1000);
    expect(w, w->notices[0].count == 1);
    world_stop(w);
    world_run_for(w, 6000);
    expect(w, w->notices[0].count == 0);
}

const struct story story_watched = {.tell = tell};
