/* A static mapping that cannot be made, because its address turns out to be the router's, the gateway's, a
 * broadcast address of one of the router's networks, or this machine's. The log says so once, and the status
 * shows it with that reason for as long as it lasts; before the router's tables are read it waits for the
 * router. When the router gives the address up, the mapping is made. */
#include "scenario.h"

enum { ENTRIES = 5 };

static void options(struct world_options *options)
{
    const uint32_t addresses[ENTRIES] = {lan_address(7), lan_address(255), options->config.gateway,
                                         0xac110002, 0xe0000001};

    for (unsigned i = 0; i < ENTRIES; i++)
        options->config.static_mapping[i] = (struct static_mapping){
            .address = addresses[i], .protocol = NATPMP_TCP, .internal_port = (uint16_t)(8000 + i)};
    options->config.static_mappings = ENTRIES;
}

static void expect_status(struct world *w, unsigned entry, enum mapping_condition condition,
                          enum target_refusal refusal)
{
    struct mapping_status row;

    expect(w, static_status(w->proxy, entry, &row));
    expect(w, row.client == w->options.config.static_mapping[entry].address);
    expect(w, row.internal_port == 8000 + entry && row.condition == condition && row.refusal == refusal);
}

static void tell(struct world *w)
{
    static const enum target_refusal refusals[ENTRIES] = {TARGET_ROUTER, TARGET_BROADCAST, TARGET_GATEWAY,
                                                          TARGET_OWN, TARGET_OUTSIDE};
    struct mapping_status row;

    w->router_local = 0xac110002;
    router_model_address_add(w->router, "192.168.88.7/24", "bridge");
    show(w, false);
    world_start(w, 1);
    for (unsigned i = 0; i < ENTRIES; i++)
        expect_status(w, i, MAPPING_WAITS_ROUTER, TARGET_ALLOWED);
    show(w, true);
    world_run_for(w, 3000);
    show(w, false);
    world_run_for(w, 1300000);
    for (unsigned i = 0; i < ENTRIES; i++)
        expect_status(w, i, MAPPING_REFUSED, refusals[i]);
    expect(w, our_rules(w) == 0);
    router_model_address_remove(w->router, "192.168.88.7/24");
    world_run_for(w, 700000);
    expect(w, our_rules(w) == 1 && external_port_of(w, 7, TCP, 8000) == 8000);
    expect(w, !static_status(w->proxy, 0, &row));
    expect_rest(w);
}

const struct story story_static_never_made = {.options = options, .tell = tell};
