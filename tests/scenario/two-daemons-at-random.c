/* Two daemons with one INSTANCE, on a router with random delays: they start, crash, lose their machines, and
 * lose their connections; the router reboots. Whenever all of that has been quiet for a while, exactly one of
 * those that run serves, nothing but the rule of the mapping is on the router, and nobody writes there any
 * more. Then the same on routers that do not show who is logged in, or show a daemon only its own session,
 * and whose uptime stands still. [R3] */
#include "scenario.h"

enum {
    ROUNDS = 150,
    QUIET_MS = 175000,
    /* If the router does not show who is logged in, the one that stands by tries to serve every ten minutes.
     */
    BLIND_QUIET_MS = 730000,
    TRY_WRITES = 4,
};

static const struct {
    enum router_model_active active;
    bool uptime_stands;
    unsigned rounds;
} shown[] = {
    {ROUTER_MODEL_ACTIVE_ALL, true, 15},  {ROUTER_MODEL_ACTIVE_OWN, false, 30},
    {ROUTER_MODEL_ACTIVE_OWN, true, 15},  {ROUTER_MODEL_ACTIVE_NONE, false, 30},
    {ROUTER_MODEL_ACTIVE_NONE, true, 15}, {ROUTER_MODEL_ACTIVE_REFUSED, true, 15},
};

static void slow(struct world_options *options)
{
    options->router.latency_min_ms = 1;
    options->router.latency_max_ms = 300;
    options->router.listen_delay_max_ms = 200;
    options->stream_max_ms = 60;
}

static void start(struct world *w, unsigned process, uint64_t seed)
{
    world_turn(w, process);
    if (!w->proxy)
        world_start(w, seed);
    world_turn(w, 0);
}

static void end(struct world *w, unsigned process, bool power)
{
    world_turn(w, process);
    if (power)
        world_power_lost(w);
    else
        world_kill(w);
    world_turn(w, 0);
}

static bool serves(struct world *w, unsigned process)
{
    bool result;

    world_turn(w, process);
    result = w->proxy && !proxy_status(w->proxy, w->now_ms).standing_by;
    world_turn(w, 0);
    return result;
}

static void happens(struct world *w, struct prng *prng)
{
    unsigned process = prng_below(prng, 2);

    switch (prng_below(prng, 6)) {
    case 0:
    case 1:
        start(w, process, prng_next(prng));
        break;
    case 2:
        end(w, process, false);
        break;
    case 3:
        end(w, process, true);
        break;
    case 4:
        router_now(w);
        router_model_reboot(w->router, 1000 + prng_below(prng, 20000), prng_below(prng, 2));
        break;
    default:
        router_now(w);
        router_model_drop_session(w->router, 0, prng_below(prng, 2));
        break;
    }
    inv_router_trouble(w);
    world_run_for(w, prng_below(prng, 2) ? prng_below(prng, 50) : prng_below(prng, 20000));
}

/* If each is shown only its own session, a new mapping is what makes them meet at the latest. */
static void client_maps(struct world *w)
{
    world_run_for(w, 601000);
    w->lan_process = serves(w, 0) ? 0 : 1;
    asks_map(w, 11, 40001, TCP, 7100, 0, 60);
    world_run_for(w, 20000);
    w->lan_process = serves(w, 0) ? 0 : 1;
    asks_delete(w, 11, 40001, TCP, 7100, 0);
    world_run_for(w, 90000);
}

static bool is_quiet_for(struct world *w, uint64_t ms, uint64_t writes)
{
    uint64_t before = router_writes(w);

    world_run_for(w, ms);
    return router_writes(w) <= before + writes;
}

static void round_of(struct world *w, struct prng *prng, uint64_t quiet_ms, uint64_t writes)
{
    uint64_t before = router_writes(w);

    for (unsigned i = 1 + prng_below(prng, 5); i > 0; i--)
        happens(w, prng);
    start(w, prng_below(prng, 2), prng_next(prng));
    world_run_for(w, quiet_ms);
    if (w->book.hidden)
        client_maps(w);
    expect(w, serves(w, 0) != serves(w, 1));
    expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
    expect(w, router_writes(w) - before < 60);
    expect(w, is_quiet_for(w, 60000, writes));
    expect(w, serves(w, 0) != serves(w, 1));
}

/* The one that started last serves, as soon as it is there. */
static void starts_in_turn(struct world *w, struct prng *prng)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = router_writes(w);

        end(w, i % 2, prng_below(prng, 2));
        world_run_for(w, i < 2 ? 750000 : prng_below(prng, 10000));
        start(w, i % 2, prng_next(prng));
        world_run_for(w, 10000);
        expect(w, serves(w, i % 2) && !serves(w, 1 - i % 2));
        world_run_for(w, 10000);
        expect(w, serves(w, i % 2) && !serves(w, 1 - i % 2));
        expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
        expect(w, router_writes(w) - before <= 12);
    }
}

static void tell(struct world *w)
{
    struct prng prng = prng_seeded(56);

    show(w, false);
    w->lan.deaf = true;
    world_start(w, 1);
    world_run_for(w, 5000);
    asks_map(w, 10, 40000, UDP, 7000, 7000, 86400);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 1);
    for (unsigned round = 0; round < ROUNDS; round++)
        round_of(w, &prng, QUIET_MS, 0);
    for (unsigned i = 0; i < ARRAY_LEN(shown); i++) {
        end(w, 0, false);
        end(w, 1, false);
        router_model_options(w->router)->users[0].active = shown[i].active;
        w->book.hidden = shown[i].active == ROUTER_MODEL_ACTIVE_OWN;
        router_model_options(w->router)->uptime_stands = shown[i].uptime_stands;
        for (unsigned round = 0; round < shown[i].rounds; round++) {
            round_of(w, &prng, BLIND_QUIET_MS, TRY_WRITES);
            starts_in_turn(w, &prng);
        }
    }
}

const struct story story_two_daemons_at_random = {.options = slow, .tell = tell};
