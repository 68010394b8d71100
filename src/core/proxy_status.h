/* What the program knows, for those who ask: in short for `health`, in full for `status`. All of it is plain
 * data, so that it can be sent to another process. */
#pragma once

#include "core/event.h"
#include "wire/natpmp.h"

struct proxy;

enum {
    ROUTER_VERSION_MAX = 31,
    AGE_UNKNOWN_S = 0x7FFFFFFF,
};

struct proxy_status {
    bool standing_by;       /* another daemon with the same INSTANCE serves ... */
    uint32_t other_address; /* ... and has this address at the router; 0: not known */
    uint64_t dropped;       /* datagrams that were not valid requests from an allowed source */
    uint64_t notices;       /* the number of the next notice */
    uint64_t grants;        /* of leases by the gateway, since the start */
    uint64_t failures;      /* requests that the gateway refused or did not answer, since the start */
    /* why no rule can be added on the router; FAILURE_NONE: rules can be added, or it is not ready yet */
    enum failure router_failure;
    uint16_t gateway_result; /* the result code with which the gateway gives no external address */
    enum gateway_trouble gateway_trouble; /* why the gateway grants no lease; GATEWAY_FINE: it answers */
    uint32_t uptime_s;
    uint32_t epoch_s;
    uint32_t router_address;
    uint32_t external_address;  /* 0: not known */
    uint32_t external_age_s;    /* since the gateway reported this address first; AGE_UNKNOWN_S: not known */
    uint32_t gateway_silence_s; /* since the gateway's last answer; AGE_UNKNOWN_S: it never answered */
    unsigned mappings;          /* mappings that are wanted */
    unsigned records;           /* all records, even of mappings that are ending or in quarantine */
    unsigned clients;           /* that have or request a mapping */
    uint32_t counters_age_s;    /* since the counters of our rules were read; AGE_UNKNOWN_S: never */
    bool counters_reading;      /* they are being read */
    bool router_ready;
    bool interface_configured;
    char router_version[ROUTER_VERSION_MAX + 1]; /* empty: not known */
    char interface[INTERFACE_NAME_MAX + 1];      /* towards the gateway; empty: not known */
};

struct proxy_status proxy_status(const struct proxy *p, uint64_t now_ms);

/* What is wrong with the router, or with the gateway, in words; NULL: nothing is. */
static inline const char *router_trouble_text(const struct proxy_status *status)
{
    const char *state = failure_text(status->router_failure)->state;
    if (status->standing_by)
        return "another double-natpmp with this INSTANCE serves, and this one stands by";
    return state != NULL || status->router_ready ? state : "the router is not ready yet";
}

static inline const char *gateway_state_text(const struct proxy_status *status)
{
    return gateway_trouble_text(status->gateway_trouble)->state;
}

/* The same in a word, at little cost. */
enum proxy_condition {
    PROXY_WORKS,
    PROXY_TROUBLED,  /* with the router or the gateway, as the two functions above describe it */
    PROXY_STANDS_BY, /* another daemon with the same INSTANCE serves */
};
enum proxy_condition proxy_condition(const struct proxy *p);

/* Why no rule may lead to an address, or a static mapping is not made. */
enum target_refusal {
    TARGET_ALLOWED,
    TARGET_LOOPBACK,
    TARGET_GATEWAY,
    TARGET_ROUTER,
    TARGET_BROADCAST,
    TARGET_OWN,     /* it is this machine's */
    TARGET_OUTSIDE, /* no host of a LAN has it */
    TARGET_NO_ROOM, /* the table of mappings is full */
    TARGET_REFUSALS,
};
/* For "refused because ..."; NULL: TARGET_ALLOWED. */
const char *target_refusal_text(enum target_refusal refusal);

enum mapping_condition {
    MAPPING_ACTIVE,        /* a client was advertised the mapping, and it forwards */
    MAPPING_KEPT_ALIVE,    /* it forwards, and its client renews too late */
    MAPPING_ADOPTED,       /* of a rule of an earlier run; no client has renewed it yet */
    MAPPING_WAITS_ROUTER,  /* its rule is not on the router, or the router has not answered for a minute */
    MAPPING_WAITS_GATEWAY, /* the gateway has granted no lease */
    MAPPING_REFUSED,       /* the last request was refused with `result`, or no mapping is made: `refusal` */
    MAPPING_STATIC,        /* of the configuration, and it forwards */
    MAPPING_ENDING,        /* its rule or its lease has not been removed yet */
    MAPPING_CONDITIONS,
};

struct mapping_status {
    uint64_t first_bytes;   /* of the first packets of the connections */
    uint32_t connections;   /* that have come through the rules since the record was made */
    uint32_t arrival_age_s; /* the last one came no longer ago than that; AGE_UNKNOWN_S: not known */
    uint32_t client;
    uint32_t lease_left_s; /* for which the gateway certainly forwards */
    uint32_t age_s;        /* since the rule was added; AGE_UNKNOWN_S: it was adopted, or there is none */
    uint16_t internal_port;
    uint16_t router_port;   /* 0: not chosen yet */
    uint16_t external_port; /* 0: none */
    uint16_t changes;       /* of the external port that the client was advertised */
    uint16_t noted;         /* the external port of the last notice; 0: none */
    uint16_t result;        /* REFUSED: enum natpmp_result */
    uint8_t protocol;       /* enum natpmp_protocol */
    uint8_t condition;      /* enum mapping_condition */
    uint8_t refusal;        /* REFUSED: enum target_refusal */
    bool counted;           /* the router has shown counters */
    bool has_rule;          /* that forwards, as far as is known */
};

/* Whole seconds of the clock since then, so that the moment that a reader computes from it does not move
 * between two readings; AGE_UNKNOWN_S: too many. */
static inline uint32_t status_age_s(uint64_t at_ms, uint64_t now_ms)
{
    uint64_t seconds = at_ms < now_ms ? now_ms / 1000 - at_ms / 1000 : 0;
    return seconds < AGE_UNKNOWN_S ? (uint32_t)seconds : AGE_UNKNOWN_S;
}

/* The first mapping from record number `from` on; 0: there is none. Records in quarantine are left out, but
 * for refused ones. Returns the number of the record. */
uint16_t mapping_status_from(const struct proxy *p, uint16_t from, uint64_t now_ms,
                             struct mapping_status *ret_status);

/* The same for the static mapping with that number in the configuration, if there is no mapping of it: the
 * router's tables are not read yet, or it is refused. False: mapping_status_from has it. */
bool static_status(const struct proxy *p, unsigned number, struct mapping_status *ret_status);
