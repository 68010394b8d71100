/* Other options than the default ones: slow, lossy, with an older router, or with a gateway that grants a
 * minute. */
#include "crash.h"

static uint32_t pick(struct prng *prng, const uint32_t *values, unsigned count)
{
    return values[prng_below(prng, count)];
}

static void router_of(struct prng *prng, struct router_model_options *router)
{
    static const char *const versions[] = {"6.49.10", "7.12", "7.16.2", "7.18.2", "7.24"};
    static const uint32_t latencies_ms[] = {2, 30, 300};
    struct router_model_user user = router->users[0];

    *router = router_model_defaults(versions[prng_below(prng, ARRAY_LEN(versions))]);
    router->users[0] = user;
    router->latency_min_ms = 1;
    router->latency_max_ms = pick(prng, latencies_ms, ARRAY_LEN(latencies_ms));
    router->out_of_order = prng_below(prng, 3) == 0;
    router->listen_delay_max_ms = prng_below(prng, 3) == 0 ? prng_below(prng, 100) : 0;
    router->own_event = (enum router_model_own_event)prng_below(prng, 3);
    router->listen_partial_rows = prng_below(prng, 3) == 0;
    router->tag_last = prng_below(prng, 3) == 0;
    router->rows_per_ms = prng_below(prng, 3) == 0 ? 1 + prng_below(prng, 3) : 0;
}

void crash_home(struct world_options *options, uint64_t seed)
{
    static const uint32_t latencies_ms[] = {5, 40, 400};
    struct prng prng = prng_seeded(seed);

    router_of(&prng, &options->router);
    options->gateway.profile = prng_below(&prng, 2) ? GATEWAY_PROTON : GATEWAY_STRICT;
    options->gateway.ignore_suggestion = prng_below(&prng, 4) == 0;
    /* The delay is constant, because the simulation covers packets that overtake each other. */
    options->gateway_link.latency_min_ms = pick(&prng, latencies_ms, ARRAY_LEN(latencies_ms));
    options->gateway_link.latency_max_ms = options->gateway_link.latency_min_ms;
    options->gateway_link.loss_percent = prng_below(&prng, 3) == 0 ? 20 : 0;
    options->lan.loss_percent = prng_below(&prng, 3) == 0 ? 20 : 0;
    options->stream_max_ms = options->stream_min_ms + prng_below(&prng, 40);
    options->stream_chunk_max = prng_below(&prng, 4) == 0 ? 1 + prng_below(&prng, 64) : 0;
    options->deadline_late_max_ms = prng_below(&prng, 3) == 0 ? 15 : 0;
}
