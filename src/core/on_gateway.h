/* What the gateway answered, and what that does to the mappings. */
#pragma once

#include "core/proxy_state.h"

/* Takes the outcomes that upstream has. */
void on_gateway(struct proxy *p, const struct step *step);
