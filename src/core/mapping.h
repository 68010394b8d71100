/* The tables of mappings, of the clients that own them, and of pending replies. This module makes no
 * decisions.
 *
 * A mapping consists of an identity, of what ought to be (`wanted`), and of parts; each part is written only
 * by its own file. When a mapping is not wanted and nothing of it is left on the router or at the gateway,
 * its record stays in quarantine for a while, and its router port is given to the same client only. All times
 * are milliseconds of CLOCK_BOOTTIME.
 *
 * Records have the numbers 1 to MAPPINGS_MAX (m) and 1 to CLIENTS_MAX (c); 0 means none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/heap.h"
#include "base/index.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/portset.h"
#include "core/arrivals.h"
#include "core/event.h"
#include "core/job.h"
#include "core/lease.h"
#include "core/promise.h"
#include "core/rule.h"
#include "core/server.h"
#include "wire/natpmp.h"

enum {
    /* The daemon requests no mapping for longer than a day, because some clients send milliseconds as
     * seconds. */
    LIFETIME_MAX_S = 24 * 60 * 60,
    /* RFC 6886 section 3.3 recommends this one. */
    STATIC_LIFETIME_S = 2 * 60 * 60,
};

struct mapping {
    uint16_t client; /* number of the client's record; 0: this record is free */
    uint16_t internal_port;
    uint16_t router_port; /* 0: not chosen yet, and neither a rule nor a lease exists */
    uint8_t protocol;     /* enum natpmp_protocol */
    bool wanted : 1;      /* a client or the configuration wants it, or it is kept alive or adopted */
    bool moving : 1;      /* rule and lease are removed first, then made for another router port */
    bool released : 1;    /* the mapping is in by_released_port */
    bool is_static : 1;   /* the configuration wants it: it is kept for ever */
    struct rule rule;
    struct lease lease;
    struct promise promise;
    struct job job;
    struct arrivals arrivals;
};

/* A reply that the client's socket (address, port) waits for. */
struct pending_reply {
    struct reply_path path;
    uint64_t since_ms;
    uint16_t next;
};

struct client {
    uint32_t address;               /* 0: the record is free */
    uint16_t records;               /* all mapping records, with those in quarantine */
    uint16_t live;                  /* mappings that are wanted */
    uint16_t quarantined;           /* mapping records in quarantine */
    uint16_t map_jobs;              /* mappings with JOB_MAP; written by job.c */
    uint16_t asking;                /* transactions in flight at the gateway; written by lease.c */
    bool full_noted;                /* the log has reported that the client has no more room */
    uint16_t address_pending;       /* pending replies to external address requests, oldest first */
    uint16_t delete_all_pending[2]; /* pending replies to deletions of all mappings, by protocol */
    bool late;                      /* the client renewed a mapping after its lifetime had ended */
    struct list mappings;           /* all its mapping records, linked by of_client */
    struct list queue;              /* mappings whose turn at the gateway comes next, linked by to_ask ... */
    struct list releases;           /* ... and after them deletions that the gateway may not confirm */
    struct list changes;            /* mappings whose rule waits for a change, linked by to_change */
    struct bucket change_budget;    /* changes on the router that the client may still cause */
    bool changes_noted;             /* the log has reported that its changes wait */
};

struct mapping_tables {
    struct mapping mapping[MAPPINGS_MAX + 1];
    struct list_link of_client[MAPPINGS_MAX + 1];
    struct list_link to_ask[MAPPINGS_MAX + 1];
    struct list_link to_release[MAPPINGS_MAX + 1];
    struct list_link to_drive[MAPPINGS_MAX + 1];
    struct list_link to_router[MAPPINGS_MAX + 1];
    struct list_link to_change[MAPPINGS_MAX + 1];
    struct list_link quarantine_link[MAPPINGS_MAX + 1];
    uint64_t quarantined_ms[MAPPINGS_MAX + 1]; /* when the record's quarantine began */
    struct list_link spare_link[MAPPINGS_MAX + 1];
    struct list_link fresh_link[MAPPINGS_MAX + 1];
    struct list drive;      /* touched mappings, which drive has to handle */
    struct list router;     /* mappings whose rule wants a command of the daemon's own */
    struct list quarantine; /* ended mappings, oldest first */
    struct list spare;      /* unused mappings with a lease, longest unused first */
    struct list fresh;      /* mappings whose rule is new: connections to its port may be older */
    struct heap due;

    struct index by_key;           /* (client, protocol, internal port) */
    struct index by_router_port;   /* (protocol, router port) */
    struct index by_external_port; /* (protocol, external port), of mappings with a known external port */
    struct index by_rule;          /* rule id */
    struct index by_released_port; /* port advertised before the mapping ended, any protocol */
    struct portset router_ports;   /* ports of all records, of both protocols */

    uint16_t free_mapping; /* freed records, chained by of_client.next */
    uint16_t used_mappings;
    uint16_t live;        /* mappings that are wanted */
    uint16_t records;     /* all records in use */
    uint16_t quarantined; /* records in the list `quarantine` */
    uint16_t recovering;  /* mappings with lease.recover; written by lease.c */
    uint16_t invalid;     /* mappings with rule.invalid; written by rule.c */
    uint16_t hidden;      /* mappings with rule.hidden; written by rule.c */

    struct client client[CLIENTS_MAX + 1];
    struct list_link client_ready_link[CLIENTS_MAX + 1];
    struct list client_ready; /* clients that may ask the gateway next, one request each */
    struct list_link change_ready_link[CLIENTS_MAX + 1];
    struct list change_ready; /* clients that may change a rule next, one change each */
    struct list_link address_waiting_link[CLIENTS_MAX + 1];
    struct list address_waiting; /* clients with address_pending, longest waiting first */
    struct index by_address;
    uint16_t free_client;
    uint16_t used_clients;
    uint16_t clients;

    struct pending_reply pending[PENDING_REPLIES_MAX + 1];
    uint16_t free_pending;
    uint16_t used_pending;
};

/* A mapping in a log line: "client=192.168.88.11 protocol=tcp internal=6881 router=6881". */
struct mapping_text {
    char text[96];
};

struct mapping *mapping_at(struct mapping_tables *t, uint16_t m);
uint32_t mapping_address(const struct mapping_tables *t, uint16_t m);
struct mapping_text mapping_text(const struct mapping_tables *t, uint16_t m);
/* True if the mapping is wanted on its present router port. */
bool mapping_is_wanted_here(const struct mapping *mapping);
enum natpmp_protocol mapping_protocol(const struct mapping *mapping);
enum natpmp_protocol mapping_other_protocol(const struct mapping *mapping);
/* Returns the mapping of the other protocol with the same client and internal port; 0: none. */
uint16_t mapping_companion(const struct mapping_tables *t, uint16_t m);
bool mapping_is_quarantined(const struct mapping_tables *t, uint16_t m);

/* ---- clients ---- */

uint16_t client_find(const struct mapping_tables *t, uint32_t address);
/* Finds the client's record or makes one. When the table is full, a client that has only records in
 * quarantine is freed, the one with the oldest record first. 0: no client can be freed. */
uint16_t client_take(struct mapping_tables *t, uint32_t address);
/* Frees the client's record if it has neither mappings nor pending replies. */
void client_release(struct mapping_tables *t, uint16_t c);

/* ---- mappings ---- */

uint16_t mapping_find(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                      uint16_t internal_port);
uint16_t mapping_find_router_port(const struct mapping_tables *t, enum natpmp_protocol protocol,
                                  uint16_t router_port);
uint16_t mapping_find_external_port(const struct mapping_tables *t, enum natpmp_protocol protocol,
                                    uint16_t external_port);
uint16_t mapping_find_rule(const struct mapping_tables *t, uint32_t rule_id);

/* Makes a record that is not wanted and has no router port; no record may have this key yet. When the table
 * is full, the oldest record in quarantine is freed. 0: there is no room for the record or its client. */
uint16_t mapping_new(struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                     uint16_t internal_port);
/* True if the mapping is not wanted, has neither rule nor lease, and has no pending reply. */
bool mapping_is_over(const struct mapping_tables *t, uint16_t m);
/* Frees the record and takes it out of all lists. mapping_is_over must be true. */
void mapping_free(struct mapping_tables *t, uint16_t m);
/* Puts an ended mapping in quarantine: its router port stays reserved for its client until the record is
 * freed. */
void mapping_quarantine(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* Takes the record out of quarantine, because it is used again. */
void mapping_wake(struct mapping_tables *t, uint16_t m);
/* The port that it was advertised before it ended is forgotten, because it is advertised another time. */
void mapping_unrelease(struct mapping_tables *t, uint16_t m);
/* True if another client was advertised this external port, of either protocol, and released it at since_ms
 * or later. Peers of that client may still send to it. */
bool mapping_port_is_quarantined(const struct mapping_tables *t, uint16_t m, uint16_t external_port,
                                 uint64_t since_ms);
/* Frees one of the client's records in quarantine, if possible one whose external port no stranger knows.
 * False: there is none. */
bool mapping_free_quarantined_of(struct mapping_tables *t, uint16_t c);

/* A mapping that becomes wanted, or unwanted, is not moving any more. */
void mapping_set_wanted(struct mapping_tables *t, uint16_t m, bool wanted);
void mapping_set_moving(struct mapping_tables *t, uint16_t m, bool moving);
void mapping_set_static(struct mapping_tables *t, uint16_t m, bool is_static);
/* 0: no router port. Neither a rule nor a lease may exist for the old port. Updates by_router_port. */
void mapping_set_router_port(struct mapping_tables *t, uint16_t m, uint16_t router_port);
/* The parts call these before they write the field, to update by_external_port and by_rule. 0: none. */
void mapping_index_external_port(struct mapping_tables *t, uint16_t m, uint16_t external_port);
void mapping_index_rule(struct mapping_tables *t, uint16_t m, uint32_t rule_id);

/* The rule is new. */
void mapping_note_fresh(struct mapping_tables *t, uint16_t m);

/* True if a client with this address may use (protocol, router port): no record uses it, and the same port of
 * the other protocol is free or belongs to the same client (RFC 6886 sections 3.3 and 9.4 [M-09] [M-25]). */
bool mapping_port_free(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                       uint16_t router_port);

/* `spare`: the mapping has a lease, but no client uses it now. */
void mapping_set_spare(struct mapping_tables *t, uint16_t m, bool spare);
/* The mapping has changed, and drive must handle it in this step. */
void mapping_touch(struct mapping_tables *t, uint16_t m);

/* ---- pending replies ---- */

/* Adds a pending reply to the list that begins at *list, unless it contains a reply to the same (address,
 * port). False: there is no room, and the client gets its answer only if it sends the request again. */
bool pending_add(struct mapping_tables *t, uint16_t *list, const struct pending_reply *reply);
/* Removes the oldest reply from the list. False: the list is empty. */
bool pending_take(struct mapping_tables *t, uint16_t *list, struct pending_reply *ret_reply);
