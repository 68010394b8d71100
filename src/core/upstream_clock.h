/* The gateway's clock, as its epoch shows it (RFC 6886 section 3.6). */
#pragma once

#include "core/upstream.h"

enum {
    /* The difference that section 3.6 tolerates. */
    EPOCH_TOLERANCE_S = 2,
    /* No reply is later than this, because section 3.1 ends a request 64 s after its ninth attempt. */
    LATE_MAX_S = 64,
    /* A request during which the clock was set so often is answered by any reply to it. */
    CLOCK_CHANGES_MAX = 2,
    /* A clock that is set again and again is ignored for so long. */
    CLOCK_VOID_MS = 10 * 60 * 1000,
};

/* The lowest epoch that the gateway should have now: section 3.6 lets its clock be slower by an eighth. */
uint32_t upstream_epoch_at_least_s(const struct upstream *u, uint64_t now_ms);

/* A question of ours that a reply may answer. */
struct question {
    bool open;
    bool decided; /* the clock was set so often meanwhile that any reply is an answer */
    uint32_t floor_s;
    uint64_t asked_ms;
};

/* The gateway's epoch when the question was asked, at least, by the clock as it is known now: that clock may
 * have been set since. An older reply answers an earlier request. */
uint32_t upstream_floor_of(const struct upstream *u, const struct question *question);
/* Takes the epoch of a packet. False: the packet answers nothing, because it was sent before the question. */
bool upstream_watch_epoch(struct upstream *u, const struct natpmp_reply *reply,
                          const struct question *question, uint64_t now_ms);
/* True if the clock was set so often that it is ignored for a while: any reply answers its question. */
bool upstream_clock_is_void(const struct upstream *u, uint64_t now_ms);
/* True once in a while: a packet that answers nothing may cause a request now. */
bool upstream_may_ask_unasked(struct upstream *u, uint64_t now_ms);
