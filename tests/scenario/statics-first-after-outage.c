/* A gateway with three ports, of which two static mappings and one client have one each. It does not answer
 * for so long that all leases end, or refuses everything, or restarts, and meanwhile clients ask again and
 * again. When it grants mappings again, the static mappings get their ports first and at once, and no client
 * is advertised a port that a static mapping then takes. */
#include "scenario.h"

enum { CLIENTS = 4, OUTAGE_S = 90, AT_ONCE_MS = 2000 };

static void options(struct world_options *options)
{
    like_proton(options);
    options->gateway.ports_max = 3;
    options->config.lease_hold = LEASE_HOLD_OFF;
    for (unsigned i = 0; i < 2; i++)
        options->config.static_mapping[i] = (struct static_mapping){
            .address = lan_address(20 + i), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 2;
}

static void clients_ask(struct world *w, unsigned ms)
{
    for (unsigned i = 0; i < ms / 500; i++) {
        for (unsigned c = 0; c < CLIENTS; c++)
            asks_map(w, 30 + c, 40000, TCP, 6000, 0, 3600);
        world_run_for(w, 500);
    }
}

static unsigned statics_served(struct world *w)
{
    unsigned count = external_port_of(w, 20, TCP, 32400) != 0;
    count += external_port_of(w, 21, TCP, 32400) != 0;
    return count;
}

static unsigned clients_served(struct world *w)
{
    unsigned count = 0;
    for (unsigned c = 0; c < CLIENTS; c++)
        count += external_port_of(w, 30 + c, TCP, 6000) != 0;
    return count;
}

/* No client asks for so long that the daemon does not know any more that ports are short. */
static void clients_are_gone(struct world *w)
{
    skip_s(w, 150);
    expect(w, statics_served(w) == 2 && clients_served(w) == 0);
}

/* The pauses between the daemon's requests have grown to some seconds. */
static void expect_statics_first(struct world *w)
{
    for (unsigned i = 0; i < 16 && proxy_status(w->proxy, w->now_ms).gateway_trouble == GATEWAY_SILENT; i++)
        clients_ask(w, 500);
    clients_ask(w, AT_ONCE_MS);
    expect(w, statics_served(w) == 2);
    clients_ask(w, 30000);
    expect(w, statics_served(w) == 2 && clients_served(w) == 1);
}

static void refuse_for(struct world *w, uint16_t result)
{
    w->gateway.faults.refuse = result;
    clients_ask(w, 1000 * OUTAGE_S);
    expect(w, statics_served(w) == 0);
    note(w, "the gateway grants mappings again");
    w->gateway.faults.refuse = 0;
    expect_statics_first(w);
}

static void tell(struct world *w)
{
    settle(w);
    w->trace.only_logs = true;
    clients_ask(w, 5000);
    expect(w, statics_served(w) == 2 && clients_served(w) == 1);
    note(w, "the gateway does not answer");
    w->gateway.faults.silent = true;
    clients_ask(w, 1000 * OUTAGE_S);
    expect(w, statics_served(w) == 0);
    note(w, "the gateway answers again");
    w->gateway.faults.silent = false;
    expect_statics_first(w);

    note(w, "nobody asks but the static mappings, and the gateway does not answer");
    clients_are_gone(w);
    w->gateway.faults.silent = true;
    skip_s(w, OUTAGE_S);
    clients_ask(w, 5000);
    note(w, "the gateway answers again");
    w->gateway.faults.silent = false;
    expect_statics_first(w);

    note(w, "the gateway has no port for anybody");
    refuse_for(w, 4);
    clients_are_gone(w);
    note(w, "the network of the gateway fails");
    refuse_for(w, 3);
    clients_are_gone(w);
    note(w, "the gateway restarts");
    world_gateway_reboot(w);
    clients_ask(w, 6000);
    expect_statics_first(w);
    expect_rest(w);
}

const struct story story_statics_first_after_outage = {.options = options, .tell = tell};
