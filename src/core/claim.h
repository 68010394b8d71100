/* What a daemon says on the router when there is a sign of another daemon with the same INSTANCE: a disabled
 * rule that it adds and removes again a moment later. The other one sees it by listen, or in a snapshot if
 * the router refuses listen. The rule's comment is, in one line,
 *
 *     double-natpmp/<instance> takes over, may be removed:
 *         run <number> up <s> age <s> session <number> at <address>
 *
 * Which of two runs started later depends on no clock but the router's: `up` is the router's uptime, and
 * `age` is the age of the process at that time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "wire/routeros.h"

struct claim {
    uint32_t run; /* a random number of the process, never 0; 0: no claim */
    uint32_t up_s;
    uint32_t age_s;
    uint32_t session; /* the number of its main session in /user/active; 0: not known */
    uint32_t address; /* its own one towards the router; 0: not known */
};

/* Writes the comment. */
void claim_write(struct writer *w, const char *instance, const struct claim *claim);
/* False: the row is not a claim of this instance. */
bool claim_parse(const struct ros_sentence *row, const char *instance, struct claim *ret_claim);
/* Positive: the process of `a` started after that of `b`; negative: before it; 0: at the same time, as far as
 * whole seconds tell. */
int claim_order(const struct claim *a, const struct claim *b);
/* "1w2d3h4m5s", as RouterOS prints an uptime, or "1d03:04:05". False: it has another form. */
bool claim_parse_uptime(struct span text, uint32_t *ret_s);
