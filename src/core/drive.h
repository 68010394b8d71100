/* Brings what is closer to what ought to be: asks the parts of each mapping that changed what they want,
 * answers clients, and sends to router and gateway. */
#pragma once

#include "core/proxy_state.h"

/* Drives what was touched and carries out what is queued, as far as there is room. */
void drive(struct proxy *p, const struct step *step);
