#include "core/upstream_schedule.h"

enum {
    /* An attempt that is due within this time is not sent earlier. */
    WANTED_WITHIN_MS = 1000,
};

/* The gateway lives, so the attempts of a request begin anew: it would block all others of its client while
 * it waits for the answer to the last one, and if this attempt is lost, too, the next ones have to follow
 * soon. */
static void send_now(struct upstream *u, struct transaction *t, uint64_t now_ms)
{

    if (!t->deleting)
        t->sends = 0;
    t->next_ms = now_ms;
    u->due_ms = now_ms;
}

void upstream_want_address(struct upstream *u, uint64_t now_ms)
{
    if (u->address_next_ms <= now_ms + WANTED_WITHIN_MS)
        return;
    u->address_sends = 0;
    u->address_next_ms = now_ms;
}

void upstream_ask_address_now(struct upstream *u, uint64_t now_ms)
{
    u->address_sends = 0;
    u->address_asking = false;
    u->address_next_ms = now_ms;
}

void upstream_ask_ignored_again(struct upstream *u, uint64_t now_ms)
{
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        struct transaction *t = &u->transaction[i];
        if (t->used && t->ignored)
            send_now(u, t, now_ms);
        t->ignored = false;
    }
}

void upstream_hurry(struct upstream *u, uint64_t now_ms)
{
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        struct transaction *t = &u->transaction[i];
        bool may = !t->deleting || t->sends < t->sends_max;
        bool soon = t->next_ms <= now_ms + FIRST_INTERVAL_MS && t->sends < LATE_SENDS;
        if (t->used && may && !soon)
            send_now(u, t, now_ms);
    }
    u->due_ms = now_ms;
    if (u->address_next_ms <= now_ms + FIRST_INTERVAL_MS)
        return;
    u->address_sends = 0;
    u->address_next_ms = now_ms;
}
