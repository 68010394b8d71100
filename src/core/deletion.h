/* Deletions that clients request, of one mapping or of all mappings (RFC 6886 section 3.4). Before the first
 * snapshot has shown the rules of an earlier run, deletions are kept and carried out later. */
#pragma once

#include "core/proxy_state.h"

/* Ends the mapping. The pending replies of its job now wait for that end. */
void deletion_begin(struct proxy *p, uint16_t m, const struct step *step);
/* True if a client requested, before the first snapshot, to delete this mapping or all mappings of its
 * protocol: then the mapping is ended and not adopted. */
bool deletion_begin_kept(struct proxy *p, uint16_t m, const struct step *step);
/* True if no rule forwards to the client any more, and none will be added. */
bool deletion_is_done(const struct mapping *mapping);
/* Answers a deletion with success when no rule forwards to the client any more [D-03], and with an error if
 * that takes too long (section 3.4 [D-06]). */
void deletion_settle(struct proxy *p, uint16_t m, const struct step *step);
/* A deletion of all mappings need not wait for this mapping any longer, because the mapping has ended or was
 * requested again (NATPMP_SUCCESS), or because its rule could not be removed in time. */
void deletion_progress(struct proxy *p, uint16_t m, enum natpmp_result result, const struct step *step);
