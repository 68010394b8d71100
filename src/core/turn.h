/* Decides which mapping asks the gateway next, and makes room at a gateway that has no port left. Clients
 * take turns with one request each at a time (RFC 6886 section 3.1), so that a client with many requests does
 * not delay the others. */
#pragma once

#include "core/proxy_state.h"

/* Queues the mapping if a request or a deletion has to be sent to the gateway for it now. */
void turn_queue(struct proxy *p, uint16_t m, const struct step *step);
/* The time at which turn_queue would queue the mapping although nothing else changes; UINT64_MAX: never. */
uint64_t turn_due_ms(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* Queues the client if one of its mappings is queued and the client may have another request in flight. */
void turn_client(struct proxy *p, uint16_t c);
/* Takes the next mapping from the queues, and sets the kind of request in *ret_want. 0: none may ask now. */
uint16_t turn_next(struct proxy *p, enum lease_want *ret_want, const struct step *step);

/* The gateway is short of ports, and this new mapping is refused because others come first: those that
 * existed when the gateway restarted, until they have been requested again, and a static one without a port.
 */
bool turn_comes_later(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* The gateway has no port left for this mapping: frees a port that no client uses, if there is one. False:
 * clients use all ports. */
bool turn_make_room(struct proxy *p, uint16_t m, const struct step *step);
/* The gateway granted m the external port of `holder`: releases `holder` if no client uses it now. True: it
 * was released. */
bool turn_yield(struct proxy *p, uint16_t m, uint16_t holder, const struct step *step);
/* The gateway granted m the number of a port whose other protocol another client has: releases that one for a
 * static mapping. True: it was released. */
bool turn_take_number(struct proxy *p, uint16_t m, uint16_t external_port, const struct step *step);
/* The gateway grants this mapping only ports that other mappings have: refuses the client's request, and ends
 * the mapping. */
void turn_refuse(struct proxy *p, uint16_t m, const struct step *step);
