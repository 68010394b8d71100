/* Requests from the LAN: what they ask of the mappings. */
#pragma once

#include "core/proxy_state.h"

void on_lan(struct proxy *p, const struct event *event, const struct step *step);
