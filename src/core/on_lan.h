/* Handles the requests that clients on the LAN send, and starts the changes of mappings that they ask for. */
#pragma once

#include "core/proxy_state.h"

/* Handles one EVENT_LAN. A request that needs the router or the gateway leaves a job and a pending reply. */
void on_lan(struct proxy *p, const struct event *event, const struct step *step);
