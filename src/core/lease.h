/* The half of a mapping at the gateway: its lease, as far as it is known, and what is being asked. Written
 * only by lease.c. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct strategy;
struct mapping;
struct mapping_tables;
struct upstream_outcome;

enum lease_state {
    LEASE_NONE,
    LEASE_GRANTED,
    LEASE_UNSURE, /* asked without an answer, or the gateway lost its state */
};

/* TCP and UDP of one client port ought to have one external port. */
enum lease_pair {
    PAIR_SETTLED,
    PAIR_ASKED,   /* the gateway changed this port; it is asked whether the companion's has changed, too */
    PAIR_REJOINS, /* the lease is given back and made anew, so that both have one number again */
};

struct lease {
    uint64_t granted_ms;      /* when the last grant arrived */
    uint64_t ends_ms;         /* UNSURE: at the latest */
    uint64_t gone_ms;         /* a retransmission of the request may have made it last until then */
    uint64_t sure_ms;         /* GRANTED: so long at the least; a deletion or a shorter lifetime may have been
                                 requested     since the grant */
    uint64_t retry_ms;        /* the gateway is not asked before */
    uint64_t rejoined_ms;     /* when it was last made anew for its companion's sake; 0: never */
    uint64_t contradicted_ms; /* when the gateway last said something else than it had granted */
    uint64_t rotations_since_ms; /* when the first of the rotations was seen */
    uint32_t granted_s;
    uint16_t external_port; /* granted; 0: none */
    uint16_t moved_from;    /* the external port that was granted before the last move */
    uint16_t result;        /* the last one other than success since the job began */
    uint8_t state;          /* enum lease_state */
    uint8_t pair;           /* enum lease_pair */
    uint8_t failures;
    uint8_t contradictions; /* in a row */
    uint8_t conflicts;      /* grants of a port that another mapping has */
    uint8_t moves;          /* router ports given up because of what the gateway granted for them */
    uint8_t rotations;      /* changes of the external port by the gateway's doing alone */
    bool asking : 1;        /* a transaction is under way */
    bool releasing : 1;     /* it is a deletion */
    bool due : 1; /* a client asked, and the gateway has not granted since: it is asked even when the client
                     was answered from memory */
    bool recover : 1; /* requested without a client's doing: the gateway lost its state, or the rule was
                         adopted */
    bool slow : 1; /* the gateway was too slow for a client that renews: it is renewed ahead of the client */
    bool pair_noted : 1; /* the operator knows that the companion has another external port */
};

enum lease_want {
    LEASE_WANTS_NOTHING,
    LEASE_WANTS_GRANT,
    LEASE_WANTS_RELEASE,
};

/* What the gateway ought to be asked next, whether or not something is being asked already. */
enum lease_want lease_wants(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms);
/* When time alone changes that; UINT64_MAX: never. */
uint64_t lease_due_ms(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms);
/* By our books the gateway forwards to it. */
bool lease_lives(const struct mapping *mapping, uint64_t now_ms);
/* A client relies on this port, and the gateway may forward to it although our books are not sure: it was
 * advertised by an earlier run and the gateway has not been heard about it yet; or the gateway answered only
 * a late retransmission of the last request, and its lease counts from there. */
bool lease_may_live(const struct mapping *mapping, uint64_t now_ms);
/* It is known to last at least so many milliseconds more; 0: it is not known to live. */
uint64_t lease_left_ms(const struct mapping *mapping, uint64_t now_ms);
/* It is over by itself and nobody wants it. */
bool lease_is_over(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms);

/* ---- what was sent ---- */

/* A request for lifetime_s seconds was sent to the gateway; 0: a deletion. */
void lease_on_asked(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s, uint64_t now_ms);
/* A request is not wanted any more before its answer came; the gateway may have granted it. */
void lease_on_withdrawn(struct mapping_tables *t, uint16_t m, uint64_t now_ms);

/* ---- what the gateway answered ---- */

/* The transaction has ended, one way or another. */
void lease_on_answered(struct mapping_tables *t, uint16_t m);
void lease_on_granted(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                      uint64_t now_ms);
/* The grant cannot be used: another mapping has that port. Returns how often that has happened in a row. */
unsigned lease_on_conflict(struct mapping_tables *t, uint16_t m);
/* The other mapping gives that port up. */
void lease_on_conflict_solved(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The grant is not taken and the port is given back. True if another router port may get another external
 * port. */
bool lease_on_unusable(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                       const struct strategy *strategy);
/* The gateway answered with an error. */
void lease_on_refused(struct mapping_tables *t, uint16_t m, uint16_t result, uint64_t now_ms);
void lease_on_unanswered(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* It does not exist any more: given back, ended by itself, or refused. */
void lease_on_gone(struct mapping_tables *t, uint16_t m);
/* Another mapping was granted this one's port: in our books it has none any more. */
void lease_on_port_lost(struct mapping_tables *t, uint16_t m);
/* A success that no transaction asked for. False: it changes nothing. If it contradicts the last grant, the
 * gateway is asked again, after a pause that doubles each time. */
bool lease_on_unsolicited(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                          uint64_t now_ms);
/* A grant that was long under way. */
void lease_on_late(struct mapping_tables *t, uint16_t m, uint16_t external_port);
/* The gateway lost its state: the lease may be gone. */
void lease_on_state_lost(struct mapping_tables *t, uint16_t m);
/* True if it was granted before the gateway lost its state. */
bool lease_is_of_before(const struct mapping *mapping, uint64_t lost_ms);
/* An earlier run's rule was found; its lease ends at ends_ms at the latest. external_port 0: not known, or
 * another mapping has it. */
void lease_on_adopted(struct mapping_tables *t, uint16_t m, uint16_t external_port, uint64_t ends_ms);

/* ---- what is to be done ---- */

/* A client's new request begins; `again`: it repeats one that was answered a moment ago. */
void lease_begin(struct mapping_tables *t, uint16_t m, bool again);
/* The mapping is not wanted any more: the lease is given back at once, whatever an earlier failure put off.
 */
void lease_end(struct mapping_tables *t, uint16_t m);
/* The gateway is to be asked even if the client is answered from memory. */
void lease_set_due(struct mapping_tables *t, uint16_t m);
/* The gateway is asked without a client's doing. */
void lease_recover(struct mapping_tables *t, uint16_t m);
/* That has ended one way or the other. */
void lease_recovered(struct mapping_tables *t, uint16_t m);
/* The gateway is not asked before retry_ms; 0: at once. */
void lease_retry_at(struct mapping_tables *t, uint16_t m, uint64_t retry_ms);
/* After a failure: the pause doubles with each one. */
void lease_retry_later(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* After a refusal, while a port is being given up for it: soon, and a little later each time. */
void lease_retry_soon(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The lease that was to be made anew could not be given back: it is asked for again. */
void lease_on_rejoin_failed(struct mapping_tables *t, uint16_t m);
void lease_set_pair(struct mapping_tables *t, uint16_t m, enum lease_pair pair);
/* The lease is made anew for its companion's sake. */
void lease_rejoin(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
void lease_note_pair(struct mapping_tables *t, uint16_t m, bool differs);
/* The gateway changed the port of a living lease. If that happens often, returns how many changes there were
 * since *ret_since_ms; else 0. */
unsigned lease_count_rotation(struct mapping_tables *t, uint16_t m, uint64_t now_ms, uint64_t *ret_since_ms);
