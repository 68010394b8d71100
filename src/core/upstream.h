/* The gateway's side: a NAT-PMP client (RFC 6886 sections 3.1 to 3.7) with several transactions in parallel,
 * the cached external address and a watch on the gateway's epoch.
 *
 * Requests go out through actions; what came of them is taken with upstream_next after each event and tick.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/step.h"
#include "wire/natpmp.h"

struct transaction {
    bool used;
    bool deleting; /* lifetime 0 */
    uint8_t sends;
    uint8_t sends_max;
    uint8_t clock_changes; /* of the gateway's clock since the request was sent first */
    uint16_t owner;        /* whatever the caller gave */
    uint16_t external_port;
    uint32_t lifetime_s;
    uint32_t epoch_floor_s; /* the gateway's epoch when we asked, at least: an older reply answers something
                               else */
    uint64_t first_ms;
    uint64_t last_ms;
    uint64_t next_ms;
};

enum upstream_outcome_type {
    UPSTREAM_GRANTED,
    UPSTREAM_DELETED,
    UPSTREAM_FAILED,      /* a result code other than success */
    UPSTREAM_UNANSWERED,  /* all retransmissions went unanswered */
    UPSTREAM_UNSOLICITED, /* a success for (protocol, internal port) that no transaction asked for; lifetime
                       0: a deletion */
    UPSTREAM_LATE, /* a success that was long under way: what it says is no news, but may not be known yet */
    UPSTREAM_ADDRESS,    /* the external address became known or changed */
    UPSTREAM_NO_ADDRESS, /* the gateway says that it has none */
    UPSTREAM_STATE_LOST, /* by its epoch, the gateway forgot everything (section 3.6) */
};

struct upstream_outcome {
    enum upstream_outcome_type type;
    uint16_t owner;
    uint16_t result;
    enum natpmp_protocol protocol; /* UNSOLICITED, LATE */
    uint16_t internal_port;        /* UNSOLICITED, LATE */
    uint16_t external_port;
    uint32_t lifetime_s;
    uint64_t
        gone_ms; /* GRANTED: each copy of the request renews the lease when it arrives; it is over by then */
    uint64_t asked_ms; /* when the first copy of the request was sent: the lease began no earlier; STATE_LOST:
                          when the gateway was first seen to have forgotten */
};

/* What may still be under way for (protocol, internal port), and with it the answer to it. */
enum under_way_kind {
    UNDER_WAY_NOTHING,
    UNDER_WAY_GRANT,     /* a second copy of the last grant */
    UNDER_WAY_DELETION,  /* copies of what was asked before a deletion was confirmed */
    UNDER_WAY_WITHDRAWN, /* copies of a request that was given up before its answer */
};

struct under_way {
    uint64_t until_ms;
    enum under_way_kind kind;
};

struct upstream {
    /* Pages of this table become real memory where a port was used. */
    struct under_way under_way[2][65536];
    uint64_t apart_ms[2][2]; /* by protocol and kind, see upstream_apart_ms */
    struct transaction transaction[UPSTREAM_PARALLEL_MAX];
    uint32_t key[UPSTREAM_PARALLEL_MAX]; /* protocol and internal port, for one fast pass */
    unsigned used;
    unsigned chosen; /* of them for internal port 0 */
    uint64_t due_ms; /* no transaction is due before */

    /* the request for the external address, always under way or scheduled */
    uint32_t address;
    bool address_known;
    bool address_asking;
    uint8_t address_sends;
    uint8_t address_unanswered; /* requests whose answers may be under way */
    uint32_t address_floor_s;   /* as epoch_floor_s */
    uint64_t address_last_ms;
    uint64_t address_next_ms;

    /* the epoch of the last answer that fitted, and when it came */
    bool epoch_known;
    uint32_t epoch_s;
    uint64_t epoch_ms;
    /* A packet did not fit: it was late, or the gateway's clock was set. The address is requested to find
     * out. */
    bool suspected;
    bool epoch_doubted; /* the gateway may have restarted: nothing of before is relied on until then */
    bool late_likely;   /* an answer to an earlier address request may come first */
    uint64_t suspected_ms;
    uint64_t late_until_ms;    /* a packet was late a while ago: more of them may be */
    uint64_t unasked_until_ms; /* until then packets that answer nothing cause no request */

    uint32_t local;        /* our address towards the gateway; 0: not known, or the operator chose it */
    uint32_t router_local; /* our address towards the router; 0: not known */
    uint8_t trouble;       /* enum gateway_trouble */
    uint16_t trouble_result;
    uint32_t trouble_address; /* what the gateway gave for an address, and is none */
    /* requests since the last answer, and when the first of them was sent */
    uint8_t unheard;
    uint64_t unheard_ms;

    /* outcomes not yet taken */
    bool state_lost;
    bool address_changed;
    bool address_lost;
    bool reply_pending;
    bool reply_late;
    struct natpmp_reply reply;
};

/* The memory must be zero. */
void upstream_init(struct upstream *u);
/* The first request for the external address goes out with the next tick. */
void upstream_start(struct upstream *u, uint64_t now_ms);

/* Room for another transaction? */
bool upstream_free(const struct upstream *u);
/* Sends a map request (lifetime_s > 0) or a deletion. At most one transaction for each (protocol,
 * internal_port). Internal port 0, for a map request only: a port of the gateway's choice, the same as the
 * external one. */
void upstream_ask(struct upstream *u, uint16_t owner, enum natpmp_protocol protocol, uint16_t internal_port,
                  uint16_t external_port, uint32_t lifetime_s, const struct step *step);
/* The external address as clients may hear it: 0 while none is known, and while the gateway is in trouble. */
uint32_t upstream_external(const struct upstream *u);
/* True when it is known, or known that there is none for now. */
bool upstream_external_is_settled(const struct upstream *u);
/* True if a transaction of that protocol is under way. */
bool upstream_is_busy(const struct upstream *u, enum natpmp_protocol protocol);
/* Gives up the transaction of (protocol, internal_port), if there is one; its owner hears nothing of it. */
void upstream_withdraw(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                       uint64_t now_ms);
/* No lease is to be requested for it before: until then something of before may arrive, at the gateway or
 * here, and pass for the request or its answer. */
uint64_t upstream_quiet_ms(const struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port);
/* For a gateway whose requests and deletions name different ports: when one of this kind may follow the last
 * one of the other kind without overtaking it. */
uint64_t upstream_apart_ms(const struct upstream *u, enum natpmp_protocol protocol, bool deletes);
/* A client asks anew for what is being asked already: the schedule starts again, for the long pauses at its
 * end may outlast the lease. */
void upstream_again(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                    uint64_t now_ms);
/* A client asks for an address that is not known: ask the gateway now rather than at the next turn. */
void upstream_want_address(struct upstream *u, uint64_t now_ms);

void upstream_receive(struct upstream *u, struct span datagram, const struct step *step);
/* Retransmits what is due, as far as there is room. */
void upstream_tick(struct upstream *u, const struct step *step);
/* True and an outcome, until there is none left. */
bool upstream_next(struct upstream *u, uint64_t now_ms, struct upstream_outcome *ret_outcome);
uint64_t upstream_deadline_ms(const struct upstream *u);

/* The gateway is like this now, by what it sends or by what its socket reports (upstream_trouble.c). The
 * operator hears of it when it changes. */
void upstream_report(struct upstream *u, enum gateway_trouble trouble, struct actions *out);
