/* A token bucket: bounds how often something may happen. It allows `burst` at once, and then one in each
 * period. A bucket of zero bytes is full. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t full_us; /* when it is full again, if nothing more is taken */
};

struct bucket_limit {
    unsigned burst; /* at least 1 */
    unsigned period_us;
};

/* The time from which so many can be taken at once: 1 .. burst. */
uint64_t bucket_due_ms(const struct bucket *bucket, struct bucket_limit limit, unsigned count);
/* Takes one, even if there is none left: the next one comes later then. */
void bucket_take(struct bucket *bucket, struct bucket_limit limit, uint64_t now_ms);
bool bucket_is_full(const struct bucket *bucket, uint64_t now_ms);
