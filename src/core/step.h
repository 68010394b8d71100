/* What one step of the core passes from module to module. */
#pragma once

#include "core/event.h"

struct step {
    uint64_t now_ms; /* the time of the event */
    struct actions *out;
};

static inline uint64_t earlier_ms(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static inline uint64_t later_ms(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* The earlier of two times; at_ms counts only if it is later than now_ms. */
static inline uint64_t sooner_ms(uint64_t due_ms, uint64_t at_ms, uint64_t now_ms)
{
    return at_ms > now_ms ? earlier_ms(due_ms, at_ms) : due_ms;
}

/* The delay after this many failures in a row: first_ms, doubled after each failure, max_ms at most. */
static inline uint64_t backoff_ms(uint64_t first_ms, uint64_t max_ms, unsigned failures)
{
    return earlier_ms(first_ms << (failures < 16 ? failures : 16), max_ms);
}

/* When to try again after one more failure in a row, which *failures counts. */
static inline uint64_t next_try_ms(uint8_t *failures, uint64_t first_ms, uint64_t max_ms, uint64_t now_ms)
{
    uint64_t at_ms = now_ms + backoff_ms(first_ms, max_ms, *failures);
    if (*failures < UINT8_MAX)
        (*failures)++;
    return at_ms;
}

/* True if *noted was false, so that a condition is logged once. The caller clears *noted when the condition
 * ends. */
static inline bool first_time(bool *noted)
{
    bool first = !*noted;
    *noted = true;
    return first;
}
