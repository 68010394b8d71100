/* A NAT-PMP gateway as RFC 6886 describes it, or as ProtonVPN runs it, with faults on request.
 *
 * It has only virtual time: the caller passes the time to each function. A callback sends replies, after the
 * time that the gateway takes for an answer. Loss, duplication and reordering on the way belong to the link,
 * and are not modelled here. The model reads and writes bytes without the daemon's codec, so that a mistake
 * in the codec is noticed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/span.h"

enum gateway_profile {
    GATEWAY_STRICT, /* grants what was requested; the suggested port if it is free */
    GATEWAY_PROTON, /* always 60 s, random external ports, five at most, one number for both protocols */
};

struct gateway_options {
    enum gateway_profile profile;
    uint32_t external_address;
    uint32_t epoch_s;        /* at time 0 */
    uint32_t lifetime_max_s; /* STRICT: the longest lease; 0: no limit */
    uint32_t lifetime_min_s; /* STRICT: the shortest lease, although section 3.3 advises against one */
    unsigned ports_max;      /* distinct external ports at one time; 0: no limit (PROTON: 5) */
    unsigned rotate_percent; /* of renewals: the gateway grants another external port */
    bool one_port;           /* every mapping gets the same external port */
    bool ignore_suggestion;
    /* It refuses a request that suggests no port, or any port but the internal one, or does not answer it. */
    bool wants_suggestion;
    bool wants_internal_port;
    bool unwanted_is_unanswered;
    bool pairs;       /* STRICT: TCP and UDP of one internal port get one number, if it is free */
    bool symmetric;   /* forwards port n only to port n: requests name internal port 0, and there is one port
                         for all clients */
    bool echoes_zero; /* SYMMETRIC: its replies always name internal port 0; otherwise, as ProtonVPN's do, the
                         port if none was suggested */
    uint16_t offer_port; /* the next one that it chooses by itself, once; 0: a random one */
};

/* An answer to a request for a mapping that says success and is no grant of what was requested. */
enum gateway_wrong {
    GATEWAY_RIGHT,
    GATEWAY_NO_LIFETIME,    /* lifetime 0 and external port 0: the gateway ends the lease, if there is one */
    GATEWAY_NO_PORT,        /* external port 0 */
    GATEWAY_OTHER_INTERNAL, /* for another internal port */
    GATEWAY_OTHER_PROTOCOL, /* for the other protocol */
    GATEWAY_WRONGS,
};

/* May be changed at any time. */
struct gateway_faults {
    bool silent;
    bool unreachable; /* nothing listens: the host answers each datagram with ICMP port unreachable */
    /* The result of each request of a kind, or GATEWAY_NO_ANSWER; 0: the request is served. */
    uint16_t refuse; /* a mapping */
    uint16_t refuse_delete;
    bool grants_delete; /* it answers a deletion as it answers a request for the mapping, and keeps the lease
                         */
    uint16_t refuse_address;
    enum gateway_wrong wrong; /* a mapping */
    bool in_turn;             /* `refuse` and `wrong` concern each second request for a mapping only */
    bool short_errors;        /* errors come with 8 bytes only */
    bool two_ports;           /* each grant is followed by one of another port */
    bool takes_back;          /* each grant is followed by the deletion of it, which is not true */
    bool
        many_addresses; /* each address reply is followed by one with another address, never the same again */
    bool many_clocks;   /* each reply has a clock of its own, and each one with an address another address */
    unsigned junk_percent; /* of requests: a foreign or malformed datagram comes before the answer */
    unsigned late_percent; /* of replies: come `late_ms` later */
    unsigned late_ms;
};

struct gateway_lease {
    bool used;
    bool tcp;
    uint16_t internal_port;
    uint16_t external_port;
    uint64_t ends_ms;
    uint64_t asked_ms;  /* when the request that made or renewed it was sent */
    uint16_t next_port; /* the next renewal grants this external port; 0: the same one */
};

enum {
    GATEWAY_NO_ANSWER = 0xffff, /* in place of a result */
    GATEWAY_LEASES_MAX = 16384,
};

struct gateway_callbacks {
    void *context;
    void (*send)(void *context, uint64_t delay_ms, struct span datagram);
    void (*unreachable)(void *context);
    /* A request that no client may send (reserved bytes, internal port 0, a deletion with a suggestion). */
    void (*complain)(void *context, const char *what, struct span datagram);
    /* A lease ended at lost_ms or got another external port, and the client's last request was to have it.
     * May be NULL. */
    void (*lost)(void *context, const struct gateway_lease *lease, uint64_t lost_ms, bool by_reboot);
};

struct gateway_model {
    struct gateway_options options;
    struct gateway_faults faults;
    struct gateway_callbacks callbacks;
    struct prng prng;
    uint64_t epoch_origin_ms;
    uint32_t epoch_at_origin_s;
    uint64_t reboots;
    uint64_t clock_changes; /* and what looks like one: each may look like a reboot */
    uint64_t losses;        /* leases that ended, were lost or got another port */
    uint64_t requests;
    uint64_t grants;     /* new leases */
    uint64_t maps;       /* requests for mappings */
    unsigned leases_end; /* leases[leases_end] and later ones are neither used nor initialised */
    struct gateway_lease leases[GATEWAY_LEASES_MAX];
};

void gateway_init(struct gateway_model *g, const struct gateway_options *options,
                  const struct gateway_callbacks *callbacks, uint64_t seed);
/* A datagram from the gateway's only client, which is the daemon's end of the tunnel. It was sent at
 * sent_ms. */
void gateway_receive(struct gateway_model *g, uint64_t now_ms, uint64_t sent_ms, struct span datagram);
/* Removes leases that have ended. */
void gateway_expire(struct gateway_model *g, uint64_t now_ms);
/* The gateway loses its table, and its epoch starts at 0. */
void gateway_reboot(struct gateway_model *g, uint64_t now_ms);
/* The next renewal of each lease grants another external port, the same one for TCP and UDP of one internal
 * port. */
void gateway_rotate(struct gateway_model *g, uint64_t now_ms);
/* Its clock is set, forward or back. It keeps its table. */
void gateway_set_clock(struct gateway_model *g, uint64_t now_ms, int32_t by_s);
uint32_t gateway_epoch_s(const struct gateway_model *g, uint64_t now_ms);
/* 12 bytes, the announcement of section 3.2.1. */
size_t gateway_announcement(const struct gateway_model *g, uint64_t now_ms, uint8_t buffer[16]);

/* ---- inspection ---- */
const struct gateway_lease *gateway_find(const struct gateway_model *g, uint64_t now_ms, bool tcp,
                                         uint16_t internal_port);
unsigned gateway_count(const struct gateway_model *g, uint64_t now_ms);
