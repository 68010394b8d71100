/* Updates the mappings from the gateway's answers, and from requests that the gateway did not answer. */
#pragma once

#include "core/proxy_state.h"

/* Handles all outcomes that the upstream module has ready; call it in each step after the module has run. */
void on_gateway(struct proxy *p, const struct step *step);
