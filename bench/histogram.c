#include "histogram.h"

enum { STEPS = 64 }; /* between one power of two and the next */

static unsigned bucket_of(uint64_t value)
{
    unsigned shift = 0;
    for (; value >= (uint64_t)2 * STEPS; value >>= 1)
        shift++;
    return (unsigned)value + shift * (unsigned)STEPS;
}

static uint64_t value_of(unsigned bucket)
{
    if (bucket < STEPS)
        return bucket;
    unsigned shift = bucket / STEPS - 1;
    return (uint64_t)(bucket - shift * STEPS) << shift;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->bucket[bucket_of(value)]++;
    h->count++;
}

uint64_t histogram_at(const struct histogram *h, double part)
{
    uint64_t wanted = (uint64_t)((double)h->count * part);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= wanted && seen > 0)
            return value_of(i);
    }
    return 0;
}
