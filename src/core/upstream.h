/* The gateway's side: a NAT-PMP client (RFC 6886 sections 3.1 to 3.7) with several transactions in parallel.
 * It also keeps the external address, and checks the gateway's epoch.
 *
 * Requests are sent as actions. Call upstream_next after each event and tick to take the outcomes. */
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
    uint8_t unanswered;    /* datagrams */
    uint8_t wrong;         /* answers that say success and grant nothing of what was requested */
    uint8_t clock_changes; /* of the gateway's clock since the request was sent first */
    bool ignored;   /* an answer whose epoch was unlikely: it may be the one of a gateway that restarted */
    uint16_t owner; /* given by the caller, and returned in the outcome */
    uint16_t external_port;
    uint16_t fallback_port; /* suggested by later attempts; 0: the same port as before */
    uint32_t lifetime_s;
    uint32_t epoch_floor_s; /* a reply with a lower epoch is older than the request */
    uint64_t first_ms;
    uint64_t last_ms;
    uint64_t next_ms;
};

enum upstream_outcome_type {
    UPSTREAM_GRANTED,
    UPSTREAM_DELETED,
    UPSTREAM_FAILED,      /* a result code other than success */
    UPSTREAM_UNANSWERED,  /* all attempts went unanswered */
    UPSTREAM_NOT_GRANTED, /* a third answer said success and granted nothing of what was requested */
    UPSTREAM_WRONG,       /* the first or second such answer: the request goes on */
    UPSTREAM_UNSOLICITED, /* a success for (protocol, internal port) without a transaction; lifetime 0: a
                             deletion */
    UPSTREAM_LATE,        /* a success that arrived late and may be out of date */
    UPSTREAM_ADDRESS,     /* the external address became known or changed */
    UPSTREAM_NO_ADDRESS,  /* the gateway reports that it has none */
    UPSTREAM_STATE_LOST,  /* the gateway's epoch shows that it lost its state (section 3.6) */
};

struct upstream_outcome {
    enum upstream_outcome_type type;
    uint16_t owner;
    uint16_t result;
    enum natpmp_protocol protocol; /* as the answer names it: not GRANTED, DELETED, FAILED */
    uint16_t internal_port;        /* as protocol */
    uint16_t external_port;
    uint16_t suggested; /* GRANTED, FAILED, NOT_GRANTED: by the last attempt */
    bool wrong;         /* GRANTED: wrong answers came before */
    uint32_t lifetime_s;
    /* GRANTED: the lease has ended by then, even if a retransmission that arrived later renewed it */
    uint64_t gone_ms;
    /* GRANTED: when the first request was sent, so that the lease cannot have begun earlier; STATE_LOST: when
     * the first packet showed that the gateway lost its state */
    uint64_t asked_ms;
};

/* Datagrams for (protocol, internal port) that may still be on their way, and to which the gateway may
 * answer. */
enum under_way_kind {
    UNDER_WAY_NOTHING,
    UNDER_WAY_GRANT,     /* retransmissions of the request that was granted last */
    UNDER_WAY_DELETION,  /* requests that were sent before a deletion was confirmed */
    UNDER_WAY_WITHDRAWN, /* a request that was withdrawn before its answer */
};

/* In 8 bytes, because random ports make the whole table of dynamic ports resident memory. */
struct under_way {
    uint64_t until_ms : 55;
    uint64_t kind : 2; /* enum under_way_kind */
    /* of the last transaction: its datagrams that nobody has answered, and whether it was a deletion */
    uint64_t copies : 6;
    uint64_t copies_delete : 1;
};

struct upstream {
    /* Only the pages of ports that were used become resident memory. */
    struct under_way under_way[2][65536];
    uint64_t apart_ms[2][2]; /* by protocol, and 1 for deletions; see upstream_apart_ms */
    struct transaction transaction[UPSTREAM_PARALLEL_MAX];
    uint32_t key[UPSTREAM_PARALLEL_MAX]; /* protocol and internal port of each transaction */
    unsigned used;
    unsigned chosen; /* transactions for internal port 0 */
    uint64_t due_ms; /* no transaction is due before */

    /* the request for the external address, which is always in flight or scheduled */
    uint32_t address;
    uint64_t address_since_ms; /* when it became known */
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
    bool epoch_doubted; /* the gateway may have restarted: its earlier grants do not count until then */
    bool late_likely;   /* an answer to an earlier address request may come first */
    uint64_t suspected_ms;
    uint8_t clocks;               /* how often the clock was set, each time soon after the last one */
    uint64_t clock_ms;            /* when it was set last */
    uint64_t clock_void_until_ms; /* it is set so often that it is ignored until then */
    uint64_t late_until_ms;       /* a packet was late a while ago: more of them may be */
    uint64_t unasked_until_ms;    /* until then packets that answer nothing cause no request */

    uint32_t local;        /* our address towards the gateway; 0: not known, or the operator chose it */
    uint32_t router_local; /* our address towards the router; 0: not known */
    uint8_t trouble;       /* enum gateway_trouble */
    uint16_t trouble_result;
    uint32_t trouble_address; /* what the gateway gave for an address, and is none */
    /* requests since the last answer, and when the first of them was sent */
    uint8_t unheard;
    bool unheard_others;  /* not only attempts of one request */
    uint32_t unheard_key; /* the first one */
    uint64_t unheard_ms;
    uint64_t sent_ms; /* when the last packet went to the gateway */

    /* outcomes that upstream_next has not returned yet */
    bool state_lost;
    bool address_changed;
    bool address_lost;
    bool reply_pending;
    bool reply_late;
    uint8_t wrong; /* the reply is a wrong answer to transaction[wrong - 1]; 0: to none */
    struct natpmp_reply reply;
};

/* The memory must be zero. */
void upstream_init(struct upstream *u);
/* The first request for the external address goes out with the next tick. */
void upstream_start(struct upstream *u, uint64_t now_ms);

/* Ends all transactions without an outcome, requests nothing any more, and forgets the gateway's address and
 * epoch: they may be others by the next start. */
void upstream_stop(struct upstream *u, uint64_t now_ms);

/* What is wrong with an answer that says success and grants nothing of what was requested. */
const char *upstream_wrong_text(const struct upstream_outcome *o, enum natpmp_protocol protocol,
                                uint16_t internal_port);

/* True if there is room for another transaction. */
bool upstream_free(const struct upstream *u);
/* Sends a request for a lease of lifetime_s seconds, or a deletion (0). No transaction for the same
 * (protocol, internal_port) may be in flight. With internal port 0, for a lease only, the gateway chooses one
 * port as internal and external port. The outcome carries `owner`. */
void upstream_ask(struct upstream *u, uint16_t owner, enum natpmp_protocol protocol, uint16_t internal_port,
                  uint16_t external_port, uint32_t lifetime_s, const struct step *step);
/* If the first attempts for (protocol, internal_port) are not answered, the later ones suggest this port. */
void upstream_set_fallback(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                           uint16_t external_port);
/* The external address as clients may get it: 0 while none is known, and while the gateway is in trouble. */
uint32_t upstream_external(const struct upstream *u);
/* True when it is known, or known that there is none for now. */
bool upstream_external_is_decided(const struct upstream *u);
/* True if a transaction of that protocol is in flight. */
bool upstream_is_busy(const struct upstream *u, enum natpmp_protocol protocol);
/* Ends the transaction of (protocol, internal_port), if there is one, without an outcome. */
void upstream_withdraw(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                       uint64_t now_ms);
/* The time before which no lease may be requested for this port. Until then, an earlier datagram may arrive
 * here or at the gateway, and be mistaken for the new request or its answer. */
uint64_t upstream_quiet_ms(const struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port);
/* For a gateway whose requests and deletions name different ports: the time from which a deletion
 * (`deletes`) or a request can no longer overtake the last datagram of the other kind. */
uint64_t upstream_apart_ms(const struct upstream *u, enum natpmp_protocol protocol, bool deletes);
/* A client repeats its request while the transaction is in flight: the series of attempts starts again,
 * because the long intervals at its end may be longer than the lease. */
void upstream_again(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                    uint64_t now_ms);
/* A client waits for an address that is not known: the next request for it is sent at once. */
void upstream_want_address(struct upstream *u, uint64_t now_ms);

/* Requests the address now, although nobody waits for it. */
void upstream_refresh(struct upstream *u, uint64_t now_ms);

void upstream_receive(struct upstream *u, struct span datagram, const struct step *step);
/* Sends all attempts that are due, as far as the actions have room. */
void upstream_tick(struct upstream *u, const struct step *step);
/* Takes the next outcome. False: there is none left. */
bool upstream_next(struct upstream *u, uint64_t now_ms, struct upstream_outcome *ret_outcome);
/* That outcome was an unsolicited grant. If it names none of our mappings, or the port of a request of the
 * other protocol, it may be the wrong answer to a request. True: it is the late answer to a copy of an
 * earlier request or deletion. */
bool upstream_on_stranger(struct upstream *u, const struct upstream_outcome *o, bool ours,
                          const struct step *step);
/* The gateway answers what it was asked, rightly or wrongly. */
void upstream_heard(struct upstream *u, const struct step *step);
/* The time of the next attempt; UINT64_MAX: none is scheduled. */
uint64_t upstream_deadline_ms(const struct upstream *u);

/* Sets the gateway's state, which its replies or the errors of its socket show. Logs it when it changes
 * (upstream_trouble.c). */
void upstream_report(struct upstream *u, enum gateway_trouble trouble, struct actions *out);
