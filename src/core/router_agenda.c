/* What the router's side has to do later: resyncs, and removals of rules that belong to no mapping. */
#include "core/router.h"

enum {
    FOREIGN_CHANGE_MS = 2 * 1000,
    FOREIGN_RESYNCS_APART_MS = 15 * 1000,
    ORPHANS_LATER_MS = 10 * 1000,
};

/* ---- resyncs ---- */

void router_resync(struct router *r, uint64_t at_ms)
{
    if (r->stage == STAGE_SNAPSHOT)
        r->resync_again = true; /* the router may have sent the row already */
    if (at_ms < r->resync_due_ms)
        r->resync_due_ms = at_ms;
}

void router_resync_later(struct router *r, uint64_t at_ms)
{
    if (at_ms < r->resync_due_ms)
        r->resync_due_ms = at_ms;
}

void router_place_lost(struct router *r, uint64_t now_ms)
{
    r->place_lost = true;
    router_resync(r, now_ms);
}

void router_foreign_changed(struct router *r, uint64_t now_ms)
{
    uint64_t at_ms = now_ms + FOREIGN_CHANGE_MS;
    uint64_t apart_ms = r->resynced_ms + FOREIGN_RESYNCS_APART_MS;
    router_resync_later(r, later_ms(at_ms, apart_ms));
}

/* ---- removals ---- */

void router_orphan(struct router *r, uint32_t id, uint64_t now_ms)
{
    for (unsigned i = 0; i < r->orphans; i++)
        if (r->orphan[i] == id)
            return;
    if (r->orphans < ROUTER_ORPHANS_MAX) {
        r->orphan[r->orphans++] = id;
        return;
    }
    r->unread = true;
    router_resync(r, now_ms + ORPHANS_LATER_MS); /* it finds the others again */
}

void router_spare(struct router *r, uint32_t id)
{
    for (unsigned i = 0; i < r->orphans; i++)
        if (r->orphan[i] == id)
            r->orphan[i--] = r->orphan[--r->orphans];
}

void router_note_removed(struct router *r, uint32_t id)
{
    r->removed[r->removed_next++ % ROUTER_ORPHANS_MAX] = id;
}

void router_forget_removal(struct router *r, uint32_t id)
{
    for (unsigned i = 0; i < ROUTER_ORPHANS_MAX; i++)
        if (r->removed[i] == id)
            r->removed[i] = 0;
}

bool router_has_removed(const struct router *r, uint32_t id)
{
    for (unsigned i = 0; i < ROUTER_ORPHANS_MAX; i++)
        if (r->removed[i] == id)
            return true;
    return false;
}
