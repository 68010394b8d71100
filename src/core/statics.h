/* Static mappings (STATIC_MAPPINGS): the daemon is a client of its own that never forgets. It requests them
 * when the router's addresses and rules are known, keeps them for ever, and requests each again that the
 * gateway refuses. */
#pragma once

#include "core/proxy_state.h"

/* True if the mapping is one of the configuration, whether or not it exists by now. With internal port 0: if
 * any mapping of this host and protocol is. */
bool statics_has(const struct proxy *p, uint32_t address, enum natpmp_protocol protocol,
                 uint16_t internal_port);
/* To be called after each snapshot: makes those that are missing, before clients are served. */
void statics_begin(struct proxy *p, const struct step *step);
/* The gateway has confirmed the deletion of a lease: static mappings that have no port ask before all others.
 */
void statics_on_deleted(struct proxy *p, uint16_t deleted, const struct step *step);
/* The gateway has no port for a static mapping, or refuses it: it is requested again after a pause. */
void statics_refused(struct proxy *p, uint16_t m, enum natpmp_result result, const struct step *step);
/* The gateway did not answer the request for a static mapping, and answers others. */
void statics_unanswered(struct proxy *p, uint16_t m, const struct step *step);
/* The gateway granted a port that cannot be used: the lease is deleted, and requested again after a pause. */
void statics_give_back(struct proxy *p, uint16_t m, const struct step *step);
/* The gateway did not confirm that deletion: the same. */
void statics_not_given_back(struct proxy *p, uint16_t m, const struct step *step);
/* A static mapping has no port, and asks for one or is about to: it comes before the mapping m of a client
 * that has none either. */
bool statics_come_before(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* The gateway answers again after an outage, has granted one more port, or a client asks it soon after its
 * restart: the static mappings that have no port ask at once, whatever pauses earlier failures set. */
void statics_hurry(struct proxy *p, const struct step *step);
/* The mapping has an external port, or another one. */
void statics_report(struct proxy *p, uint16_t m, const struct step *step);
