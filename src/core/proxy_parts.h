/* The proxy's own state and the functions that its files share. Nothing else includes this. */
#pragma once

#include "base/prng.h"
#include "core/mapping.h"
#include "core/proxy.h"
#include "core/router.h"
#include "core/server.h"
#include "core/upstream.h"

enum {
    /* A client's patience is long, but its state machine is not: libtorrent gives a transaction up after 11
     * s, most others later. Until then an error would be worse than silence. */
    ANSWER_MS = 12 * 1000,
    /* Who renews hears what still holds if the gateway does not answer so soon: Tailscale waits 250 ms in
       all. */
    MEMORY_MS = 200,
    /* No mapping is asked for longer than a day: some clients send milliseconds. */
    LIFETIME_MAX_S = 24 * 60 * 60,
    /* What its client does not renew is kept no longer than this: Nicotine+, the latest, comes every two
       hours. */
    HOLD_MAX_S = 2 * 60 * 60,
    /* Neither a router port nor an external port goes to another client while strangers may still send to it.
     */
    REST_MS = 120 * 1000,
    /* How long a datagram may be under way to the gateway. It is also long enough that an answer to what was
     * sent before shows by its epoch, which is counted in seconds. */
    COPIES_MS = 1200,
};

struct proxy {
    struct proxy_config config;
    struct prng prng;
    uint64_t now_ms; /* of the event that is being worked on */
    bool started;
    bool adopting; /* no snapshot has been completed: rules with our mark are of an earlier run */
    bool stopping;
    bool exited;
    bool address_flush;              /* the address became known: answer those who wait */
    uint64_t rotation_told_until_ms; /* the operator knows that ports change often */
    bool unauthorized_told;          /* the operator was told that the gateway does not authorize mappings */
    bool ports_short;                /* the operator was told that the gateway has no port left */
    uint16_t symmetric_holder[2];    /* by protocol: which mapping was asked for last */
    /* by protocol; requests, deletions: none before, for one of the other kind may be under way */
    uint64_t quiet_until_ms[2][2];
    bool more; /* the actions had no room for all that is due now */
    uint64_t stop_ms;
    unsigned adopted;

    /* the gateway lost its state (RFC 6886 section 3.7) */
    uint64_t lost_ms;
    uint64_t recover_ms;       /* when all is asked again; UINT64_MAX: nothing was lost */
    uint64_t recover_until_ms; /* when the outcome must be known; UINT64_MAX: nothing is awaited */
    unsigned recovering;
    bool promises_broken; /* a client relies on a port that is no more */

    struct mapping_tables tables;
    struct server server;
    struct upstream upstream;
    struct router router;
};

/* ---- what all of them ask ---- */

static inline enum natpmp_protocol proxy_other_protocol(const struct mapping *mapping)
{
    return mapping->protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
}

static inline bool proxy_is_symmetric(const struct proxy *p)
{
    return p->config.gateway_mode == GATEWAY_MODE_SYMMETRIC;
}

/* The internal port of requests to the gateway. One that forwards port n to port n chooses it by itself, but
 * a deletion names it: internal port 0 would delete all. */
static inline uint16_t proxy_wire_port(const struct proxy *p, const struct mapping *mapping, bool deletes)
{
    if (!proxy_is_symmetric(p))
        return mapping->router_port;
    return deletes ? mapping->external_port : 0;
}

static inline bool proxy_ought(const struct mapping *mapping)
{
    return mapping->wanted && !mapping->moving;
}

/* By our books the gateway forwards to it. */
static inline bool proxy_lease_lives(const struct proxy *p, uint16_t m)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    return mapping->lease == LEASE_GRANTED && mapping->lease_ends_ms > p->now_ms;
}

/* Its clients rely on it, and it is not over yet. */
static inline bool proxy_promised(const struct proxy *p, const struct mapping *mapping)
{
    return mapping->ends_ms > p->now_ms;
}

/* Until when its client, who was told less than it asked for, may come and take it for still there. */
static inline uint64_t proxy_hold_ends_ms(const struct mapping *mapping)
{
    uint32_t hold_s = mapping->asked_s < HOLD_MAX_S ? mapping->asked_s : HOLD_MAX_S;
    return mapping->told_ms + (uint64_t)hold_s * 1000;
}

/* Nobody is promised it any more. */
static inline void proxy_end_promise(struct mapping *mapping)
{
    mapping->ends_ms = 0;
    mapping->told_until_ms = 0;
}

/* The sooner of two times, but at_ms counts only if it is still to come. */
static inline uint64_t proxy_sooner(const struct proxy *p, uint64_t due_ms, uint64_t at_ms)
{
    return at_ms > p->now_ms && at_ms < due_ms ? at_ms : due_ms;
}

/* ---- proxy_lan.c: what clients ask for ---- */

void proxy_lan_request(struct proxy *p, const struct event *event, struct actions *out);
/* Pays the answers that are owed for a mapping's work and ends the work. external_port and lifetime_s go with
 * success. */
void proxy_answer(struct proxy *p, uint16_t m, enum natpmp_result result, uint16_t external_port,
                  uint32_t lifetime_s, struct actions *out);
/* The deletion of a mapping that a delete-all waits for has ended or was given up. */
void proxy_delete_all_progress(struct proxy *p, uint16_t m, enum natpmp_result result, struct actions *out);
/* True if a client asked before the first snapshot to delete this mapping, or all of its protocol: then it is
 * not adopted but ends. */
bool proxy_begin_held_delete(struct proxy *p, uint16_t m);
/* Answers external address requests that need not wait any longer. */
void proxy_pump_addresses(struct proxy *p, struct actions *out);
uint64_t proxy_addresses_deadline_ms(const struct proxy *p);

/* ---- proxy_drive.c: what is follows what ought to be ---- */

/* Drives what was touched and carries out what is queued, as far as there is room. */
void proxy_drive(struct proxy *p, struct actions *out);

/* ---- proxy_settle.c: a mapping's router port, its answers and its end ---- */

void proxy_settle(struct proxy *p, uint16_t m, struct actions *out);
/* When time alone changes something about that; UINT64_MAX: never. */
uint64_t proxy_settle_due_ms(const struct proxy *p, const struct mapping *mapping);

/* No rule on the router and none of ours takes the port, and its companion is free or of the same client. */
bool proxy_port_available(const struct proxy *p, uint16_t m, uint16_t port);

/* ---- proxy_symmetric.c: a gateway that forwards port n to port n only ---- */

/* The rule's port becomes the external one. */
void proxy_follow_port(struct proxy *p, uint16_t m, struct actions *out);
/* The mapping that has the gateway's port of that protocol, or may have it; 0: none. */
uint16_t proxy_symmetric_holder(const struct proxy *p, unsigned protocol);
/* True if the gateway cannot be asked for this now; when it is to be tried again, or that it is refused, is
 * noted. Neither requests nor the answers to them tell which one they belong to. So there is one transaction
 * at a time for each protocol, and between a request and a deletion, in either order, a pause in which what
 * is under way arrives: from then on the epoch tells what is late. */
bool proxy_symmetric_waits(struct proxy *p, uint16_t m, bool deletes, struct actions *out);
/* A transaction of this mapping has ended. */
void proxy_symmetric_ended(struct proxy *p, uint16_t m, const struct upstream_outcome *o);
/* True if a mapping that ends has that port: by its number it is given back, so it stays in our books. */
bool proxy_symmetric_ends(const struct proxy *p, enum natpmp_protocol protocol, uint16_t external_port);
/* The mapping that an answer without a transaction is about; 0: none. */
uint16_t proxy_symmetric_owner(const struct proxy *p, const struct upstream_outcome *o);

/* ---- proxy_ask.c: what is to be asked of the gateway ---- */

/* Forgets what is not wanted, ends what has ended, and queues what is to be asked. */
void proxy_settle_lease(struct proxy *p, uint16_t m);
uint64_t proxy_ask_due_ms(const struct proxy *p, const struct mapping *mapping);
/* The gateway has confirmed a deletion, the last copy of which was sent then; 0: there was one. What passes
 * for the answer to the next request is waited for: the answer to a copy of what was sent before, or a copy
 * of the last grant. */
void proxy_note_copies(struct proxy *p, struct mapping *mapping, uint64_t deletion_sent_ms);
/* Asks for those whose turn it is. */
void proxy_pump_upstream(struct proxy *p, struct actions *out);
/* The client may ask the gateway again: it gets in line. */
void proxy_client_turn(struct proxy *p, uint16_t c);

/* ---- proxy_budget.c: the gateway's few ports ---- */

/* Keeps the list of mappings that could be given up for another one. */
void proxy_note_spare(struct proxy *p, uint16_t m);
/* The gateway has no port left for this mapping: makes one free if that can be; false: clients rely on all.
 */
bool proxy_make_room(struct proxy *p, uint16_t m, struct actions *out);
/* The gateway gave m the port that this one holds: it is given up if nobody relies on it now. */
bool proxy_yield(struct proxy *p, uint16_t m, uint16_t holder, struct actions *out);

/* ---- proxy_pair.c: ports that change, and the pair of TCP and UDP ---- */

/* The gateway granted external_port; before it was `old` (0: none). rotated: its lease lived, so that this is
 * the gateway's doing alone. */
void proxy_port_granted(struct proxy *p, uint16_t m, uint16_t old, bool rotated, struct actions *out);
/* The gateway did not grant what it was asked for. */
void proxy_port_failed(struct proxy *p, uint16_t m);
/* The lease that was to be made anew could not be given back: it is asked for again. False: that was not it.
 */
bool proxy_end_rejoin(struct proxy *p, uint16_t m);

/* ---- proxy_gateway.c, proxy_router.c: what came of it ---- */

/* The external port to ask for: the one that the client has [C-19] [M-06]; the companion's, so that both are
 * one number; what the client suggested. Never one that another mapping holds or is about to hold. */
uint16_t proxy_suggestion(const struct proxy *p, uint16_t m);
/* The gateway has no port for it beside the ones that others hold: what its client was told is over. */
void proxy_refuse_for_good(struct proxy *p, uint16_t m);
/* The port under which clients reach out has gone, and no client asked for that. */
void proxy_break_promise(struct proxy *p, const struct mapping *mapping);
void proxy_take_upstream(struct proxy *p, struct actions *out);
/* Asks the gateway for this mapping without a client's doing. */
void proxy_recover(struct proxy *p, uint16_t m);
/* The recovery of this mapping has ended one way or the other. */
void proxy_recovered(struct proxy *p, uint16_t m);
void proxy_tick_recovery(struct proxy *p, struct actions *out);
void proxy_take_router(struct proxy *p, struct actions *out);

/* Who and what, for log lines: "client=192.168.88.11 protocol=tcp internal=6881 router=6881". */
struct mapping_text {
    char text[96];
};
struct mapping_text proxy_text(const struct proxy *p, uint16_t m);
