#include "core/upstream_clock.h"

uint32_t upstream_epoch_at_least_s(const struct upstream *u, uint64_t now_ms)
{
    return u->epoch_known ? u->epoch_s + (uint32_t)((now_ms - u->epoch_ms) * 7 / 8 / 1000) : 0;
}

uint64_t upstream_epoch_at_most_s(const struct upstream *u, uint64_t now_ms)
{
    return u->epoch_s + (now_ms - u->epoch_ms) / 1000 * 9 / 8;
}

/* RFC 6886 section 3.6 [C-26]: the epoch should have advanced as our clock did, but for an eighth and two
 * seconds. A late reply fails this as well, but by no more than a reply can be late; and a restart cannot be
 * longer ago than the last packet that fitted. Far ahead is wrong, too: a reply from before a restart, or the
 * tunnel ends at another server now. */
enum epoch upstream_judge_epoch(const struct upstream *u, uint32_t epoch_s, uint64_t now_ms)
{
    uint64_t elapsed_s = (now_ms - u->epoch_ms) / 1000;
    uint32_t expected_s = upstream_epoch_at_least_s(u, now_ms);
    if (!u->epoch_known)
        return EPOCH_FITS;
    if (epoch_s > upstream_epoch_at_most_s(u, now_ms) + LATE_MAX_S)
        return EPOCH_OTHER;
    if ((uint64_t)epoch_s + EPOCH_TOLERANCE_S >= expected_s)
        return EPOCH_FITS;
    bool restarted = epoch_s <= elapsed_s + EPOCH_TOLERANCE_S;
    return restarted || expected_s - epoch_s > LATE_MAX_S ? EPOCH_OTHER : EPOCH_LATE;
}
