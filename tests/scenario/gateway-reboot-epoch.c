/* RFC 6886 sections 3.6 and 3.7: the gateway restarts, its epoch shows that, and the daemon requests all
 * mappings again with their external ports as the suggestion. As long as the ports stay the same, clients
 * need not be notified. [C-26] [C-27] [C-28] [E-04] [M-06] [E-02] */
/* Predecessor fault 23: A restart of the gateway is not noticed. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    uint32_t epoch_s;

    settle(w);
    map(w, a, TCP, 7000, 7000, 3600);
    map(w, a, UDP, 7001, 7001, 3600);
    skip_s(w, 10);
    epoch_s = proxy_status(w->proxy, w->now_ms).epoch_s;
    world_gateway_reboot(w);
    world_run_for(w, 130000);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 2);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s == epoch_s + 130);
    expect_rest(w);
    note(w, "the gateway restarts again and grants other ports: the daemon resets its own epoch and "
            "announces that");
    w->gateway.options.ignore_suggestion = true;
    world_gateway_reboot(w);
    world_run_for(w, 130000);
    expect(w, gateway_count(&w->gateway, w->now_ms) == 2);
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s < 130);
    expect_rest(w);
}

const struct story story_gateway_reboot_epoch = {.tell = tell};
