/* The gateway's part of a mapping: its lease, as far as the daemon knows it, and the request in flight. Only
 * lease.c writes it. Times are milliseconds of CLOCK_BOOTTIME. */
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
    LEASE_UNSURE, /* a request got no answer, or the gateway lost its state: the lease may exist */
};

/* TCP and UDP of one client port ought to have one external port. */
enum lease_pair {
    PAIR_SETTLED,
    PAIR_ASKED, /* this port changed; the companion is renewed because its port may have changed, too */
    /* The lease is deleted and requested again, so that both protocols get one external port, or because
     * others come first. */
    PAIR_REJOINS,
};

struct lease {
    uint64_t granted_ms; /* when the last grant arrived */
    uint64_t ends_ms;    /* GRANTED: end of the lease; UNSURE: latest possible end */
    uint64_t gone_ms;    /* latest possible end, if a retransmission of the request renewed the lease */
    /* GRANTED: the lease is valid at least until then; earlier than ends_ms if the daemon has since requested
     * a deletion or a shorter lifetime */
    uint64_t sure_ms;
    uint64_t retry_ms;           /* no request to the gateway before */
    uint64_t asked_ms;           /* when the last request was sent, or its attempts began anew */
    uint64_t rejoined_ms;        /* last PAIR_REJOINS of this lease; 0: never */
    uint64_t contradicted_ms;    /* when the gateway last contradicted its grant */
    uint64_t offered_ms;         /* offered_port: when that was ... */
    uint64_t offered_ends_ms;    /* ... and the end of the lease then */
    uint64_t rotations_since_ms; /* when the first change in `rotations` was seen */
    uint32_t granted_s;
    uint32_t offered_s;
    uint16_t external_port; /* as granted; 0: none */
    uint16_t offered_port;  /* by a gateway that contradicts itself, and not taken yet; 0: none */
    uint16_t moved_from;    /* the external port that was granted before the last move */
    uint16_t result;        /* the gateway's last error since the job began or it granted the lease */
    uint8_t state;          /* enum lease_state */
    uint8_t pair;           /* enum lease_pair */
    uint8_t failures;
    uint8_t contradictions; /* in a row */
    uint8_t conflicts;      /* grants in a row of a port that another mapping has */
    uint8_t moves;          /* moves to another router port because the granted external port was unusable */
    uint8_t rotations;      /* changes of the external port while the lease was valid */
    bool asking : 1;        /* a request or a deletion is in flight */
    bool releasing : 1;     /* the request in flight is a deletion */
    /* A client has sent a request since the last grant: the gateway is asked even if the client was answered
     * from memory. */
    bool due : 1;
    /* The daemon requests the lease by itself, because the gateway lost its state or the rule was adopted. */
    bool recover : 1;
    /* The gateway once took longer than MEMORY_MS: the daemon renews the lease before the client does. */
    bool slow : 1;
    /* The gateway refused the last suggestion: the next request suggests the internal port. */
    bool suggest_own : 1;
    bool gave_way : 1;   /* since the job began, the lease was deleted because others come first */
    bool ended : 1;      /* the gateway has not renewed it: no packets arrive any more */
    bool pair_noted : 1; /* a log line has reported different ports of TCP and UDP */
};

enum lease_want {
    LEASE_WANTS_NOTHING,
    LEASE_WANTS_GRANT,
    LEASE_WANTS_RELEASE,
};

/* The next request to send to the gateway for this mapping; requests in flight are not considered. */
enum lease_want lease_wants(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms);
/* The time at which lease_wants changes although nothing else happens; UINT64_MAX: never. */
uint64_t lease_due_ms(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms);
/* As far as the daemon knows, the gateway forwards the external port to the mapping. */
bool lease_lives(const struct mapping *mapping, uint64_t now_ms);
/* True if a client uses the external port and the gateway may forward to it, although the daemon is not sure:
 * the port was advertised by an earlier run and the gateway has not answered yet; or the gateway answered
 * only a late retransmission of the last request, and its lease began then. */
bool lease_may_live(const struct mapping *mapping, uint64_t now_ms);
/* True if a client uses the external port, and the gateway has contradicted the grant of it and not settled
 * that yet. */
bool lease_is_contradicted(const struct mapping *mapping, uint64_t now_ms);
/* One more contradiction, and asking the gateway again settles nothing. */
bool lease_is_contradicted_often(const struct mapping *mapping, uint64_t now_ms);
/* True if a lease of that lifetime ends before the daemon renews it. */
bool lease_lifetime_is_too_short(uint32_t lifetime_s);
bool lease_is_too_short(const struct mapping *mapping);
/* The lifetime to request from the gateway: what the client requested last, or for a static mapping more. */
uint32_t lease_lifetime_s(const struct mapping *mapping);
/* The milliseconds for which the lease is certainly valid; 0: no valid lease is known. */
uint64_t lease_left_ms(const struct mapping *mapping, uint64_t now_ms);
/* The external port on which packets may arrive; 0: none. */
static inline uint16_t lease_port(const struct lease *lease)
{
    return lease->ended ? 0 : lease->external_port;
}
/* True if the mapping is static, and the gateway refuses it. */
bool lease_is_refused(const struct mapping *mapping);
/* True if an unwanted lease has ended at the gateway by itself, or cannot be deleted. */
bool lease_is_over(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms);

/* ---- what was sent ---- */

/* A request for lifetime_s seconds was sent to the gateway; 0: a deletion. */
void lease_on_asked(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s, uint64_t now_ms);
/* The attempts of the request in flight begin anew. */
void lease_on_asked_again(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* A request was withdrawn before its answer; the gateway may have granted it. */
void lease_on_withdrawn(struct mapping_tables *t, uint16_t m, uint64_t now_ms);

/* ---- what the gateway answered ---- */

/* The transaction has ended, with or without an answer. */
void lease_on_answered(struct mapping_tables *t, uint16_t m);
void lease_on_granted(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                      uint64_t now_ms);
/* The grant cannot be used, because another mapping has that external port. Returns the number of such grants
 * in a row. */
unsigned lease_on_conflict(struct mapping_tables *t, uint16_t m);
/* The other mapping releases that external port, so the request is repeated soon. */
void lease_on_conflict_solved(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The lease was granted, but others come first: it is deleted, and requested again after them. */
void lease_give_way(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o);
/* Another mapping has its external port from now on. It is deleted, or requested again. */
void lease_on_taken(struct mapping_tables *t, uint16_t m);
/* The lease was granted and is not wanted any more, so it will be deleted. */
void lease_on_unwanted(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o);
/* The granted external port cannot be used, so the lease will be deleted. True: the mapping should move to
 * another router port, because the gateway may grant it another external port. */
bool lease_on_unusable(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                       const struct strategy *strategy);
/* The gateway answered with the error `result`; the request is repeated later. */
void lease_on_refused(struct mapping_tables *t, uint16_t m, uint16_t result, uint64_t now_ms);
void lease_on_unanswered(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* To be called when time has passed: the lease may have ended. */
void lease_on_time(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The lease does not exist any more: it was deleted, it expired, or the gateway refused to renew it. */
void lease_on_gone(struct mapping_tables *t, uint16_t m);
/* The gateway granted this mapping's external port to another one, so this one has no external port now. */
void lease_on_port_lost(struct mapping_tables *t, uint16_t m);
/* A success arrived that no transaction waits for. False: it changes nothing. If it contradicts the last
 * grant, the gateway is asked again, after a pause that doubles each time. */
bool lease_on_unsolicited(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o,
                          uint64_t now_ms);
/* ---- a gateway that contradicts itself again and again: what it says last counts ---- */

/* While the lease is valid, the gateway offered the port o->external_port, in an answer (`answers`) or
 * unsolicited. Another port than the lease's is not taken until nothing else came for a while. False: that
 * changes nothing, or the lease is not valid. */
bool lease_on_offered(struct mapping_tables *t, uint16_t m, const struct upstream_outcome *o, bool answers,
                      uint64_t now_ms);
/* It offered no other port: the lease has the offered one. */
void lease_on_offer_taken(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* True if a port was offered, and no other one for a while. */
bool lease_offer_counts(const struct mapping *mapping, uint64_t now_ms);
/* True if the gateway may contradict what it said last. */
bool lease_is_fresh(const struct mapping *mapping, uint64_t now_ms);
/* When that ends. */
uint64_t lease_fresh_until_ms(const struct mapping *mapping);
/* True in the first half of the lease, in which clients are answered from memory. */
bool lease_is_answered_from_memory(const struct mapping *mapping, uint64_t now_ms);

/* A grant arrived so late that it may be out of date. */
void lease_on_late(struct mapping_tables *t, uint16_t m, uint16_t external_port);
/* The gateway lost its state, and probably the lease. */
void lease_on_state_lost(struct mapping_tables *t, uint16_t m);
/* True if the lease was granted before the gateway lost its state at lost_ms. */
bool lease_is_of_before(const struct mapping *mapping, uint64_t lost_ms);
/* The router has a rule of an earlier run, whose lease ends at ends_ms at the latest. external_port 0:
 * unknown, or another mapping has it. */
void lease_on_adopted(struct mapping_tables *t, uint16_t m, uint16_t external_port, uint64_t ends_ms);

/* ---- what is to be done ---- */

/* A client's request begins. `asks`: the gateway is asked for the lease. False: the request repeats one that
 * was answered a moment ago, or is answered from memory. */
void lease_begin(struct mapping_tables *t, uint16_t m, bool asks);
/* The mapping is not wanted any more: its lease is deleted at once, whatever delay an earlier failure set. */
void lease_end(struct mapping_tables *t, uint16_t m);
/* The lease is requested again at once, with the internal port as the suggestion. */
void lease_suggest_own(struct mapping_tables *t, uint16_t m);
/* The gateway must grant the lease again, even if the client is answered from memory. */
void lease_set_due(struct mapping_tables *t, uint16_t m);
/* The daemon requests the lease by itself; no client has asked for that. */
void lease_recover(struct mapping_tables *t, uint16_t m);
/* Such a request of the daemon's own has ended, with or without success. */
void lease_recovered(struct mapping_tables *t, uint16_t m);
/* The next request to the gateway waits until retry_ms; 0: it does not wait. */
void lease_retry_at(struct mapping_tables *t, uint16_t m, uint64_t retry_ms);
/* Sets the delay after a failure: 1 s at first, doubled after each failure, 30 s at most. */
void lease_retry_later(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* Sets the delay after a refusal while another mapping releases its port, doubled after each refusal. */
enum { LEASE_ROOM_RETRY_MS = 250, LEASE_ROOM_RETRY_MAX_MS = 4000 };
void lease_retry_soon(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The deletion failed, and the mapping is wanted: the lease is requested without it. */
void lease_on_not_released(struct mapping_tables *t, uint16_t m);
void lease_set_pair(struct mapping_tables *t, uint16_t m, enum lease_pair pair);
/* The lease will be deleted and requested again, to get the companion's external port. */
void lease_rejoin(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
void lease_note_pair(struct mapping_tables *t, uint16_t m, bool differs);
/* Counts a change of the external port of a valid lease. If such changes are frequent, returns how many there
 * were since *ret_since_ms; else 0. */
unsigned lease_count_rotation(struct mapping_tables *t, uint16_t m, uint64_t now_ms, uint64_t *ret_since_ms);
