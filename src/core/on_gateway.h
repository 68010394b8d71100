/* Updates the mappings from the gateway's answers, and from requests that the gateway did not answer. */
#pragma once

#include "core/proxy_state.h"

/* Handles all outcomes that the upstream module has ready; call it in each step after the module has run. */
void on_gateway(struct proxy *p, const struct step *step);
/* A port that the gateway said last, and did not contradict for a while, counts. */
void on_gateway_settled(struct proxy *p, uint16_t m, const struct step *step);
