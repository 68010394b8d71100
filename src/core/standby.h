/* Another daemon with our INSTANCE serves. While this one stands by, it has no mappings, answers nobody, and
 * asks the gateway nothing; it changes no rule. When it serves again, it begins as after a start. */
#pragma once

#include "core/proxy_state.h"

/* Forgets all mappings. Rules and leases stay as they are: they belong to the other daemon. */
void standby_begin(struct proxy *p, const struct step *step);
void standby_end(struct proxy *p, const struct step *step);
