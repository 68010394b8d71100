/* The gateway's clock, as its epoch shows it (RFC 6886 section 3.6). */
#pragma once

#include "core/upstream.h"

enum {
    /* The difference that section 3.6 tolerates. */
    EPOCH_TOLERANCE_S = 2,
    /* No reply is later than this, because section 3.1 ends a request 64 s after its ninth attempt. */
    LATE_MAX_S = 64,
};

enum epoch {
    EPOCH_FITS,
    EPOCH_LATE,  /* a reply that was long under way, or the gateway's clock was set back */
    EPOCH_OTHER, /* the gateway started anew, or another one answers */
};

/* The lowest epoch that the gateway should have now: section 3.6 lets its clock be slower by an eighth. */
uint32_t upstream_epoch_at_least_s(const struct upstream *u, uint64_t now_ms);
/* The most that the epoch should be by now, by a fast reckoning. */
uint64_t upstream_epoch_at_most_s(const struct upstream *u, uint64_t now_ms);
/* How the epoch of a packet that came now fits to the clock that is known. */
enum epoch upstream_judge_epoch(const struct upstream *u, uint32_t epoch_s, uint64_t now_ms);
