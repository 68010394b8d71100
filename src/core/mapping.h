/* The tables: mappings, the clients that own them, and the answers that are owed. No decisions are taken
 * here.
 *
 * A mapping says what ought to be (`wanted`) and what is: the rule on the router, the lease at the gateway.
 * When nothing is wanted and nothing is left, the record rests for a while: its router port goes back to the
 * same client only. All times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/index.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/portset.h"
#include "core/event.h"
#include "wire/natpmp.h"

enum rule_state {
    RULE_ABSENT,
    RULE_ADDING, /* the command is on its way */
    RULE_PRESENT,
    RULE_REMOVING,
    RULE_UNSURE, /* a command's answer was lost: a snapshot settles it */
};

enum lease_state {
    LEASE_NONE,
    LEASE_GRANTED,
    LEASE_UNSURE, /* asked without an answer, or the gateway lost its state */
};

enum work {
    WORK_NONE,
    WORK_MAP,    /* clients wait for the mapping */
    WORK_DELETE, /* clients wait for its end */
};

enum pair {
    PAIR_SETTLED,
    PAIR_ASKED, /* the gateway changed this one's port, and is asked whether the companion's has changed, too
                 */
    PAIR_REJOINS, /* its lease is given back and made anew, so that both have one number again */
};

/* Small fields stand together, so that 65,535 of them have no gaps. */
struct mapping {
    /* who and what */
    uint16_t client; /* index; 0: the record is free */
    uint16_t internal_port;
    uint16_t router_port;   /* 0: not chosen yet, nothing is on the router or at the gateway */
    uint16_t external_port; /* granted; 0: none yet */
    uint16_t told_port;     /* external port that the clients were told last; 0: none */
    uint16_t suggested_port;
    uint16_t waiters; /* first waiter */
    uint8_t protocol; /* enum natpmp_protocol */

    /* what ought to be */
    uint8_t work;    /* enum work */
    uint8_t refusal; /* result code that ends the work; 0: none */
    uint8_t failure; /* result code of the last work, told to the operator; 0: success */
    bool wanted : 1;
    bool moving : 1;     /* to another router port: first everything goes, then it is made anew */
    bool delete_all : 1; /* a delete-all waits for its end */
    bool need_grant : 1; /* a client asked, and the gateway has not granted since: it is asked, also when the
                            client was answered from memory */
    bool again : 1;      /* the work is a copy of a request that was answered a moment ago */
    bool given_back : 1; /* in by_given_port */
    uint32_t asked_s;    /* the last asked lifetime */
    uint64_t work_since_ms;
    uint64_t ends_ms;       /* it is kept until then for its clients; 0: not at all */
    uint64_t told_ms;       /* when the clients were told last that they have it */
    uint64_t told_until_ms; /* and for how long; 0: nothing, or they were told that it is over */

    /* the rule on the router */
    uint64_t rule_made_ms;    /* when the router said that it was added */
    uint32_t rule_id;         /* PRESENT, REMOVING; ADDING: what listen told already, or 0 */
    uint32_t rule_seen;       /* number of the snapshot in which, or after which, it was last seen */
    uint32_t comment_lease_s; /* what the rule's comment says, or will say when the command is done */
    uint32_t comment_sure_s;  /* ... and says at least, whatever becomes of the command */
    uint16_t comment_port;
    uint8_t rule; /* enum rule_state */
    uint8_t add_failures;
    uint8_t remakes;          /* in a row, of a rule that had just been added */
    bool rule_wrong : 1;      /* present, but not as it ought to be: replace it */
    bool comment_setting : 1; /* a set command is on its way */
    bool comment_stale : 1;   /* its comment is not ours of today, whatever the fields above say */

    /* the lease at the gateway */
    uint8_t lease; /* enum lease_state */
    uint8_t pair;  /* enum pair */
    uint8_t ask_failures;
    uint8_t conflicts;  /* grants of a port that another mapping holds */
    uint8_t moves;      /* router ports given up because of what the gateway granted for them */
    bool asking : 1;    /* a transaction is under way */
    bool releasing : 1; /* it is a deletion */
    bool forgotten : 1; /* a request was given up before its answer came: the answer may still come */
    bool recover : 1;   /* asked for without a client's doing: the gateway lost its state, or it is adopted */
    bool adopted : 1;   /* of an earlier run: how long its client was promised it is not known exactly */
    bool pair_told : 1; /* the operator knows that the companion has another external port */
    bool ahead : 1; /* the gateway was too slow for a client that renews: it is renewed ahead of the client */
    uint16_t gateway_result; /* the last one other than success since the work began */
    uint16_t
        moved_from; /* external port that was granted before the last move: again means it is the only one */
    uint32_t granted_s;
    uint64_t granted_ms;    /* when the last grant arrived */
    uint64_t lease_ends_ms; /* UNSURE: at the latest */
    uint64_t lease_gone_ms; /* a later copy of the request may have made it last until then */
    uint64_t lease_sure_ms; /* GRANTED: so long at the least: a deletion or a shorter lifetime was asked for
                               since the grant */
};

/* What most mappings never have, in a table of its own: a page of it is real memory when one of its mappings
 * had trouble. So a time that is 0 already is not written. */
struct mapping_trouble {
    uint64_t ask_retry_ms;     /* the gateway is not asked before */
    uint64_t copies_ms;        /* until then what was sent before, or its answer, may still arrive:
                                  no lease is asked for */
    uint64_t rule_retry_ms;    /* the router gets no command before */
    uint64_t refused_until_ms; /* a creation was refused: the same answer without asking again */
    uint64_t rejoined_ms;      /* when it was last made anew for its companion's sake */
    uint64_t rotations_since_ms;
    uint8_t rotations; /* changes of the external port since then */
};

/* An answer that is owed to (address, port). */
struct waiter {
    struct endpoint from;
    uint32_t to;
    uint32_t interface;
    uint64_t since_ms;
    uint32_t lifetime_s; /* asked: the answer is not more */
    uint16_t next;
};

struct client {
    uint32_t address;               /* 0: the record is free */
    uint16_t records;               /* mappings that exist for it, resting ones included */
    uint16_t live;                  /* wanted ones */
    uint16_t at_rest;               /* resting ones */
    uint16_t working;               /* mappings with WORK_MAP */
    uint16_t asking;                /* transactions under way at the gateway */
    bool full_told;                 /* the operator knows that it may not have more mappings */
    uint16_t address_waiters;       /* of external address requests; the first one waits longest */
    uint16_t delete_all_waiters[2]; /* by protocol */
    bool late;                      /* it came back after what it was told had ended */
    struct list mappings;           /* by mapping_tables.of_client */
    struct list queue;              /* to ask at the gateway, by mapping_tables.to_ask */
};

struct mapping_tables {
    struct mapping mapping[MAPPINGS_MAX + 1];
    struct mapping_trouble trouble[MAPPINGS_MAX + 1];
    struct list_link of_client[MAPPINGS_MAX + 1];
    struct list_link to_ask[MAPPINGS_MAX + 1];
    struct list_link to_drive[MAPPINGS_MAX + 1];
    struct list_link to_router[MAPPINGS_MAX + 1];
    struct list_link resting_link[MAPPINGS_MAX + 1];
    uint64_t rested_ms[MAPPINGS_MAX + 1]; /* when it began to rest */
    struct list_link spare_link[MAPPINGS_MAX + 1];
    struct list drive;   /* something changed: compare is with ought */
    struct list router;  /* wants a command to the router */
    struct list resting; /* ended, oldest first */
    struct list spare;   /* take a port of the gateway, and nobody relies on it now: longest first */
    struct heap due;

    struct index by_key;           /* (client, protocol, internal port) */
    struct index by_router_port;   /* (protocol, router port) */
    struct index by_external_port; /* (protocol, external port) of granted ones */
    struct index by_rule;          /* rule id */
    struct index by_given_port;    /* (any protocol, told port) of those that are not wanted any more */
    struct portset router_ports;   /* in use by any record, of either protocol */

    uint16_t free_mapping; /* freed records, chained by of_client.next */
    uint16_t used_mappings;
    uint16_t live;    /* wanted ones */
    uint16_t records; /* all */
    uint16_t at_rest; /* in the list `resting` */

    struct client client[CLIENTS_MAX + 1];
    struct list_link client_ready_link[CLIENTS_MAX + 1];
    struct list client_ready; /* may ask the gateway next: one turn each */
    struct list_link address_waiting_link[CLIENTS_MAX + 1];
    struct list address_waiting; /* with address_waiters, longest waiting first */
    struct index by_address;
    uint16_t free_client;
    uint16_t used_clients;
    uint16_t clients;

    struct waiter waiter[WAITERS_MAX + 1];
    uint16_t free_waiter;
    uint16_t used_waiters;
};

struct mapping *mapping_at(struct mapping_tables *t, uint16_t m);
uint32_t mapping_address(const struct mapping_tables *t, uint16_t m);

/* ---- clients ---- */

uint16_t client_find(const struct mapping_tables *t, uint32_t address);
/* Finds or makes. When the table is full a client makes room of which nothing is left but resting records,
 * the one that rests longest first. 0: the table is full of others. */
uint16_t client_take(struct mapping_tables *t, uint32_t address);
/* Frees the record if nothing hangs on it any more. */
void client_release(struct mapping_tables *t, uint16_t c);

/* ---- mappings ---- */

uint16_t mapping_find(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                      uint16_t internal_port);
uint16_t mapping_find_router_port(const struct mapping_tables *t, enum natpmp_protocol protocol,
                                  uint16_t router_port);
uint16_t mapping_find_external_port(const struct mapping_tables *t, enum natpmp_protocol protocol,
                                    uint16_t external_port);
uint16_t mapping_find_rule(const struct mapping_tables *t, uint32_t rule_id);

/* A new record without a router port, neither wanted nor anywhere; 0: no memory for it or its client. The key
 * is free. When the table is full the record that rests longest makes room. */
uint16_t mapping_new(struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                     uint16_t internal_port);
/* Nothing is wanted, nothing is left, nobody waits. */
bool mapping_is_over(const struct mapping_tables *t, uint16_t m);
/* The record must be over; it is in no list afterwards. */
void mapping_free(struct mapping_tables *t, uint16_t m);
/* The record is over: it keeps its router port for the same client until it is freed. */
void mapping_rest(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
void mapping_wake(struct mapping_tables *t, uint16_t m);
/* True if another client was told this external port, of either protocol, and has given it back, and not
 * before since_ms: strangers may still send to it. */
bool mapping_port_rests(const struct mapping_tables *t, uint16_t m, uint16_t external_port,
                        uint64_t since_ms);
/* Frees the longest resting record of one client; false if none rests. */
bool mapping_free_resting_of(struct mapping_tables *t, uint16_t c);

const struct mapping_trouble *mapping_trouble(const struct mapping_tables *t, const struct mapping *mapping);
/* To be changed by one who has trouble. */
struct mapping_trouble *mapping_in_trouble(struct mapping_tables *t, const struct mapping *mapping);
/* 0: at once. */
void mapping_set_ask_retry(struct mapping_tables *t, const struct mapping *mapping, uint64_t retry_ms);
void mapping_set_rule_retry(struct mapping_tables *t, const struct mapping *mapping, uint64_t retry_ms);
void mapping_set_copies(struct mapping_tables *t, const struct mapping *mapping, uint64_t copies_ms);

/* What is not wanted any more is undone at once, whatever an earlier failure put off. */
void mapping_set_wanted(struct mapping_tables *t, uint16_t m, bool wanted);
void mapping_set_work(struct mapping_tables *t, uint16_t m, enum work work);
/* 0: none. Nothing may be on the router or at the gateway under the old one. Keeps by_router_port. */
void mapping_set_router_port(struct mapping_tables *t, uint16_t m, uint16_t router_port);
/* 0: none. Keeps by_external_port. */
void mapping_set_external_port(struct mapping_tables *t, uint16_t m, uint16_t external_port);
/* The one place where the lease's state changes: without a lease there is no external port. */
void mapping_set_lease(struct mapping_tables *t, uint16_t m, enum lease_state lease);
/* The one place where the rule's state changes; rule_id 0 when there is none. Keeps by_rule. */
void mapping_set_rule(struct mapping_tables *t, uint16_t m, enum rule_state rule, uint32_t rule_id);

/* True if a mapping of this client may stand on (protocol, router port): no record there, and the companion
 * port belongs to nobody or to the same client (RFC 6886 sections 3.3 and 9.4 [M-09] [M-25]). */
bool mapping_port_free(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                       uint16_t router_port);

/* Queue for proxy_drive; nothing if it is queued already. */
void mapping_touch(struct mapping_tables *t, uint16_t m);

/* ---- waiters ---- */

/* Adds an answer that is owed to the list that begins at *list unless the same (address, port) is there.
 * False: no room; the client will come again. */
bool waiter_add(struct mapping_tables *t, uint16_t *list, const struct waiter *waiter);
/* Takes the first one off; false: the list is empty. */
bool waiter_take(struct mapping_tables *t, uint16_t *list, struct waiter *ret_waiter);
