/* Brings each mapping closer to what it should be: asks the parts of the mapping what they want, answers
 * the clients, and sends commands to the router and requests to the gateway. */
#pragma once

#include "core/proxy_state.h"

/* Drives all touched mappings and sends what is queued. If the actions have no room left, the rest stays
 * queued and p->more is set. */
void drive(struct proxy *p, const struct step *step);
