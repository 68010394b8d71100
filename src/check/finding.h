/* The findings of `double-natpmp check`, one for each thing that it checks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/limits.h"
#include "base/span.h"
#include "check/script.h"

enum finding_status {
    FINDING_PASS,
    FINDING_WARN, /* works or may work; look into it */
    FINDING_FAIL,
};

/* In the order in which they are printed. Their names are keys for programs and never change. */
enum finding_id {
    FINDING_API,
    FINDING_LOGIN,
    FINDING_POLICY_READ,
    FINDING_POLICY_WRITE,
    FINDING_POLICY_TEST,
    FINDING_VERSION,
    FINDING_SERVICE,
    FINDING_SERVICE_ADDRESS,
    FINDING_SECOND_DAEMON,
    FINDING_SCRIPT,
    FINDING_INTERFACE,
    FINDING_INTERFACE_NOT_LAN,
    FINDING_PEERS,
    FINDING_SETTINGS,
    FINDING_REDIRECT,
    FINDING_REDIRECT_ORDER,
    FINDING_REDIRECT_LAN,
    FINDING_CLIENTS_VISIBLE,
    FINDING_CONTAINER_SUBNET,
    FINDING_PORTS,
    FINDING_MAPPING_RULES,
    FINDING_ROUTER_NAT_PMP,
    FINDING_TRACKING,
    FINDING_FORWARD,
    FINDING_REQUEST,
    FINDING_GATEWAY_PATH,
    FINDING_SOURCE,
    FINDING_RETURN,
    FINDING_FASTTRACK,
    FINDING_GATEWAY,
    FINDING_GATEWAY_MAPPING,
    FINDING_EXTERNAL_ADDRESS,
    FINDINGS,
};

enum {
    FINDING_WHAT_MAX = 320,
    FINDING_CURE_MAX = 1024,
};

/* Both texts are one line of printable ASCII. */
struct finding {
    uint8_t id;
    uint8_t status;
    char what[FINDING_WHAT_MAX];
    char cure[FINDING_CURE_MAX]; /* a command to paste, or an instruction; empty: none */
};

/* At most one of each id. What could not be checked is left out. */
struct findings {
    unsigned count;
    struct finding at[FINDINGS];
};

const char *finding_name(enum finding_id id);
const char *finding_status_name(enum finding_status status);

/* Adds a finding and returns it for finding_cure(). Values from outside must pass log_safe() first. */
printf_(4, 5) struct finding *finding_add(struct findings *out, enum finding_id id,
                                          enum finding_status status, const char *format, ...);
/* Values from outside must pass ros_quote() first. A command that does not fit is left out, because a part of
 * one would do harm. */
printf_(2, 3) void finding_cure(struct finding *finding, const char *format, ...);
/* Adds a command behind those that are there. False: it does not fit, and none is left. */
printf_(2, 3) bool finding_cure_add(struct finding *finding, const char *format, ...);
