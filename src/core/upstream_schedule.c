#include "core/upstream_schedule.h"

enum {
    /* An attempt that is due within this time is not sent earlier. */
    WANTED_WITHIN_MS = 1000,
};

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
        if (t->used && t->ignored && t->sends < t->sends_max)
            t->next_ms = u->due_ms = now_ms;
        t->ignored = false;
    }
}

void upstream_hurry(struct upstream *u, uint64_t now_ms)
{
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        struct transaction *t = &u->transaction[i];
        if (t->used && t->sends < t->sends_max && t->next_ms > now_ms + FIRST_INTERVAL_MS)
            t->next_ms = now_ms;
    }
    u->due_ms = now_ms;
    if (u->address_next_ms <= now_ms + FIRST_INTERVAL_MS)
        return;
    u->address_sends = 0;
    u->address_next_ms = now_ms;
}
