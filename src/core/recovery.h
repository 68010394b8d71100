/* Recovers when the gateway lost its state (RFC 6886 section 3.7): requests all mappings again. If a client
 * loses a port that it was advertised, then or at another time, restarts the daemon's epoch, so that clients
 * notice. */
#pragma once

#include "core/proxy_state.h"

/* The gateway lost the leases that it granted before lost_ms. The requests start after a random delay. */
void recovery_begin(struct proxy *p, uint64_t lost_ms, const struct step *step);
/* The client of this mapping has lost its advertised external port without having requested that. */
void recovery_note_broken(struct proxy *p, uint16_t m, const struct step *step);
/* Starts the requests after the delay, and restarts the epoch when the outcome is known. */
void recovery_tick(struct proxy *p, const struct step *step);
/* The time at which recovery_tick has something to do; UINT64_MAX: never. */
uint64_t recovery_due_ms(const struct proxy *p);
