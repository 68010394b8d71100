/* Answers requests from the LAN, at once or later through pending replies. */
#pragma once

#include "core/proxy_state.h"

/* Makes the pending reply for the sender of this event. */
struct pending_reply reply_to(const struct event *event);
/* Answers a request for which there is no job. The reply contains the requested internal port, but neither an
 * external port nor a lifetime. */
void reply_at_once(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                   enum natpmp_result result, const struct step *step);
/* Sends all pending replies of the mapping's job and ends the job. With an error, external_port and
 * lifetime_s are 0. */
void reply_to_job(struct proxy *p, uint16_t m, enum natpmp_result result, uint16_t external_port,
                  uint32_t lifetime_s, const struct step *step);
/* Sends all pending replies to deletions of all mappings of this client and protocol. */
void reply_to_delete_all(struct proxy *p, uint16_t c, enum natpmp_protocol protocol,
                         enum natpmp_result result, const struct step *step);

/* Answers an external address request now, or keeps a pending reply. */
void reply_address_request(struct proxy *p, const struct event *event, const struct step *step);
/* Sends the pending replies to external address requests that need not wait any longer. */
void reply_pump_addresses(struct proxy *p, const struct step *step);
/* The time at which the oldest of these replies must be sent; UINT64_MAX: there is none. */
uint64_t reply_addresses_due_ms(const struct proxy *p);
