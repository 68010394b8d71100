/* In a third of the runs connections arrive through the rules, and somebody reads the status. The daemon
 * never counts more than have arrived; it counts fewer if a rule or the router ended before the counters were
 * read. */
#include <inttypes.h>
#include <stdlib.h>

#include "sim.h"

enum {
    LEAST_MS = COUNTERS_PERIOD_S * 1000,
    COUNTED_MS = 2000,
};

void sim_readers_begin(struct sim *sim)
{
    static const enum router_model_stats versions[] = {ROUTER_MODEL_STATS_SHOWN, ROUTER_MODEL_STATS_SHOWN,
                                                       ROUTER_MODEL_STATS_ASKED, ROUTER_MODEL_STATS_REFUSED,
                                                       ROUTER_MODEL_STATS_ABSENT};

    sim->readers = prng_seeded(sim->seed ^ 0x52454144);
    sim->reads = prng_below(&sim->readers, 3) == 0;
    if (sim->reads)
        router_model_options(sim->world->router)->stats =
            versions[prng_below(&sim->readers, ARRAY_LEN(versions))];
}

static struct sim_arrived *arrived_at(struct sim *sim, uint32_t client, bool tcp, uint16_t port)
{
    struct sim_arrived *one;

    for (unsigned i = 0; i < sim->arrivals; i++) {
        one = &sim->arrived[i];
        if (one->client == client && one->tcp == tcp && one->port == port)
            return one;
    }
    one = realloc(sim->arrived, (sim->arrivals + 1) * sizeof(*one));
    if (!one)
        abort();
    sim->arrived = one;
    one = &one[sim->arrivals++];
    *one = (struct sim_arrived){.client = client, .port = port, .tcp = tcp};
    return one;
}

static void arrive(struct sim *sim, const struct book_rule *rule, uint32_t count)
{
    arrived_at(sim, rule->address, rule->tcp, rule->port)->connections += count;
    router_model_rule_traffic(sim->world->router, rule->id, UINT64_C(60) * count, count);
}

static void check_one(struct sim *sim, const struct mapping_status *mapping)
{
    const struct sim_arrived *one =
        arrived_at(sim, mapping->client, mapping->protocol == NATPMP_TCP, mapping->internal_port);

    /* The model counts a packet of its own now and then, and a rule that somebody has led to another port,
     * and that the next process adopts, has what came before. */
    if (sim->options.world.router.counter_interval_ms == 0 && sim->options.weight[SIM_HAND_CHANGE] == 0 &&
        mapping->connections > one->connections)
        world_fail(sim->world, "%s port %u: %" PRIu32 " connections, of %" PRIu64,
                   address_text(mapping->client).text, mapping->internal_port, mapping->connections,
                   one->connections);
}

static void check_all(struct sim *sim)
{
    struct mapping_status mapping;

    for (uint16_t m = 0; sim->world->proxy &&
                         (m = mapping_status_from(sim->world->proxy, m, sim->world->now_ms, &mapping)) != 0;
         m++)
        check_one(sim, &mapping);
}

void sim_readers_happen(struct sim *sim)
{
    const struct invariants *inv = &sim->world->invariants;
    uint32_t chance = prng_below(&sim->readers, 64);

    if (!sim->reads)
        return;
    if (chance < 8 && inv->rule_count > 0)
        arrive(sim, &inv->rules[prng_below(&sim->readers, inv->rule_count)],
               1 + prng_below(&sim->readers, 9));
    else if (chance < 16)
        world_ask(sim->world);
    else if (chance == 16)
        router_model_reset_counters(sim->world->router);
    check_all(sim);
}

static uint32_t rule_of(const struct world *w, const struct mapping_status *mapping)
{
    const struct book_rule *rule =
        inv_find_rule(w, mapping->client, mapping->protocol == NATPMP_TCP, mapping->internal_port);

    return rule ? rule->id : 0;
}

/* What arrives now is counted to the last one, if the router shows it. */
void sim_readers_at_rest(struct sim *sim)
{
    struct world *w = sim->world;
    struct mapping_status before;
    struct mapping_status after;
    uint32_t rule;
    uint16_t m;

    if (!sim->reads)
        return;
    world_ask(w);
    world_run_for(w, LEAST_MS + COUNTED_MS);
    m = mapping_status_from(w->proxy, 0, w->now_ms, &before);
    rule = m != 0 ? rule_of(w, &before) : 0;
    if (rule == 0 || !before.counted)
        return;
    arrive(sim, inv_find_rule(w, before.client, before.protocol == NATPMP_TCP, before.internal_port), 7);
    /* If a snapshot has just read them, the first one gets what that has shown. */
    for (unsigned i = 0; i < 2; i++) {
        world_ask(w);
        world_run_for(w, LEAST_MS + COUNTED_MS);
    }
    if (rule_of(w, &before) != rule)
        return; /* it was replaced, or has ended */
    (void)mapping_status_from(w->proxy, m, w->now_ms, &after);
    if (after.connections < before.connections + 7)
        world_fail(w, "%s port %u: %" PRIu32 " connections, and before the last 7 it was %" PRIu32,
                   address_text(before.client).text, before.internal_port, after.connections,
                   before.connections);
}

void sim_readers_end(struct sim *sim)
{
    free(sim->arrived);
}
