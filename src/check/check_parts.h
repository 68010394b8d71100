/* What the files of the check share. */
#pragma once

#include "check/check.h"

enum check_phase {
    PHASE_CONNECTING,
    PHASE_READING,
    PHASE_CLEANING, /* rules that an earlier check has left */
    PHASE_ADDING,
    PHASE_REMOVING,
    PHASE_RETURNING, /* the connection was lost while our rule may have been there */
    PHASE_SEEKING,   /* connected again: is it there? */
    PHASE_ENDED,
};

enum check_gateway_phase {
    GATEWAY_ADDRESS,
    GATEWAY_WAITING, /* for the router's rules: the test must not meet a mapping of the daemon */
    GATEWAY_MAPPING,
    GATEWAY_DELETING,
    GATEWAY_ENDED,
};

/* ---- check_router.c ---- */

void check_start_router(struct check *c, uint64_t now_ms, struct actions *out);
void check_router_event(struct check *c, const struct event *event, struct actions *out);
void check_tick_router(struct check *c, uint64_t now_ms, struct actions *out);
void check_end_router(struct check *c, uint64_t now_ms, struct actions *out);
uint64_t check_router_deadline_ms(const struct check *c);

/* ---- check_gateway.c ---- */

void check_tick_gateway(struct check *c, uint64_t now_ms, struct actions *out);
uint64_t check_gateway_deadline_ms(const struct check *c);
