/* Times of any size in few buckets, each of which is at most 1 % wide. */
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 64 * 64 };

struct histogram {
    uint64_t count;
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
/* The value that a fraction `part` (0 to 1) of all times does not exceed. */
uint64_t histogram_at(const struct histogram *h, double part);
