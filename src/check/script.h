/* Values in RouterOS commands that a person pastes. */
#pragma once

#include "base/cursor.h"
#include "base/limits.h"
#include "base/span.h"

/* Bare, or in quotes with everything escaped that means something there. */
void write_quoted(struct writer *w, struct span text);

struct ros_quoted {
    char text[3 * CREDENTIAL_MAX + 3];
};
/* For %s; at most CREDENTIAL_MAX bytes. */
struct ros_quoted ros_quote(struct span text);
