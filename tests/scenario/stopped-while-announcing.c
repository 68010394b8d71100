/* RFC 6886 section 3.8: a daemon that does not act as a NAT any more announces nothing and answers
 * nothing [G-12]. The router does not answer, so that the end takes its five seconds. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    unsigned announcements;

    show(w, false);
    world_start(w, 1);
    world_run_until(w, 2500);
    map(w, a, UDP, 6000, 6000, 3600);
    world_run_until(w, 3600);
    expect(w, our_rules(w) == 1 && a->announcements < 10);
    show(w, true);
    router_now(w);
    router_model_mute(w->router, w->now_ms + 20000, false);
    world_stop(w);
    announcements = a->announcements;
    world_run_for(w, 1000);
    note(w, "too late");
    lan_send_raw(&w->lan, lan_address(66), 40000, span_of("\0\0", 2));
    lan_send_raw(&w->lan, lan_address(66), 40001, span_of("\1\0", 2));
    world_run_for(w, 5000);
    expect(w, w->exited && a->announcements == announcements);
}

const struct story story_stopped_while_announcing = {.tell = tell};
