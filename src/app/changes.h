/* The last changes that the core reported (ACTION_NOTICE), for `double-natpmp watch` and for whoever shows
 * them. */
#pragma once

#include "core/event.h"

enum {
    /* As many lines as a screen has. A reader that is further behind loses the older ones. */
    CHANGES_MAX = 32,
};

struct change {
    uint64_t at_ms; /* CLOCK_BOOTTIME, so that it stays right when the clock is set */
    struct notice notice;
};

/* The memory must be zero. */
struct changes {
    struct change at[CHANGES_MAX];
    uint64_t
        next; /* the number of the next change; those before it are stored, CHANGES_MAX of them at most */
};

void changes_add(struct changes *changes, const struct notice *notice, uint64_t at_ms);
/* The stored change with that number, or the oldest one if it is not stored any more; NULL: it has not
 * happened yet. To go through them, begin with 0, and go on with `notice.number + 1` of each. */
const struct change *changes_from(const struct changes *changes, uint64_t number);
