/* Asks the router and the gateway what `double-natpmp check` needs to know. Its contract is the core's: one
 * event in, ordered actions out, one deadline, no I/O. It uses session 0 only. Before it asks to exit by
 * ACTION_EXIT, it has undone its changes to router and gateway; the survey is then as complete as it can
 * be. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "check/survey.h"
#include "core/event.h"
#include "core/session.h"
#include "core/upstream.h"

enum { CHECK_LEFTOVERS_MAX = 16 };

struct check {
    const struct check_config *config;
    bool tables_only;
    bool stopping; /* EVENT_STOP came: changes are undone, nothing else is asked */
    bool ended;
    uint64_t stop_ms;

    struct prng prng;
    struct session session;
    uint8_t phase; /* enum check_phase */
    uint8_t table; /* enum table_name: the one that is being read */
    uint8_t attempts;
    uint64_t table_ms;    /* when it was asked for */
    uint64_t again_ms;    /* when to connect again to undo a change */
    uint64_t answered_ms; /* when the router last answered something that was asked */
    unsigned waiting_s;   /* for how long it has not, in steps of five seconds */
    uint32_t leftover[CHECK_LEFTOVERS_MAX];
    unsigned leftovers;
    unsigned removing; /* the one that is being removed */

    struct upstream upstream;
    uint8_t gateway_phase; /* enum check_gateway_phase */
    uint64_t gateway_ms;   /* when it began */

    struct survey survey;
};

/* The memory must be zero. The configuration is borrowed. The caller writes this machine's addresses into the
 * survey before EVENT_START. With tables_only, it
 * reads the router's tables, changes nothing and does not ask the gateway. */
cold_ void check_init(struct check *c, const struct check_config *config, bool tables_only, uint64_t seed);
/* Takes all events but those of the LAN. */
cold_ void check_step(struct check *c, const struct event *event, struct actions *out);
uint64_t check_deadline_ms(const struct check *c);
