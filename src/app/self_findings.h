/* What the daemon's own check has found: the failures, each with the time since when it is known. */
#pragma once

#include "app/log.h"
#include "check/finding.h"

struct self_finding {
    struct finding finding;
    uint64_t since_ms; /* of the check that found it first */
};

/* Zero is the beginning. */
struct self_findings {
    bool checked;        /* there was a check in this trouble */
    uint64_t checked_ms; /* the last one */
    unsigned count;
    struct self_finding at[FINDINGS];
};

/* Takes the failures of a check in the place of those before. Logs each that is new or has changed, and if
 * none is left. */
void self_findings_take(struct self_findings *f, const struct findings *found, uint64_t now_ms,
                        struct log *log);
/* Everything works. */
void self_findings_end(struct self_findings *f, struct log *log);
