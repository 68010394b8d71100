/* Rules that are new: entries of the router's connection table for their ports may be older, and lead
 * elsewhere (router_entries.c). No client waits for their removal: whoever sends for the first time reaches
 * it without. The router is asked while the gateway is, so that the entries are usually gone before the
 * client is answered. An entry is nothing that the router writes to flash memory, so its removal is no change
 * in the sense of change.h; there are no more prints than additions of rules, and no more removals than
 * limits.h allows for each. */
#pragma once

#include "core/proxy_state.h"

/* Asks for the entries of rules that are new, if the router can be asked now. */
void entries_tick(struct proxy *p, const struct step *step);
