/* What the router's table shows, and how its answers change what is known of the rules. */
#pragma once

#include "core/proxy_state.h"

/* Takes the outcomes that router has. */
void on_router(struct proxy *p, const struct step *step);
