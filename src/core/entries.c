#include "core/entries.h"

/* The rule may be gone by now, or have become another one, which waits by itself. */
static bool take(struct proxy *p, struct entry_target *ret_target)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = list_pop(&t->fresh, t->fresh_link);
    const struct mapping *mapping = &t->mapping[m];
    if (!rule_forwards(mapping))
        return false;
    *ret_target = (struct entry_target){
        .owner = m,
        .router_port = mapping->router_port,
        .internal_port = mapping->internal_port,
        .protocol = mapping->protocol,
        .client = mapping_address(t, m),
    };
    return true;
}

static void take_back(struct proxy *p)
{
    struct entry_target left[ENTRY_QUERIES_MAX];
    unsigned count = router_entries_left(&p->router, left);
    for (unsigned i = 0; i < count; i++)
        if (p->tables.mapping[left[i].owner].client != 0)
            mapping_note_fresh(&p->tables, left[i].owner);
}

void entries_tick(struct proxy *p, const struct step *step)
{
    struct entry_target target[ENTRY_QUERIES_MAX];
    unsigned count = 0;
    take_back(p);
    unsigned room = p->tables.fresh.first != 0 ? router_entries_room(&p->router) : 0;
    if (room > 0 && !actions_room(step->out)) {
        p->more = true;
        return;
    }
    while (count < room && p->tables.fresh.first != 0)
        count += take(p, &target[count]);
    if (count > 0)
        router_entries_read(&p->router, target, count, step);
}
