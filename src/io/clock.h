/* The time that goes on while the machine sleeps, one deadline on it, and a seed.
 *
 * A lease ends at the gateway whether or not this machine slept: CLOCK_BOOTTIME everywhere, so that after a
 * resume what has run out is seen at once. A step of the wall clock changes nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"

#define CLOCK_NEVER UINT64_MAX

uint64_t clock_now_ms(void);
/* Random enough for ports and jitter; never blocks, also early at boot. */
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
/* `fired` is called once, from the loop, when `at_ms` has come; CLOCK_NEVER disarms. Costs nothing if it is
 * armed for that time already. */
void deadline_arm(struct deadline *d, uint64_t at_ms);
/* The memory is needed until the loop has run once more. */
void deadline_close(struct deadline *d);
