/* The questions that `double-natpmp check` asks of router and gateway, by the core's contract: one event in,
 * ordered actions out, one deadline; no I/O. It uses session 0 alone. What it did to router and gateway it
 * has undone when it asks for the end with ACTION_EXIT; then the survey is complete, as far as it goes. */
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
    bool version_only;
    bool stopping; /* EVENT_STOP: what is to be undone is undone, nothing else is asked */
    bool ended;
    uint64_t stop_ms;

    struct prng prng;
    struct session session;
    uint8_t phase; /* enum check_phase */
    uint8_t table; /* enum table_name: being read */
    uint8_t attempts;
    uint64_t again_ms; /* when to connect again, to undo */
    uint32_t leftover[CHECK_LEFTOVERS_MAX];
    unsigned leftovers;
    unsigned removing; /* the one of them that is being removed */

    struct upstream upstream;
    uint8_t gateway_phase; /* enum check_gateway_phase */
    uint64_t gateway_ms;   /* when it began */

    struct survey survey;
};

/* The memory must be zero; the configuration is borrowed. The addresses in the survey are the caller's to
 * fill in, before EVENT_START. With version_only the router's version is all that is asked for, and nothing
 * is changed. */
void check_init(struct check *c, const struct check_config *config, bool version_only, uint64_t seed);
/* Of events, those of the LAN do not occur. */
void check_step(struct check *c, const struct event *event, struct actions *out);
uint64_t check_deadline_ms(const struct check *c);
