/* Values in RouterOS commands that a person copies and pastes. */
#pragma once

#include "base/cursor.h"
#include "base/limits.h"
#include "base/span.h"
#include "core/router_rows.h"

/* For the owner to replace. */
#define YOUR_TUNNEL "YOUR-TUNNEL"
#define YOUR_LAN "YOUR-LAN"

/* Writes the text as it is, or in quotes with every special character escaped. */
void write_quoted(struct writer *w, struct span text);
/* The same for each name, with commas between them. */
void write_names(struct writer *w, const struct interface_names *names);

struct ros_quoted {
    char text[3 * CREDENTIAL_MAX + 3];
};
/* Takes at most CREDENTIAL_MAX bytes. */
struct ros_quoted ros_quote(struct span text);
