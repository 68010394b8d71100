#include "base/prng.h"

#include <assert.h>

struct prng prng_seeded(uint64_t seed)
{
    return (struct prng){.state = seed};
}

/* splitmix64: every seed, 0 too, is a good one, and neighbouring seeds give unrelated numbers. */
uint64_t prng_next(struct prng *p)
{
    p->state += 0x9E3779B97F4A7C15u;
    uint64_t z = p->state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint32_t prng_below(struct prng *p, uint32_t bound)
{
    assert(bound > 0);
    return (uint32_t)((prng_next(p) >> 32) * bound >> 32);
}
