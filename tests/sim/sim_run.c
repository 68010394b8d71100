#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum {
    /* The longest back-off to the router (30 s) and to the gateway (60 s), the pauses of a client (64 s and
     * 30 s), and each of them twice. */
    CONVERGE_MS = 400000,
    RENEWAL_MS = 2000,
    /* The longest lease of the gateways here, because a dead process leaves some behind. */
    LEASE_MS = 600000,
    SETTLE_MS = 15000, /* the longest time that an answer takes, and a slack */
    RELEASE_MS = 100,  /* of a mapping that ends at that moment */
    RELEASES_MAX = 30,
    STOP_MS = 5500,
    DEAF_MAX_MS = 3000,
    HEARS = 3,
    SIM_STEPS_MIN = 2000, /* A run without requests of clients would test nothing. */
};

static void report(void *context)
{
    const struct sim *sim = context;

    fprintf(stderr, "seed %" PRIu64 ", after event %u, hash %016" PRIx64 "\n", sim->seed, sim->events_done,
            sim->world->trace.hash);
    sim_print_options(sim, stderr);
}

static enum sim_event choose(struct sim *sim)
{
    unsigned total = 0;
    unsigned left;

    for (unsigned i = 0; i < SIM_EVENTS; i++)
        total += sim->options.weight[i];
    left = prng_below(&sim->prng, total);
    for (unsigned i = 0; i < SIM_EVENTS; i++) {
        if (left < sim->options.weight[i])
            return (enum sim_event)i;
        left -= sim->options.weight[i];
    }
    return SIM_TIME;
}

/* A client that still requests has its mapping, unless the gateway has no port left. */
static void check_clients(struct sim *sim)
{
    struct world *w = sim->world;

    for (unsigned i = 0; i < w->lan.count; i++) {
        struct lan_client *client = &w->lan.clients[i];

        for (unsigned k = 0; k < LAN_MAPPINGS_MAX && !client->gone && client->behaviour == LAN_GOOD; k++) {
            const struct lan_mapping *mapping = &client->mappings[k];
            /* A gateway that wants a suggestion refuses if all that may be suggested is somebody else's. */
            bool limited = sim->options.limited || sim->options.world.gateway.wants_suggestion;
            bool refused = limited && mapping->result == 4;

            /* A renewal may be under way, and a lease of one second ends before its answer. */
            if (mapping->state == LAN_UNUSED || mapping->state == LAN_HELD || refused ||
                (mapping->state == LAN_ASKING &&
                 mapping->granted_ms + (uint64_t)mapping->granted_s * 1000 + RENEWAL_MS > w->now_ms))
                continue;
            world_fail(w, "at rest: %s %s port %u is not served (result %u)",
                       address_text(client->address).text, mapping->tcp ? "tcp" : "udp",
                       mapping->internal_port, mapping->result);
        }
    }
}

/* [G2] Whatever happened before, and whatever the gateway's clock does, a new request of a client is
 * answered. */
static void check_hears(struct sim *sim)
{
    struct world *w = sim->world;
    struct lan_client *asker;

    if (sim->options.limited || w->lan.count == LAN_CLIENTS_MAX)
        return;
    asker = lan_add(&w->lan, 0xc0a85800 + 10 + sim->next_address++, LAN_GOOD);
    for (unsigned i = 0; i < HEARS; i++) {
        struct lan_mapping *mapping;

        sim_gateway_lies(sim, sim->options.weight[SIM_GATEWAY_CLOCK] ? SIM_GATEWAY_CLOCK : SIM_TIME);
        sim_gateway_lies(sim, sim->options.weight[SIM_GATEWAY_SAYS] ? SIM_GATEWAY_SAYS : SIM_TIME);
        world_run_for(w, prng_below(&sim->prng, 100000));
        mapping = lan_map(&w->lan, w->now_ms, asker, prng_below(&sim->prng, 2), (uint16_t)(9000 + i), 0, 600);
        world_run_for(w, DEAF_MAX_MS);
        if (mapping->state != LAN_HELD)
            world_fail(w, "deaf: a new request is not answered within %u ms (result %u)",
                       (unsigned)DEAF_MAX_MS, mapping->result);
    }
}

static void end_well(struct sim *sim)
{
    struct world *w = sim->world;

    world_stop(w);
    world_run_for(w, STOP_MS);
    if (w->proxy)
        world_fail(w, "SIGTERM did not end it");
    if (w->invariants.rule_count > 0)
        world_fail(w, "%u rules are left behind at the end", w->invariants.rule_count);
    if (gateway_count(&w->gateway, w->now_ms) > 0 && !w->gateway.options.one_port)
        world_fail(w, "%u leases are left behind at the end", gateway_count(&w->gateway, w->now_ms));
}

/* Each process runs the script of ON_CHANGE_SCRIPT at most once in five seconds, and once more at its end.
 * All learn at least the external address. */
static void check_script(const struct sim *sim)
{
    const struct world *w = sim->world;
    uint64_t processes = 2 + sim->happened[SIM_KILL] + sim->happened[SIM_STOP];
    uint64_t limit = w->now_ms / (CHANGE_SCRIPT_PERIOD_S * UINT64_C(1000)) + 2 * processes;
    unsigned runs = router_model_script_runs(w->router, w->options.config.change_script);

    if (sim->script && (runs == 0 || runs > limit))
        world_fail(sim->world, "the script ran %u times, of %" PRIu64, runs, limit);
}

static void converge(struct sim *sim)
{
    struct world *w = sim->world;

    sim_faults_off(sim);
    w->invariants.quiet_since_ms = w->now_ms;
    if (!w->proxy)
        world_start(w, prng_next(&sim->prng));
    world_run_for(w, CONVERGE_MS + (sim->options.kills ? LEASE_MS : 0));
    check_hears(sim);
    check_clients(sim);
    sim_readers_at_rest(sim);
    /* The clients stop, so that nothing is half done. Mappings that are kept alive stay. */
    for (unsigned i = 0; i < w->lan.count; i++)
        lan_vanish(&w->lan.clients[i]);
    world_run_for(w, SETTLE_MS);
    for (unsigned i = 0; i < RELEASES_MAX && inv_lease_without_rule(w); i++)
        world_run_for(w, RELEASE_MS);
    trace_line(&w->trace, w->now_ms, "# at rest");
    inv_at_rest(w);
    check_script(sim);
    end_well(sim);
}

/* [P10] Peers that send from the beginning on to ports that clients will have. Drawn apart, so that the seeds
 * of older options keep their runs. */
static void peers_begin(struct sim *sim)
{
    struct prng prng = prng_seeded(sim->seed ^ 0x50454552);
    unsigned count = prng_below(&prng, 3) == 0 ? 1 + prng_below(&prng, 6) : 0;

    router_model_options(sim->world->router)->ports_joined = prng_below(&prng, 3) == 0;
    for (unsigned i = 0; i < count; i++)
        world_peer(sim->world, prng_below(&prng, 4) == 0, (uint16_t)(6000 + prng_below(&prng, 12)),
                   1000 + prng_below(&prng, 20000));
}

struct sim_result sim_run(uint64_t seed, unsigned events, bool verbose)
{
    struct sim sim = {.seed = seed, .options = sim_options(seed), .prng = prng_seeded(seed)};
    struct sim_result result;

    sim.world = world_new(&sim.options.world);
    /* Without it every run fails, which must not matter. */
    sim.script = sim.options.world.config.change_script[0] != '\0' && prng_below(&sim.prng, 2) &&
                 router_model_row_add(sim.world->router, "script", "name=changed policy=read,write");
    sim.world->report = report;
    sim.world->report_context = &sim;
    sim.world->lan.deaf = sim.options.deaf;
    sim.world->trace.echo = verbose ? stdout : NULL;
    world_watch(sim.world);
    peers_begin(&sim);
    for (unsigned i = 0; i < sim.options.clients; i++)
        lan_add(&sim.world->lan, 0xc0a85800 + 10 + sim.next_address++,
                prng_below(&sim.prng, 5) ? LAN_GOOD : LAN_LIAR);
    sim_readers_begin(&sim);
    world_start(sim.world, prng_next(&sim.prng));
    for (; sim.events_done < events || sim.world->steps < SIM_STEPS_MIN; sim.events_done++) {
        enum sim_event event = choose(&sim);

        sim.happened[event]++;
        sim_happens(&sim, event);
        sim_readers_happen(&sim);
    }
    converge(&sim);
    result = (struct sim_result){.hash = sim.world->trace.hash, .steps = sim.world->steps};
    memcpy(result.most, sim.world->budgets.most, sizeof(result.most));
    memcpy(result.happened, sim.happened, sizeof(result.happened));
    world_watch(NULL);
    sim_readers_end(&sim);
    world_free(sim.world);
    return result;
}
