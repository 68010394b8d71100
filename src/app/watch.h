/* What `double-natpmp watch` gets from the running daemon: a greeting, and then each change as it happens.
 * Both are plain structs of one program, and what comes is checked, because another process may have taken
 * the name. */
#pragma once

#include "app/changes.h"
#include "app/health.h"
#include "app/status.h"
#include "io/feed.h"

struct watch_greeting {
    char version[STATUS_VERSION_MAX + 1];
    uint32_t verdict; /* enum feed_verdict */
};

/* The name of the feed of the daemon whose socket for questions has that name. */
struct health_name watch_name(const struct health_name *daemon);
/* The context is the struct changes. */
extern const struct feed_handlers watch_handlers;

/* True if the bytes are from this version of the program, with numbers in their ranges. */
bool watch_greeting_is_valid(const struct watch_greeting *greeting, size_t size);
bool watch_change_is_valid(const struct change *change, size_t size);
