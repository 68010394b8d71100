/* A small seeded generator for router ports, jitter and delays. Not for secrets. */
#pragma once

#include <stdint.h>

struct prng {
    uint64_t state;
};

struct prng prng_seeded(uint64_t seed);
uint64_t prng_next(struct prng *p);
/* Uniform enough in 0 .. bound-1; bound > 0. */
uint32_t prng_below(struct prng *p, uint32_t bound);
