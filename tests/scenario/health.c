/* What `health` reports from the start on: the state of the router and of the gateway, and the reason. */
#include "scenario.h"

static void how(struct world *w, const char *when)
{
    char line[256];
    struct proxy_status status = proxy_status(w->proxy, w->now_ms);
    const char *router = router_trouble_text(&status);
    const char *gateway = gateway_state_text(&status);
    (void)snprintf(line, sizeof(line), "%s: %s; %s; %s", when, router != NULL ? router : "router fine",
                   gateway != NULL ? gateway : "gateway fine", address_text(status.external_address).text);
    show(w, true);
    note(w, line);
    show(w, false);
}

static void tell(struct world *w)
{
    w->faults.router_refused = true;
    w->gateway.faults.silent = true;
    show(w, false);
    world_start(w, 1);
    how(w, "at the start");
    world_run_until(w, 9000);
    how(w, "neither router nor gateway is reachable");
    w->faults.router_refused = false;
    world_run_for(w, 60000);
    how(w, "the router is reachable");
    w->gateway.faults.silent = false;
    world_run_for(w, 60000);
    how(w, "the gateway is reachable, too");

    w->gateway.faults.refuse_address = 3;
    world_run_for(w, 70000);
    how(w, "the gateway has no external address any more");
    w->gateway.faults.refuse_address = 0;
    world_run_for(w, 130000);
    how(w, "the gateway has an external address");
    w->faults.tunnel_down = true;
    world_run_for(w, 70000);
    how(w, "the tunnel is down");
    w->faults.tunnel_down = false;
    world_run_for(w, 130000);
    how(w, "the tunnel is up");

    router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL & ~(unsigned)ROUTER_MODEL_WRITE);
    (void)map(w, client(w, 10), TCP, 7001, 7001, 3600);
    world_run_for(w, 3000);
    how(w, "the API user may not change rules any more, which a request for a mapping shows");
    expect_rest(w);
}

const struct story story_health = {.tell = tell};
