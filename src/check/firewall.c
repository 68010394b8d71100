#include "check/firewall.h"

void firewall_judge(const struct survey *s, enum table_name table, const char *chain,
                    const struct packet *packet, uint32_t until, struct verdict *ret_verdict)
{
    struct chain_walk walk;
    chain_walk_init(&walk, packet, until);
    for (struct table_rows t = table_rows_of(s, table); table_rows_next(&t) != NULL;)
        chain_walk_add(&walk, t.row);
    chain_walk_judge(&walk, chain, ret_verdict);
}
