/* The gateway lost its state (RFC 6886 section 3.7), or a port that a client relies on is gone: all is
 * requested again, and clients hear of what could not be kept by a new epoch. */
#pragma once

#include "core/proxy_state.h"

/* The gateway forgot what it granted before lost_ms; requests start after a random delay. */
void recovery_begin(struct proxy *p, uint64_t lost_ms, const struct step *step);
/* The port under which a client is reached is gone, and no client asked for that. */
void recovery_note_broken(struct proxy *p, uint16_t m, const struct step *step);
void recovery_tick(struct proxy *p, const struct step *step);
uint64_t recovery_due_ms(const struct proxy *p);
