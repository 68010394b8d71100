/* Which addresses no rule may lead to, whoever asks and whenever: it would give a port of the router, of the
 * gateway or of this machine to strangers, or their packets to all hosts of a network. */
#pragma once

#include "core/proxy_state.h"

/* Why no rule may lead to the address. As long as the router's tables are not read, its addresses are not
 * known: target_expel looks again. */
enum target_refusal target_refused(const struct proxy *p, uint32_t address);
/* The address was the destination of a datagram, so it is ours. */
void target_note_own(struct proxy *p, uint32_t address);
/* To be called when the router's addresses were read: ends what leads to one of them. */
void target_expel(struct proxy *p, const struct step *step);
