/* The daemon logs each problem with the gateway once, in one line, with its likely cause and its remedy: no
 * answer, while requests leave by another way than to the router; port unreachable; no route; a source
 * address that does not exist; no authorization; an external address of 0.0.0.0, and one that is private; an
 * interface that does not lead to the gateway. */
#include "scenario.h"

static void options(struct world_options *options)
{
    memcpy(options->config.in_interface, "ether1", sizeof("ether1"));
}

static void no_source(struct world *w, unsigned value)
{
    (void)value;
    world_give(w, &(struct event){.type = EVENT_GATEWAY_ERROR, .gateway_error = GATEWAY_NO_SOURCE});
}

/* Each problem lasts a minute and a half, in which the daemon requests the address several times. */
static void lasts(struct world *w)
{
    world_run_for(w, 90000);
    w->gateway.faults = (struct gateway_faults){0};
    w->faults.tunnel_down = false;
    world_run_for(w, 120000);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    note(w, "MIKROTIK_IN_INTERFACE=ether1, and the gateway is behind wg0");
    world_start(w, 1);
    world_run_for(w, 2000);
    w->trace.only_logs = true;
    note(w, "silence");
    w->gateway.faults.silent = true;
    lasts(w);
    note(w, "no answer, and requests leave from 10.9.0.2, while the router is reached from 172.17.0.2");
    w->router_local = 0xac110002;
    router_model_drop_session(w->router, 0, false);
    world_run_for(w, 5000);
    w->gateway_local = 0x0a090002;
    w->gateway.faults.silent = true;
    lasts(w);
    w->gateway_local = 0;
    note(w, "port unreachable");
    w->gateway.faults.unreachable = true;
    lasts(w);
    note(w, "no route");
    w->faults.tunnel_down = true;
    lasts(w);
    note(w, "the address of GATEWAY_SOURCE does not exist");
    world_at(w, w->now_ms + 10, no_source, 0);
    world_at(w, w->now_ms + 300, no_source, 0);
    lasts(w);
    note(w, "the gateway does not authorize the address request");
    w->gateway.faults.refuse_address = 2;
    lasts(w);
    note(w, "nor does it authorize mappings: two clients request one");
    w->gateway.faults.refuse = 2;
    map(w, a, TCP, 6000, 6000, 3600);
    map(w, client(w, 11), TCP, 6000, 6000, 3600);
    world_run_for(w, 40000);
    lasts(w);
    note(w, "no external address");
    world_gateway_address(w, 0, false);
    world_run_for(w, 150000);
    note(w, "a private external address");
    world_gateway_address(w, 0x64400001, false);
    world_run_for(w, 150000);
    world_gateway_address(w, 0xb9010203, false);
    world_run_for(w, 150000);
}

const struct story story_says_why = {.options = options, .tell = tell};
