/* Two daemons with one INSTANCE, on a router with random delays: they start, crash, lose their machines, and
 * lose their connections; the router reboots. Whenever all of that has been quiet for a while, exactly one of
 * those that run serves, nothing but the rule of the mapping is on the router, and nobody writes there any
 * more. [R3] */
#include "scenario.h"

enum { ROUNDS = 150, QUIET_MS = 175000 };

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

static void tell(struct world *w)
{
    struct prng prng = prng_seeded(12);

    show(w, false);
    w->lan.deaf = true;
    world_start(w, 1);
    world_run_for(w, 5000);
    asks_map(w, 10, 40000, UDP, 7000, 7000, 86400);
    world_run_for(w, 5000);
    expect(w, our_rules(w) == 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t before = router_writes(w);

        for (unsigned i = 1 + prng_below(&prng, 5); i > 0; i--)
            happens(w, &prng);
        start(w, prng_below(&prng, 2), prng_next(&prng));
        world_run_for(w, QUIET_MS);
        expect(w, serves(w, 0) != serves(w, 1));
        expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
        expect(w, router_writes(w) - before < 60);
        before = router_writes(w);
        world_run_for(w, 60000);
        expect(w, router_writes(w) == before);
    }
}

const struct story story_two_daemons_at_random = {.options = slow, .tell = tell};
