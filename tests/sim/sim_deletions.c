/* Deletions that come and go, and a gateway that does not carry them out or grants what nobody asked for. */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "sim.h"

enum {
    PORTS_WANTED = 12, /* as sim_events.c has them */
    FIRST_PORT = 6000,
    SILENT_MAX_MS = 2000,
    UNASKED_MAX = 2000,
    UNASKED_EVERY_MS = 15,
};

static uint32_t below(struct sim *sim, uint32_t bound)
{
    return prng_below(&sim->prng, bound);
}

static void gateway_answers(struct world *w, unsigned event)
{
    trace_line(&w->trace, w->now_ms, "# %s is over", sim_event_name((enum sim_event)event));
    w->gateway.faults.silent = false;
}

static void gateway_deletes(struct world *w, unsigned event)
{
    trace_line(&w->trace, w->now_ms, "# %s is over", sim_event_name((enum sim_event)event));
    w->gateway.faults.refuse_delete = 0;
    w->gateway.faults.grants_delete = false;
}

/* ---- [G11] a deletion is in the way of the next request ---- */

static uint32_t any_lifetime(struct sim *sim)
{
    static const uint32_t lifetimes[] = {1, 60, 600, 7200};

    return lifetimes[below(sim, ARRAY_LEN(lifetimes))];
}

static void remember_port(struct sim *sim, const struct lan_client *client, const struct lan_mapping *mapping)
{
    const struct book_rule *rule =
        inv_find_rule(sim->world, client->address, mapping->tcp, mapping->internal_port);

    if (rule)
        sim->ended[sim->ended_next++ % SIM_ENDED] =
            (struct sim_ended){.tcp = rule->tcp, .router_port = rule->router_port};
}

/* It deletes its mapping, or all of them, and requests that one or another one a moment later. */
static void client_maps_again(struct sim *sim)
{
    struct world *w = sim->world;
    struct lan_client *client = &w->lan.clients[below(sim, w->lan.count)];
    struct lan_mapping *mapping = &client->mappings[below(sim, LAN_MAPPINGS_MAX)];
    bool tcp = mapping->tcp;
    uint16_t port = mapping->internal_port;

    if (client->gone || client->behaviour == LAN_LIAR || mapping->state == LAN_UNUSED)
        return;
    remember_port(sim, client, mapping);
    if (below(sim, 3) == 0) {
        w->gateway.faults.silent = true;
        world_at(w, w->now_ms + 1 + below(sim, SILENT_MAX_MS), gateway_answers, SIM_AGAIN);
    }
    if (below(sim, 4) == 0)
        lan_unmap_all(&w->lan, client, tcp);
    else
        lan_unmap(&w->lan, w->now_ms, client, mapping);
    world_run_for(w, below(sim, below(sim, 2) ? 100 : SILENT_MAX_MS));
    if (below(sim, 4) == 0)
        port = (uint16_t)(FIRST_PORT + below(sim, PORTS_WANTED));
    if (!client->gone)
        lan_map(&w->lan, w->now_ms, client, tcp, port, 0, any_lifetime(sim));
}

static void gateway_keeps(struct sim *sim)
{
    static const uint16_t results[] = {GATEWAY_NO_ANSWER, GATEWAY_NO_ANSWER, 2, 3, 4, 77};
    static const uint32_t durations_ms[] = {3000, 70000, 300000};
    struct world *w = sim->world;

    w->gateway.faults.grants_delete = below(sim, 3) == 0;
    w->gateway.faults.refuse_delete =
        w->gateway.faults.grants_delete ? 0 : results[below(sim, ARRAY_LEN(results))];
    world_at(w, w->now_ms + 1 + below(sim, durations_ms[below(sim, ARRAY_LEN(durations_ms))]),
             gateway_deletes, SIM_GATEWAY_KEEPS);
}

/* ---- [G12] grants that nobody asked for ---- */

static bool is_in_use(const struct world *w, const struct sim_ended *ended)
{
    for (unsigned i = 0; i < w->invariants.rule_count; i++)
        if (w->invariants.rules[i].tcp == ended->tcp &&
            w->invariants.rules[i].router_port == ended->router_port)
            return true;
    return false;
}

static void client_deletes_all(struct sim *sim)
{
    struct world *w = sim->world;
    struct lan_client *client = &w->lan.clients[below(sim, w->lan.count)];

    for (unsigned i = 0; i < LAN_MAPPINGS_MAX && !client->gone && client->behaviour != LAN_LIAR; i++) {
        if (client->mappings[i].state == LAN_UNUSED)
            continue;
        remember_port(sim, client, &client->mappings[i]);
        lan_unmap(&w->lan, w->now_ms, client, &client->mappings[i]);
    }
    world_run_for(w, below(sim, SILENT_MAX_MS));
}

static void gateway_grants_unasked(struct sim *sim)
{
    struct world *w = sim->world;
    unsigned ended;

    client_deletes_all(sim);
    ended = sim->ended_next < SIM_ENDED ? sim->ended_next : SIM_ENDED;
    for (unsigned i = 0; ended > 0 && i < UNASKED_MAX; i++) {
        const struct sim_ended *one = &sim->ended[below(sim, ended)];
        uint8_t reply[16] = {0};

        world_run_for(w, UNASKED_EVERY_MS);
        reply[1] = one->tcp ? 130 : 129;
        put32(reply + 4, gateway_epoch_s(&w->gateway, w->now_ms));
        put16(reply + 8, one->router_port);
        put16(reply + 10, 1024 + below(sim, 60000));
        put32(reply + 12, any_lifetime(sim));
        if (w->proxy && !is_in_use(w, one))
            world_gateway_says(w, span_of(reply, sizeof(reply)));
    }
}

/* ---- all of them ---- */

void sim_deletions_happen(struct sim *sim, enum sim_event event)
{
    if (event == SIM_AGAIN)
        client_maps_again(sim);
    else if (event == SIM_GATEWAY_KEEPS)
        gateway_keeps(sim);
    else if (event == SIM_GATEWAY_UNASKED)
        gateway_grants_unasked(sim);
}

void sim_deletions_off(struct world *w)
{
    gateway_answers(w, SIM_AGAIN);
    gateway_deletes(w, SIM_GATEWAY_KEEPS);
}
