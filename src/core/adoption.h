/* Adopts the rules that an earlier run of the daemon left on the router: at the first complete snapshot they
 * become mappings again for the rest of their lease, and their clients renew them. */
#pragma once

#include <stdint.h>

struct nat_rule;
struct proxy;
struct step;

/* Finds or makes the mapping for a rule of an earlier run, with the ports and the lease that the rule names.
 * 0: no mapping can have the rule, and *ret_why says why. */
uint16_t adoption_find(struct proxy *p, const struct nat_rule *row, const struct step *step,
                       const char **ret_why);
/* Keeps the mapping, unless the daemon is stopping or its client has asked for its deletion meanwhile. */
void adoption_begin(struct proxy *p, uint16_t m, const struct nat_rule *row, const struct step *step);
/* A snapshot is complete: from now on, a rule that no mapping needs is removed. */
void adoption_end(struct proxy *p, const struct step *step);
