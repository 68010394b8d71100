/* Which rules of a table that was read decide over a class of packets. */
#pragma once

#include "check/survey.h"
#include "core/chain_walk.h"

/* Follows the rules of a chain and its jumps. A rule with the id `until` (0: none) counts as covering
 * everything. */
void firewall_judge(const struct survey *s, enum table_name table, const char *chain,
                    const struct packet *packet, uint32_t until, struct verdict *ret_verdict);
