/* The gateway restarts and then refuses a mapping that it had granted before. The client still relies on its
 * port. So the daemon removes the rule and resets its epoch: the announcement makes the client request the
 * port again, and the client gets the refusal (RFC 6886 section 3.7). */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    map(w, a, UDP, 6881, 6881, 3600);
    skip_s(w, 20);
    expect(w, our_rules(w) == 1);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s > 200);
    note(w, "the gateway restarts and grants nothing from then on");
    world_gateway_reboot(w);
    w->gateway.faults.refuse = 4;
    world_run_for(w, 70000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s < 70);
    expect(w, lan_find(a, UDP, 6881)->result == 4);
    expect_rest(w);
}

const struct story story_gateway_restarts_and_refuses = {.tell = tell};
