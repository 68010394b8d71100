/* The tables: mappings, the clients that own them, and pending replies. Nothing is decided here.
 *
 * A mapping is an identity, what ought to be (`wanted`), and four parts, each written by its own file alone.
 * When nothing is wanted and nothing is left, the record is in quarantine for a while: its router port goes
 * back to the same client only. All times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/index.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/portset.h"
#include "core/event.h"
#include "core/job.h"
#include "core/lease.h"
#include "core/promise.h"
#include "core/rule.h"
#include "core/server.h"
#include "wire/natpmp.h"

enum {
    /* No mapping is requested for longer than a day: some clients send milliseconds. */
    LIFETIME_MAX_S = 24 * 60 * 60,
};

struct mapping {
    uint16_t client; /* index; 0: the record is free */
    uint16_t internal_port;
    uint16_t router_port; /* 0: not chosen yet, nothing is on the router or at the gateway */
    uint8_t protocol;     /* enum natpmp_protocol */
    bool wanted : 1;      /* it ought to exist */
    bool moving : 1;      /* to another router port: first everything goes, then it is made anew */
    bool released : 1;    /* in by_released_port */
    struct rule rule;
    struct lease lease;
    struct promise promise;
    struct job job;
};

/* A reply that (address, port) waits for. */
struct pending_reply {
    struct reply_path path;
    uint64_t since_ms;
    uint16_t next;
};

struct client {
    uint32_t address;               /* 0: the record is free */
    uint16_t records;               /* mappings that exist for it, those in quarantine included */
    uint16_t live;                  /* wanted ones */
    uint16_t quarantined;           /* those in quarantine */
    uint16_t map_jobs;              /* mappings with JOB_MAP; kept by job.c */
    uint16_t asking;                /* transactions under way at the gateway; kept by lease.c */
    bool full_noted;                /* the operator knows that it may not have more mappings */
    uint16_t address_pending;       /* of external address requests; the first one waits longest */
    uint16_t delete_all_pending[2]; /* by protocol */
    bool late;                      /* it came back after what it was advertised had ended */
    struct list mappings;           /* by mapping_tables.of_client */
    struct list queue;              /* to ask at the gateway, by mapping_tables.to_ask */
};

struct mapping_tables {
    struct mapping mapping[MAPPINGS_MAX + 1];
    struct list_link of_client[MAPPINGS_MAX + 1];
    struct list_link to_ask[MAPPINGS_MAX + 1];
    struct list_link to_drive[MAPPINGS_MAX + 1];
    struct list_link to_router[MAPPINGS_MAX + 1];
    struct list_link quarantine_link[MAPPINGS_MAX + 1];
    uint64_t quarantined_ms[MAPPINGS_MAX + 1]; /* since when it is there */
    struct list_link spare_link[MAPPINGS_MAX + 1];
    struct list drive;      /* something changed: compare is with ought */
    struct list router;     /* wants a command to the router */
    struct list quarantine; /* ended, oldest first */
    struct list spare;      /* have a port of the gateway and are not in use, longest first */
    struct heap due;

    struct index by_key;           /* (client, protocol, internal port) */
    struct index by_router_port;   /* (protocol, router port) */
    struct index by_external_port; /* (protocol, external port) of granted ones */
    struct index by_rule;          /* rule id */
    struct index by_released_port; /* (any protocol, advertised port) of those that are not wanted any more */
    struct portset router_ports;   /* in use by any record, of either protocol */

    uint16_t free_mapping; /* freed records, chained by of_client.next */
    uint16_t used_mappings;
    uint16_t live;        /* wanted ones */
    uint16_t records;     /* all */
    uint16_t quarantined; /* in the list `quarantine` */
    uint16_t recovering;  /* with lease.recover; kept by lease.c */

    struct client client[CLIENTS_MAX + 1];
    struct list_link client_ready_link[CLIENTS_MAX + 1];
    struct list client_ready; /* may ask the gateway next: one turn each */
    struct list_link address_waiting_link[CLIENTS_MAX + 1];
    struct list address_waiting; /* with address_pending, longest waiting first */
    struct index by_address;
    uint16_t free_client;
    uint16_t used_clients;
    uint16_t clients;

    struct pending_reply pending[PENDING_REPLIES_MAX + 1];
    uint16_t free_pending;
    uint16_t used_pending;
};

/* Who and what, for log lines: "client=192.168.88.11 protocol=tcp internal=6881 router=6881". */
struct mapping_text {
    char text[96];
};

struct mapping *mapping_at(struct mapping_tables *t, uint16_t m);
uint32_t mapping_address(const struct mapping_tables *t, uint16_t m);
struct mapping_text mapping_text(const struct mapping_tables *t, uint16_t m);
/* It ought to exist where it stands. */
bool mapping_ought(const struct mapping *mapping);
enum natpmp_protocol mapping_protocol(const struct mapping *mapping);
enum natpmp_protocol mapping_other_protocol(const struct mapping *mapping);
/* The same client and internal port with the other protocol; 0: none. */
uint16_t mapping_companion(const struct mapping_tables *t, uint16_t m);
bool mapping_is_quarantined(const struct mapping_tables *t, uint16_t m);

/* ---- clients ---- */

uint16_t client_find(const struct mapping_tables *t, uint32_t address);
/* Finds or makes. When the table is full, a client of which only records in quarantine are left makes room,
 * the one that is there for the longest time first. 0: the table is full of others. */
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
 * is free. When the table is full, the record that is in quarantine for the longest time makes room. */
uint16_t mapping_new(struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                     uint16_t internal_port);
/* Nothing is wanted, nothing is left, nobody waits. */
bool mapping_is_over(const struct mapping_tables *t, uint16_t m);
/* The record must be over; it is in no list afterwards. */
void mapping_free(struct mapping_tables *t, uint16_t m);
/* The record is over: it keeps its router port for the same client until it is freed. */
void mapping_quarantine(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
void mapping_wake(struct mapping_tables *t, uint16_t m);
/* True if another client was advertised this external port, of either protocol, and released it at since_ms
 * or later: strangers may still send to it. */
bool mapping_port_is_quarantined(const struct mapping_tables *t, uint16_t m, uint16_t external_port,
                                 uint64_t since_ms);
/* Frees the record of one client that is in quarantine for the longest time; false if there is none. */
bool mapping_free_quarantined_of(struct mapping_tables *t, uint16_t c);

void mapping_set_wanted(struct mapping_tables *t, uint16_t m, bool wanted);
void mapping_set_moving(struct mapping_tables *t, uint16_t m, bool moving);
/* 0: none. Nothing may be on the router or at the gateway under the old one. Keeps by_router_port. */
void mapping_set_router_port(struct mapping_tables *t, uint16_t m, uint16_t router_port);
/* For the parts, before they write the field: by_external_port, by_rule. 0: none. */
void mapping_index_external_port(struct mapping_tables *t, uint16_t m, uint16_t external_port);
void mapping_index_rule(struct mapping_tables *t, uint16_t m, uint32_t rule_id);

/* True if a mapping of this client may stand on (protocol, router port): no record there, and the companion
 * port belongs to nobody or to the same client (RFC 6886 sections 3.3 and 9.4 [M-09] [M-25]). */
bool mapping_port_free(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                       uint16_t router_port);

/* It has a port of the gateway and is not in use, or not any more. */
void mapping_set_spare(struct mapping_tables *t, uint16_t m, bool spare);
/* Something changed: drive looks at it in this step. */
void mapping_touch(struct mapping_tables *t, uint16_t m);

/* ---- pending replies ---- */

/* Adds a reply to the list that begins at *list unless the same (address, port) is there.
 * False: no room; the client will come again. */
bool pending_add(struct mapping_tables *t, uint16_t *list, const struct pending_reply *reply);
/* Takes the first one off; false: the list is empty. */
bool pending_take(struct mapping_tables *t, uint16_t *list, struct pending_reply *ret_reply);
