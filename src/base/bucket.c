#include "base/bucket.h"

uint64_t bucket_due_ms(const struct bucket *bucket, struct bucket_limit limit, unsigned count)
{
    uint64_t ahead_us = (uint64_t)(limit.burst - count) * limit.period_us;
    return bucket->full_us > ahead_us ? (bucket->full_us - ahead_us + 999) / 1000 : 0;
}

void bucket_take(struct bucket *bucket, struct bucket_limit limit, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    bucket->full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + limit.period_us;
}

bool bucket_is_full(const struct bucket *bucket, uint64_t now_ms)
{
    return bucket->full_us <= now_ms * 1000;
}
