/* What the daemon may send and log in one simulated minute, whatever clients, gateway and router do: the
 * bounds of MINUTE_... in base/limits.h, with the rules and the requests of this minute and the one before. A
 * process that starts has its budget anew. */
#pragma once

#include <stdint.h>

struct world;

enum budget {
    BUDGET_GATEWAY,       /* datagrams to the gateway */
    BUDGET_ROUTER,        /* rules added, set and removed by the daemon */
    BUDGET_ANNOUNCEMENTS, /* on the LAN */
    BUDGET_LOG,           /* lines of level info and worse */
    BUDGETS,
};

struct budgets {
    uint64_t since_ms; /* this minute began */
    unsigned rules;    /* the most in this minute, and in the one before */
    unsigned rules_before;
    unsigned requests; /* datagrams of clients, in this minute and in the one before */
    unsigned requests_before;
    unsigned used[BUDGETS];
    unsigned most[BUDGETS]; /* in any minute */
    uint64_t router_changes;
};

/* The daemon has used so much of it. */
void budgets_use(struct world *w, enum budget budget, unsigned count);
void budgets_request(struct world *w);
void budgets_started(struct world *w);
/* Counts what the router has carried out. */
void budgets_after_step(struct world *w);
const char *budgets_name(enum budget budget);
