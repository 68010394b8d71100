/* Decides which rule on the router is changed next. What the daemon does by itself comes first: a lease that
 * ended, a rule put back, a stop. What clients cause costs one of their budget for each command (limits.h),
 * and beyond it waits; the clients take turns with one change each, so that one client does not delay the
 * others. Comments wait longer, so that they take nothing from additions. */
#pragma once

#include "core/proxy_state.h"

/* Queues the mapping if its rule wants a command now, or takes it out of the queues. */
void change_queue(struct proxy *p, uint16_t m, const struct step *step);
/* The next mapping whose command may be sent now; 0: none. Logs once if one waits for the budget of all
 * clients. */
uint16_t change_next(struct proxy *p, const struct step *step);
/* The command for the mapping that change_next returned was sent, or is not wanted any more. */
void change_done(struct proxy *p, uint16_t m, bool sent, const struct step *step);

/* It waits no more. */
void change_forget(struct mapping_tables *t, uint16_t m);

/* True if the mapping's rule waits for a command that costs a budget. */
bool change_waits(const struct mapping_tables *t, uint16_t m);
/* ... and the budget is the reason, not a router that takes no command. */
bool change_is_over_budget(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* True if the rule is added only after the gateway has granted the lease. */
bool change_waits_for_lease(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* The time at which change_queue would decide otherwise although nothing else happens; UINT64_MAX: never. */
uint64_t change_due_ms(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* The time from which the budget of all clients allows the change that waits for it; UINT64_MAX: none waits.
 */
uint64_t change_ready_ms(const struct proxy *p, uint64_t now_ms);
