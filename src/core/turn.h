/* Whose turn it is at the gateway, and room there. Clients take turns, one request each at a time (RFC 6886
 * section 3.1), so that nobody waits for a busy neighbour. */
#pragma once

#include "core/proxy_state.h"

/* The mapping gets in line if the gateway is to be asked for it. */
void turn_queue(struct proxy *p, uint16_t m, const struct step *step);
/* When time alone changes that; UINT64_MAX: never. */
uint64_t turn_due_ms(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* The client may ask the gateway again: it gets in line. */
void turn_client(struct proxy *p, uint16_t c);
/* The mapping to ask for next, and what for; 0: nobody's turn. */
uint16_t turn_next(struct proxy *p, enum lease_want *ret_want, const struct step *step);

/* The gateway has no port left for this mapping: makes one free if that can be; false: clients use all. */
bool turn_make_room(struct proxy *p, uint16_t m, const struct step *step);
/* The gateway gave m the port of `holder`: that one is released if nobody uses it now. */
bool turn_yield(struct proxy *p, uint16_t m, uint16_t holder, const struct step *step);
/* The gateway has no port for it besides those of others: what its client was advertised is over. */
void turn_refuse(struct proxy *p, uint16_t m, const struct step *step);
