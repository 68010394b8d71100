/* Deletions by clients: of one mapping, of all (RFC 6886 section 3.4), and those that are kept until the
 * first snapshot has shown what an earlier run left. */
#pragma once

#include "core/proxy_state.h"

/* The mapping ends, and who waits for its job waits for its end. */
void deletion_begin(struct proxy *p, uint16_t m, const struct step *step);
/* True if a client asked before the first snapshot to delete this mapping, or all of its protocol: then it is
 * not adopted but ends. */
bool deletion_begin_kept(struct proxy *p, uint16_t m, const struct step *step);
/* Nothing forwards to the client any more, and nothing is about to. */
bool deletion_is_done(const struct mapping *mapping);
/* Confirmed when nothing forwards to the client any more [D-03]; section 3.4 wants an error otherwise [D-06].
 */
void deletion_settle(struct proxy *p, uint16_t m, const struct step *step);
/* A mapping that a deletion of all waits for has ended or was given up. */
void deletion_progress(struct proxy *p, uint16_t m, enum natpmp_result result, const struct step *step);
