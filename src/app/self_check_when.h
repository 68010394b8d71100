/* When the daemon checks the router and the gateway by itself: when something has not worked for a while. */
#pragma once

#include "core/proxy_status.h"

enum {
    /* A tunnel that is restarted, or a router, is back sooner. */
    SELF_CHECK_AFTER_MS = 60 * 1000,
    /* Whoever has just configured the daemon waits for it. */
    SELF_CHECK_AT_START_MS = 30 * 1000,
    /* A check is a login, and a line in the router's log. */
    SELF_CHECK_PERIOD_MS = 10 * 60 * 1000,
};

/* Zero is the beginning of a run. */
struct self_check_when {
    bool worked;       /* router and gateway did, once */
    bool troubled;     /* something does not work now ... */
    bool checked;      /* a check has begun in this run ... */
    uint64_t since_ms; /* ... since then */
    uint64_t begun_ms; /* ... and the last one then */
};

/* To be called after each step. */
void self_check_note(struct self_check_when *w, enum proxy_condition condition, uint64_t now_ms);
void self_check_begins(struct self_check_when *w, uint64_t now_ms);
/* When the next check is due if the trouble lasts; UINT64_MAX: none is. */
uint64_t self_check_due_ms(const struct self_check_when *w);
