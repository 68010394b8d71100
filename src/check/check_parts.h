/* Shared by the files of the check. */
#pragma once

#include "check/check.h"

enum check_phase {
    PHASE_CONNECTING,
    PHASE_READING,
    PHASE_CLEANING, /* removing rules that an earlier check left behind */
    PHASE_ADDING,
    PHASE_REMOVING,
    PHASE_RETURNING, /* the connection was lost while our rule may exist */
    PHASE_SEEKING,   /* connected again, looking for our rule */
    PHASE_ENDED,
};

enum check_gateway_phase {
    GATEWAY_ADDRESS,
    GATEWAY_WAITING, /* until the router's rules are read: the test must not use a port of the daemon */
    GATEWAY_MAPPING,
    GATEWAY_DELETING,
    GATEWAY_ENDED,
};

/* ---- check_router.c ---- */

void check_start_router(struct check *c, const struct step *step);
void check_router_event(struct check *c, const struct event *event, const struct step *step);
void check_tick_router(struct check *c, const struct step *step);
void check_end_router(struct check *c, const struct step *step);
uint64_t check_router_deadline_ms(const struct check *c);

/* ---- check_gateway.c ---- */

void check_tick_gateway(struct check *c, const struct step *step);
uint64_t check_gateway_deadline_ms(const struct check *c);
