/* A NAT-PMP gateway as RFC 6886 describes it, or as ProtonVPN runs it, with faults to order.
 *
 * Virtual time only: every call is told the time. Replies go out by a callback, with the delay that the
 * gateway takes to think; loss, duplication and reordering on the way belong to the link and are not modelled
 * here. The bytes are written and read without the product's codec, so that a fault in the codec cannot hide.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/span.h"

enum gateway_profile {
    GATEWAY_STRICT, /* grants what is asked, the suggestion if it is free */
    GATEWAY_PROTON, /* 60 s always, random external ports, five at most, one number for both protocols */
};

struct gateway_options {
    enum gateway_profile profile;
    uint32_t external_address;
    uint32_t epoch_s;        /* at time 0 */
    uint32_t lifetime_max_s; /* STRICT: grants no more; 0: no limit */
    uint32_t lifetime_min_s; /* STRICT: grants no less, which section 3.3 says it should not */
    unsigned ports_max;      /* distinct external ports at one time; 0: no limit (PROTON: 5) */
    unsigned rotate_percent; /* of renewals: another external port is given */
    bool one_port;           /* every mapping gets the same external port */
    bool ignore_suggestion;
    bool pairs;       /* STRICT: TCP and UDP of one internal port get one number, where it is free */
    bool symmetric;   /* forwards port n to port n only: asked for internal port 0, one port for everybody */
    bool echoes_zero; /* SYMMETRIC: its replies name internal port 0 always; else, as ProtonVPN's do, the port
                         if none was suggested */
    uint16_t offer_port; /* the next one that it chooses by itself, once; 0: random */
};

/* May be changed at any time. */
struct gateway_faults {
    bool silent;
    bool unreachable; /* nothing listens: the host answers each datagram with ICMP port unreachable */
    /* The result of each request of a kind, or GATEWAY_NO_ANSWER; 0: the request is served. */
    uint16_t refuse; /* a mapping */
    uint16_t refuse_delete;
    uint16_t refuse_address;
    bool short_errors; /* errors come with 8 bytes only */
    bool two_ports;    /* each grant is followed by one of another port */
    bool takes_back;   /* each grant is followed by the deletion of it, which is not true */
    bool
        many_addresses; /* each address reply is followed by one with another address, never the same again */
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
    uint64_t asked_ms;    /* when the request that made or renewed it was sent */
    uint64_t lost_ms;     /* in lost[]: when it ended or got another port ... */
    bool rebooted;        /* ... by a reboot, ... */
    bool known;           /* ... and the client must have understood that ... */
    uint64_t known_by_ms; /* ... by a reply that was made then */
    uint16_t next_port;   /* the next renewal gives this external port; 0: the one it has */
};

enum {
    GATEWAY_NO_ANSWER = 0xffff, /* in place of a result */
    GATEWAY_LEASES_MAX = 16384,
    GATEWAY_LOST_MAX = 512,
    /* By the test of section 3.6 a reply that is 2 s old cannot be told from a fresh one; seconds are cut
       off. */
    GATEWAY_LATE_MS = 3000,
};

/* What a reply says, when it was said, and when as far as its epoch tells the client: late ones from before a
 * reboot, or those that fooled it into believing in one, seem to be of today. */
struct gateway_news {
    uint64_t said_ms;
    uint64_t seems_said_ms;
    bool tcp;
    uint16_t internal_port;
    uint16_t external_port;
};

struct gateway_callbacks {
    void *context;
    void (*send)(void *context, uint64_t delay_ms, struct span datagram);
    void (*unreachable)(void *context);
    /* A request that no client may send (section 8 of the requirements: reserved bytes, internal port 0, a
     * delete with a suggestion). */
    void (*complain)(void *context, const char *what, struct span datagram);
};

struct gateway_model {
    struct gateway_options options;
    struct gateway_faults faults;
    struct gateway_callbacks callbacks;
    struct prng prng;
    uint64_t epoch_origin_ms;
    uint32_t epoch_at_origin_s;
    uint64_t reboots;
    uint64_t clock_changes; /* each may look like a reboot */
    uint64_t losses;        /* leases that ran out, were lost or got another port */
    uint64_t requests;
    uint64_t grants; /* new leases */
    struct gateway_lease lost[GATEWAY_LOST_MAX];
    unsigned lost_next;
    unsigned leases_end; /* leases[leases_end] and later ones are neither used nor initialised */
    struct gateway_lease leases[GATEWAY_LEASES_MAX];
};

void gateway_init(struct gateway_model *g, const struct gateway_options *options,
                  const struct gateway_callbacks *callbacks, uint64_t seed);
/* A datagram from the one client that the gateway has: our side of the tunnel. It was sent at sent_ms. */
void gateway_receive(struct gateway_model *g, uint64_t now_ms, uint64_t sent_ms, struct span datagram);
/* Leases that have run out go. */
void gateway_expire(struct gateway_model *g, uint64_t now_ms);
/* The table is lost and the epoch starts at 0. */
void gateway_reboot(struct gateway_model *g, uint64_t now_ms);
/* Each lease gets another external port when it is renewed next, TCP and UDP of one internal port the same.
 */
void gateway_rotate(struct gateway_model *g, uint64_t now_ms);
/* Its clock is set, forward or back. It keeps its table. */
void gateway_set_clock(struct gateway_model *g, uint64_t now_ms, int32_t by_s);
uint32_t gateway_epoch_s(const struct gateway_model *g, uint64_t now_ms);
/* 12 bytes as section 3.2.1 announces them. */
size_t gateway_announcement(const struct gateway_model *g, uint64_t now_ms, uint8_t buffer[16]);

/* ---- inspection ---- */
const struct gateway_lease *gateway_find(const struct gateway_model *g, uint64_t now_ms, bool tcp,
                                         uint16_t internal_port);
/* There was a lease with that port, it has not run out for longer than a reply can be late, and the client
 * cannot know yet that it is gone: a reboot took it, a renewal gave it another port, or a late copy of a
 * deletion that was sent before the lease was asked for. */
bool gateway_had(const struct gateway_model *g, uint64_t now_ms, bool tcp, uint16_t internal_port,
                 uint16_t external_port);
/* The client has heard what the gateway said then, and must have understood that it lost its state. Epochs
 * tell nothing of a port that changed. */
void gateway_loss_is_known(struct gateway_model *g, uint64_t said_ms);
/* The client has heard which port the lease had when that was said. */
void gateway_port_is_known(struct gateway_model *g, const struct gateway_news *news);
unsigned gateway_count(const struct gateway_model *g, uint64_t now_ms);
