/* The proxy's own state, for the modules that make up the proxy. Nothing else in the daemon includes this
 * file. */
#pragma once

#include "base/bucket.h"
#include "base/prng.h"
#include "core/mapping.h"
#include "core/proxy.h"
#include "core/proxy_status.h"
#include "core/router.h"
#include "core/server.h"
#include "core/step.h"
#include "core/upstream.h"

struct strategy;

struct proxy {
    struct proxy_config config;
    const struct strategy *strategy;
    struct prng prng;
    uint64_t now_ms; /* the time of the last event */
    uint64_t started_ms;
    bool started;
    bool adopting;    /* no snapshot is complete yet: rules with our mark are of an earlier run */
    bool standing_by; /* another daemon with our INSTANCE serves */
    bool stopping;
    bool exited;
    bool more; /* the actions had no room for all the work that is due */
    uint64_t stop_ms;
    unsigned adopted;
    uint32_t own_address[4]; /* to which requests came */
    unsigned own_next;       /* the oldest of them */

    /* enum target_refusal: why the static mapping is not made, as the log has reported */
    uint8_t static_refusal[STATIC_MAPPINGS_MAX];

    bool full_noted; /* the log has reported that there is no room for new hosts */

    /* changes on the router that clients may still cause */
    struct bucket change_budget;
    bool changes_noted; /* the log has reported that they wait */

    /* replies to external address requests */
    bool address_flush;   /* waiting replies may be sent now */
    bool address_decided; /* as it was when the replies were last looked through */

    /* what the gateway has made of requests since it started, by enum wish_kind */
    struct {
        bool granted;
        bool refused; /* but granted when the internal port was suggested */
    } wish[2];
    uint64_t wishes_refused_until_ms; /* the internal port was refused, too */

    /* what the log has reported about the gateway */
    uint64_t rotation_noted_until_ms; /* external ports change often: no new warning before */
    bool short_noted;                 /* leases end before the daemon renews them */
    bool unauthorized_noted;          /* the gateway does not authorize mappings */
    uint64_t left_until_ms; /* leases that are not deleted, because they share a port or are too many, end by
                               then */
    struct bucket unasked_deletions; /* of what nobody requested */
    uint8_t unasked;                 /* grants of that kind that were not deleted; the third one was logged */
    uint8_t wrong_answers;           /* since the last grant at once; the third one was logged */
    bool ports_short_noted;          /* the gateway has no port left */
    uint64_t ports_short_until_ms;   /* the gateway had no port for a mapping a short time ago */
    bool gateway_answers;            /* as it was when the last outcomes were taken */
    uint64_t answers_since_ms;       /* when an outage of the gateway ended last */
    uint64_t hurried_ms; /* deletions that the gateway does not confirm were repeated then for a request */
    uint64_t displaces_from_ms; /* no static mapping takes a client's port before */
    bool keeps_leases;          /* it did not confirm the last deletion: others go before the next one */
    uint8_t refusals;           /* of mappings in a row, each for a reason that concerns all of them */
    uint16_t refusal;           /* the last result */
    uint64_t refusals_since_ms;
    bool refuses;                  /* there were so many, for so long */
    uint64_t leased_until_ms;      /* no lease that the gateway granted lasts longer */
    uint64_t contradicts_until_ms; /* until then it counts as one that contradicts its grants */
    uint64_t refuses_until_ms;     /* until then it is asked first, and the router only after a grant */

    /* with GATEWAY_MODE=symmetric: the mapping that requested a lease last, by protocol */
    uint16_t symmetric_holder[2];

    /* the gateway lost its state (RFC 6886 section 3.7) */
    uint64_t lost_ms;
    uint64_t recover_ms;       /* when all mappings are requested again; UINT64_MAX: nothing was lost */
    uint64_t recover_until_ms; /* when clients must learn the outcome; UINT64_MAX: there is none */
    bool promises_broken;      /* a client was advertised a port that is not valid any more */

    /* of transactions with the gateway, since the start */
    uint64_t grants;
    uint64_t failures;

    /* what the last notices said */
    uint64_t notices;
    uint32_t noted_address;
    uint32_t noted_state; /* of router and gateway, as notice.c puts it together */

    struct bucket front_budget; /* how often our rules may still be put before others */
    uint32_t front_snapshot;    /* the last snapshot after which they were */
    bool front_given_up;        /* the log has said that they are not put there any more */

    struct log_rates log_rates;
    struct mapping_tables tables;
    struct server server;
    struct upstream upstream;
    struct router router;
};

/* What is wrong with the router, or with our rules on it. */
static inline enum failure proxy_router_failure(const struct proxy *p)
{
    const struct router *r = &p->router;
    if (!r->ready || failure_text((enum failure)r->trouble)->state != NULL)
        return (enum failure)r->trouble;
    if (r->bar[NATPMP_UDP] != 0 || r->bar[NATPMP_TCP] != 0)
        return FAILURE_BARRED;
    if (p->tables.hidden > 0)
        return FAILURE_HIDDEN_RULES;
    return p->tables.invalid > 0 ? FAILURE_INVALID_RULES : (enum failure)r->trouble;
}

/* The gateway contradicted what it granted, again and again: asking again settles nothing. */
static inline bool proxy_is_contradicted(const struct proxy *p, uint64_t now_ms)
{
    return p->contradicts_until_ms > now_ms;
}

/* The gateway contradicts itself, and may contradict what it said last of this mapping. */
static inline bool proxy_may_be_contradicted(const struct proxy *p, const struct mapping *mapping,
                                             uint64_t now_ms)
{
    return proxy_is_contradicted(p, now_ms) && lease_is_fresh(mapping, now_ms);
}

/* What is wrong with the gateway. */
static inline enum gateway_trouble proxy_gateway_trouble(const struct proxy *p)
{
    bool refuses = p->upstream.trouble == GATEWAY_FINE && p->refuses;
    return refuses ? GATEWAY_REFUSES_MAPPINGS : (enum gateway_trouble)p->upstream.trouble;
}
