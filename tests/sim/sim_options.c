#include <stdio.h>

#include "sim.h"

enum {
    /* What is wrong in a table stays wrong for many steps, and checking all of them takes a third of the
       time. */
    CHECK_EVERY = 8,
};

static const struct {
    const char *name;
    unsigned weight;  /* when the fault is on */
    unsigned percent; /* of the runs have this fault */
} kinds[SIM_EVENTS] = {
    [SIM_TIME] = {"time", 600, 100},
    [SIM_MAP] = {"map", 120, 100},
    [SIM_UNMAP] = {"unmap", 40, 80},
    [SIM_UNMAP_ALL] = {"unmap-all", 8, 50},
    [SIM_ADDRESS] = {"address", 20, 60},
    [SIM_RACE] = {"race", 12, 50},
    [SIM_REPEAT] = {"repeat", 20, 50},
    [SIM_NEW_CLIENT] = {"new-client", 6, 70},
    [SIM_VANISH] = {"vanish", 6, 50},
    [SIM_GARBAGE] = {"garbage", 60, 50},
    [SIM_FLOOD] = {"flood", 3, 20},
    [SIM_OUTSIDE] = {"outside", 5, 20},
    [SIM_GATEWAY_SILENT] = {"gateway-silent", 6, 35},
    [SIM_GATEWAY_UNREACHABLE] = {"gateway-unreachable", 6, 25},
    [SIM_GATEWAY_REFUSES] = {"gateway-refuses", 6, 30},
    [SIM_GATEWAY_REBOOT] = {"gateway-reboot", 4, 35},
    [SIM_GATEWAY_ADDRESS] = {"gateway-address", 4, 30},
    [SIM_GATEWAY_NO_ADDRESS] = {"gateway-no-address", 4, 20},
    [SIM_GATEWAY_LATE] = {"gateway-late", 6, 30},
    [SIM_GATEWAY_JUNK] = {"gateway-junk", 6, 30},
    [SIM_TUNNEL_DOWN] = {"tunnel-down", 4, 25},
    [SIM_LOSS] = {"loss", 6, 35},
    [SIM_ROUTER_DROP_AT] = {"router-drop-at", 10, 40},
    [SIM_ROUTER_DROP] = {"router-drop", 8, 30},
    [SIM_ROUTER_MUTE] = {"router-mute", 4, 25},
    [SIM_ROUTER_REBOOT] = {"router-reboot", 4, 25},
    [SIM_ROUTER_REFUSED] = {"router-refused", 4, 25},
    [SIM_ROUTER_CUT] = {"router-cut", 4, 25},
    [SIM_ROUTER_TRAP] = {"router-trap", 6, 20},
    [SIM_ROUTER_PERMISSION] = {"router-permission", 3, 15},
    [SIM_ROUTER_PASSWORD] = {"router-password", 3, 15},
    [SIM_ROUTER_ACCESS] = {"router-access", 3, 20},
    [SIM_ROUTER_RENAME] = {"router-rename", 2, 15},
    [SIM_ROUTER_SLOW] = {"router-slow", 3, 20},
    [SIM_HAND_REMOVE] = {"hand-remove", 8, 35},
    [SIM_HAND_DISABLE] = {"hand-disable", 6, 25},
    [SIM_HAND_CHANGE] = {"hand-change", 6, 25},
    [SIM_HAND_FOREIGN] = {"hand-foreign", 12, 40},
    [SIM_KILL] = {"kill", 4, 25},
    [SIM_STOP] = {"stop", 3, 20},
    [SIM_STALL] = {"stall", 4, 25},
    [SIM_GATEWAY_CLOCK] = {"gateway-clock", 4, 30},
    [SIM_GATEWAY_SAYS] = {"gateway-says", 6, 30},
    [SIM_ROUTER_WAY] = {"router-way", 6, 30},
    [SIM_GATEWAY_WRONG] = {"gateway-wrong", 6, 30},
    [SIM_TWIN] = {"twin", 5, 12},
    [SIM_AGAIN] = {"again", 30, 50},
    [SIM_GATEWAY_KEEPS] = {"gateway-keeps", 6, 30},
    [SIM_GATEWAY_UNASKED] = {"gateway-unasked", 3, 20},
};

const char *sim_event_name(enum sim_event event)
{
    return kinds[event].name;
}

static uint32_t pick(struct prng *prng, const uint32_t *values, unsigned count)
{
    return values[prng_below(prng, count)];
}

static void choose_gateway(struct prng *prng, struct sim_options *options)
{
    static const uint32_t lifetimes[] = {60, 120, 600};
    struct gateway_options *gateway = &options->world.gateway;

    gateway->profile = prng_below(prng, 3) == 0 ? GATEWAY_PROTON : GATEWAY_STRICT;
    gateway->lifetime_max_s = pick(prng, lifetimes, ARRAY_LEN(lifetimes));
    gateway->epoch_s = prng_below(prng, 2) ? prng_below(prng, 5000000) : prng_below(prng, 10);
    if (gateway->profile == GATEWAY_PROTON) {
        gateway->rotate_percent = prng_below(prng, 2) ? prng_below(prng, 30) : 0;
        options->limited = true;
        return;
    }
    gateway->ignore_suggestion = prng_below(prng, 4) == 0;
    gateway->lifetime_min_s = prng_below(prng, 5) == 0 ? 60 : 0;
    gateway->one_port = prng_below(prng, 12) == 0;
    gateway->ports_max = prng_below(prng, 6) == 0 ? 1 + prng_below(prng, 8) : 0;
    options->limited = gateway->one_port || gateway->ports_max != 0;
}

/* A separate random choice, so that the seeds of older options keep their runs. */
static void choose_symmetric(uint64_t seed, struct sim_options *options)
{
    struct prng prng = prng_seeded(seed ^ 0x53594d4d);

    if (options->world.gateway.profile != GATEWAY_PROTON || prng_below(&prng, 3) != 0)
        return;
    options->world.gateway.symmetric = true;
    options->world.gateway.echoes_zero = prng_below(&prng, 2);
    options->world.config.gateway_mode = GATEWAY_MODE_SYMMETRIC;
}

/* Drawn apart as well. */
static void choose_lies(uint64_t seed, struct sim_options *options)
{
    struct prng prng = prng_seeded(seed ^ 0x4c494553);

    for (unsigned i = SIM_GATEWAY_CLOCK; i < SIM_TWIN; i++)
        options->weight[i] = prng_below(&prng, 100) < kinds[i].percent ? kinds[i].weight : 0;
}

/* Drawn apart as well. */
static void choose_deletions(uint64_t seed, struct sim_options *options)
{
    struct prng prng = prng_seeded(seed ^ 0x44454c45);

    for (unsigned i = SIM_AGAIN; i < SIM_EVENTS; i++)
        options->weight[i] = prng_below(&prng, 100) < kinds[i].percent ? kinds[i].weight : 0;
}

/* Drawn apart as well. Clients have the ports 6000 to 6012, and request some of these by themselves. */
static void choose_statics(uint64_t seed, struct proxy_config *config)
{
    struct prng prng = prng_seeded(seed ^ 0x53544154);
    unsigned count = prng_below(&prng, 3) == 0 ? 1 + prng_below(&prng, 4) : 0;

    for (unsigned i = 0; i < count; i++) {
        struct static_mapping one = {
            .address = 0xc0a85800 + (prng_below(&prng, 2) ? 10 : 200) + i / 2,
            .internal_port = (uint16_t)(6000 + 2 * i + prng_below(&prng, 2)),
            .external_port = (uint16_t)(prng_below(&prng, 2) ? 6000 + prng_below(&prng, 12) : 0),
            .protocol = (uint8_t)(prng_below(&prng, 2) ? NATPMP_TCP : NATPMP_UDP),
        };

        if (prng_below(&prng, 8) == 0)
            one.address = 0xc0a85801; /* the router's */
        config->static_mapping[config->static_mappings++] = one;
    }
}

static bool with_limits;

void sim_with_limits(void)
{
    with_limits = true;
}

/* Drawn apart as well. */
static void choose_limits(uint64_t seed, struct sim_options *options)
{
    static const uint32_t all[] = {3, 8, 20, 60};
    static const uint32_t each[] = {1, 3, 8};
    static const uint32_t changes[] = {0, 1, 3, 1000};
    struct prng prng = prng_seeded(seed ^ 0x4c494d49);
    struct proxy_config *config = &options->world.config;

    if (prng_below(&prng, 5) == 0)
        config->mappings_max = (uint16_t)pick(&prng, all, ARRAY_LEN(all));
    if (prng_below(&prng, 5) == 0)
        config->client_mappings_max = (uint16_t)pick(&prng, each, ARRAY_LEN(each));
    if (prng_below(&prng, 4) == 0)
        config->router_changes_per_s = (uint16_t)pick(&prng, changes, ARRAY_LEN(changes));
    options->limited = options->limited || config->mappings_max < MAPPINGS_DEFAULT ||
                       config->client_mappings_max < CLIENT_MAPPINGS_DEFAULT ||
                       config->router_changes_per_s == 1;
    options->world.gateway.wants_suggestion = !options->world.gateway.symmetric && prng_below(&prng, 10) == 0;
    if (prng_below(&prng, 100) >= kinds[SIM_TWIN].percent)
        return;
    /* Two daemons: which of them dies is up to these events. Both announce themselves until one of them
     * stands by. */
    options->weight[SIM_TWIN] = kinds[SIM_TWIN].weight;
    options->weight[SIM_KILL] = 0;
    options->weight[SIM_STOP] = 0;
    options->kills = true;
    options->deaf = true;
}

static void choose_router(struct prng *prng, struct router_model_options *router)
{
    static const char *const versions[] = {"6.49.10", "7.12", "7.16.2", "7.18.2", "7.24"};
    static const uint32_t latencies[] = {0, 2, 10, 80};
    struct router_model_user user = router->users[0];

    *router = router_model_defaults(versions[prng_below(prng, ARRAY_LEN(versions))]);
    router->users[0] = user;
    router->latency_min_ms = prng_below(prng, 3);
    router->latency_max_ms = router->latency_min_ms + pick(prng, latencies, ARRAY_LEN(latencies));
    router->out_of_order = prng_below(prng, 3) == 0;
    router->orphan_commands = prng_below(prng, 2) == 0;
    router->listen_delay_max_ms = prng_below(prng, 3) == 0 ? prng_below(prng, 100) : 0;
    router->own_event = (enum router_model_own_event)prng_below(prng, 3);
    router->listen_partial_rows = prng_below(prng, 3) == 0;
    router->tag_last = prng_below(prng, 3) == 0;
    router->dead_is_yes = prng_below(prng, 2) == 0;
    router->rows_per_ms = prng_below(prng, 3) == 0 ? 1 + prng_below(prng, 20) : 0;
    router->renumber_on_reboot = prng_below(prng, 2) == 0;
    router->close_after_failed_login = prng_below(prng, 2) == 0;
    router->counter_interval_ms = prng_below(prng, 5) == 0 ? 1000 : 0;
    router->max_sessions = prng_below(prng, 6) == 0 ? 4 + prng_below(prng, 4) : router->max_sessions;
    router->idle = prng_below(prng, 3) == 0 ? (enum router_model_idle)prng_below(prng, 3) : router->idle;
    router->idle_ms = 5000 + prng_below(prng, 60000);
}

/* Drawn apart as well. */
static void choose_oddities(uint64_t seed, struct router_model_options *router)
{
    struct prng prng = prng_seeded(seed ^ 0x4f444453);

    router->add_is_nameless = prng_below(&prng, 10) == 0;
}

static void choose_links(struct prng *prng, struct world_options *world)
{
    static const uint32_t spreads[] = {0, 1, 20, 200};

    world->lan.latency_min_ms = prng_below(prng, 3);
    world->lan.latency_max_ms = world->lan.latency_min_ms + pick(prng, spreads, ARRAY_LEN(spreads));
    world->lan.loss_percent = prng_below(prng, 3) == 0 ? prng_below(prng, 20) : 0;
    world->lan.duplicate_percent = prng_below(prng, 3) == 0 ? prng_below(prng, 20) : 0;
    world->gateway_link.latency_min_ms = prng_below(prng, 60);
    world->gateway_link.latency_max_ms =
        world->gateway_link.latency_min_ms + pick(prng, spreads, ARRAY_LEN(spreads));
    world->gateway_link.duplicate_percent = prng_below(prng, 3) == 0 ? prng_below(prng, 20) : 0;
    world->stream_min_ms = prng_below(prng, 5);
    world->stream_max_ms = world->stream_min_ms + prng_below(prng, 30);
    world->stream_chunk_max = prng_below(prng, 4) == 0 ? 1 + prng_below(prng, 64) : 0;
    world->deadline_late_max_ms = prng_below(prng, 3) == 0 ? 15 : 0;
}

struct sim_options sim_options(uint64_t seed)
{
    struct sim_options options = {.world = world_defaults(seed)};
    struct prng prng = prng_seeded(seed ^ 0x5357414d);
    /* Some runs have no faults, because with all of them on, one fault hides the other. */
    unsigned calm = prng_below(&prng, 4);

    for (unsigned i = 0; i < SIM_GATEWAY_CLOCK; i++) {
        unsigned percent = i < SIM_GATEWAY_SILENT || calm > 0 ? kinds[i].percent : kinds[i].percent / 4;

        options.weight[i] = prng_below(&prng, 100) < percent ? kinds[i].weight : 0;
    }
    options.clients = 1 + prng_below(&prng, prng_below(&prng, 3) == 0 ? 20 : 6);
    options.kills = options.weight[SIM_KILL] != 0 || options.weight[SIM_STOP] != 0;
    choose_gateway(&prng, &options);
    choose_symmetric(seed, &options);
    choose_lies(seed, &options);
    choose_deletions(seed, &options);
    choose_statics(seed, &options.world.config);
    if (with_limits)
        choose_limits(seed, &options);
    choose_router(&prng, &options.world.router);
    choose_links(&prng, &options.world);
    choose_oddities(seed, &options.world.router);
    if (options.weight[SIM_ROUTER_RENAME] == 0 && prng_below(&prng, 3) == 0)
        memcpy(options.world.config.in_interface, "wg0", sizeof("wg0"));
    if (prng_below(&prng, 6) == 0)
        memcpy(options.world.config.change_script, "changed", sizeof("changed"));
    if (options.world.config.in_interface[0] != '\0')
        options.weight[SIM_ROUTER_WAY] = 0;
    options.world.config.log_level = prng_below(&prng, 2) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    options.world.config.lease_hold = (enum lease_hold)prng_below(&prng, 3);
    options.world.check_every = CHECK_EVERY;
    return options;
}

void sim_print_options(const struct sim *sim, FILE *to)
{
    const struct sim_options *options = &sim->options;
    const struct world_options *world = &options->world;
    const struct gateway_options *gateway = &world->gateway;

    fprintf(to, "events:");
    for (unsigned i = 0; i < SIM_EVENTS; i++) {
        if (options->weight[i] != 0)
            fprintf(to, " %s", kinds[i].name);
    }
    fprintf(
        to,
        "\nhold %d; statics %u; clients %u; gateway %s lifetime %u..%u ports %u rotate %u%%%s%s epoch %u\n",
        (int)world->config.lease_hold, world->config.static_mappings, options->clients,
        gateway->profile == GATEWAY_PROTON ? "proton" : "strict", gateway->lifetime_min_s,
        gateway->lifetime_max_s, gateway->ports_max, gateway->rotate_percent,
        gateway->symmetric  ? " symmetric"
        : gateway->one_port ? " one-port"
                            : "",
        gateway->ignore_suggestion  ? " no-suggestions"
        : gateway->wants_suggestion ? " wants-suggestion"
                                    : "",
        gateway->epoch_s);
    fprintf(to, "mappings %u, of one client %u; changes %u/s\n", world->config.mappings_max,
            world->config.client_mappings_max, (unsigned)world->config.router_changes_per_s);
    fprintf(to,
            "router %s latency %u..%u listen %u%s%s%s; lan %u..%u loss %u%% twice %u%%; tunnel %u..%u twice "
            "%u%%; "
            "streams %u..%u pieces %u; late %u\n",
            world->router.version, world->router.latency_min_ms, world->router.latency_max_ms,
            world->router.listen_delay_max_ms, world->router.out_of_order ? " out-of-order" : "",
            world->router.listen_partial_rows ? " partial-rows" : "",
            world->router.tag_last ? " tag-last" : "", world->lan.latency_min_ms, world->lan.latency_max_ms,
            world->lan.loss_percent, world->lan.duplicate_percent, world->gateway_link.latency_min_ms,
            world->gateway_link.latency_max_ms, world->gateway_link.duplicate_percent, world->stream_min_ms,
            world->stream_max_ms, world->stream_chunk_max, world->deadline_late_max_ms);
    fprintf(to, "sessions %u; idle %d after %u ms%s\n", world->router.max_sessions, world->router.idle,
            world->router.idle_ms, options->deaf ? "; announcements do not arrive" : "");
}
