/* Answers to LAN requests, at once or to all who wait. */
#pragma once

#include "core/proxy_state.h"

/* The reply that the sender of this event waits for. */
struct pending_reply reply_to(const struct event *event);
/* Answers a request that has no mapping, or whose mapping is not asked for it; it names the port that was
 * asked, and no mapping. */
void reply_at_once(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                   enum natpmp_result result, const struct step *step);
/* Answers all who wait for a mapping's job and ends the job. external_port and lifetime_s go with success. */
void reply_to_job(struct proxy *p, uint16_t m, enum natpmp_result result, uint16_t external_port,
                  uint32_t lifetime_s, const struct step *step);
/* Answers all who wait for the end of all mappings of one client and protocol. */
void reply_to_delete_all(struct proxy *p, uint16_t c, enum natpmp_protocol protocol,
                         enum natpmp_result result, const struct step *step);

/* An external address request: it is answered now or waits. */
void reply_address_request(struct proxy *p, const struct event *event, const struct step *step);
/* Answers external address requests that need not wait any longer. */
void reply_pump_addresses(struct proxy *p, const struct step *step);
uint64_t reply_addresses_due_ms(const struct proxy *p);
