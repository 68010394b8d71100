/* The time since boot, one deadline on it, and a seed.
 *
 * A lease ends at the gateway even while this machine sleeps. So all times are CLOCK_BOOTTIME, which counts
 * the sleep: after a resume, what has expired meanwhile is noticed at once. Changes of the date have no
 * effect. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"

#define CLOCK_NEVER UINT64_MAX

uint64_t clock_now_ms(void);
/* Unix time of a moment of that clock. It stays the same for the same moment, unless the date is set. */
int64_t clock_unix_s(uint64_t at_ms);
/* Random enough for ports and jitter. It never blocks, not even early at boot. */
uint64_t clock_seed(void);

struct deadline {
    uv_poll_t poll;
    int fd;
    uint64_t armed_ms;
    void (*fired)(void *context);
    void *context;
};

/* 0 or a negative errno. */
nodiscard_ int deadline_open(struct deadline *d, uv_loop_t *loop, void (*fired)(void *context),
                             void *context);
/* `fired` is called once, from the loop, when `at_ms` is reached; CLOCK_NEVER disarms. Arming for the same
 * time again costs nothing. */
void deadline_arm(struct deadline *d, uint64_t at_ms);
/* The memory must stay until the loop has run once more. */
void deadline_close(struct deadline *d);
