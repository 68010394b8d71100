/* Updates the mappings from the rows of the router's NAT table and from the router's answers to commands. */
#pragma once

#include "core/proxy_state.h"

/* Handles all outcomes that the router module has ready; call it in each step after the module has run. */
void on_router(struct proxy *p, const struct step *step);
