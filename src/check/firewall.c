#include "check/firewall.h"

void firewall_judge(const struct survey *s, enum table_name table, const char *chain,
                    const struct packet *packet, uint32_t until, struct verdict *ret_verdict)
{
    struct chain_walk walk;
    unsigned place;
    chain_walk_init(&walk, until);
    for (struct table_rows t = table_rows_of(s, table); table_rows_next(&t) != NULL;)
        (void)chain_walk_add(&walk, t.row, cover_of_row(t.row, packet), &place);
    chain_walk_judge(&walk, chain, ret_verdict);
}
