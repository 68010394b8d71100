/* The proxy's own state, for the files that make up the proxy. Nothing else includes this. */
#pragma once

#include "base/prng.h"
#include "core/mapping.h"
#include "core/proxy.h"
#include "core/router.h"
#include "core/server.h"
#include "core/step.h"
#include "core/upstream.h"

struct strategy;

struct proxy {
    struct proxy_config config;
    const struct strategy *strategy;
    struct prng prng;
    uint64_t now_ms; /* of the last event */
    bool started;
    bool adopting; /* no snapshot has been completed: rules with our mark are of an earlier run */
    bool stopping;
    bool exited;
    bool more; /* the actions had no room for all that is due now */
    uint64_t stop_ms;
    unsigned adopted;
    uint32_t own_address[4]; /* to which requests came */
    unsigned own_next;       /* the oldest of them */

    /* replies to external address requests */
    bool address_flush; /* the reason to wait may be over */

    /* what the operator knows of the gateway */
    uint64_t rotation_noted_until_ms; /* ports change often */
    bool unauthorized_noted;          /* the gateway does not authorize mappings */
    bool ports_short_noted;           /* it has no port left */

    uint16_t
        symmetric_holder[2]; /* by protocol: the mapping that was requested last of a symmetric gateway */

    /* the gateway lost its state (RFC 6886 section 3.7) */
    uint64_t lost_ms;
    uint64_t recover_ms;       /* when all is requested again; UINT64_MAX: nothing was lost */
    uint64_t recover_until_ms; /* when the outcome must be known; UINT64_MAX: nothing is awaited */
    bool promises_broken;      /* a client relies on a port that is no more */

    struct mapping_tables tables;
    struct server server;
    struct upstream upstream;
    struct router router;
};
