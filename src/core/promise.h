/* What clients were advertised of a mapping, until when, and for how long it is kept alive for them. Written
 * only by promise.c. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mapping;
struct mapping_tables;

struct promise {
    uint64_t advertised_ms; /* when clients heard last that they have the mapping */
    uint64_t until_ms;      /* and until when; 0: nothing, or they heard that it is over */
    uint64_t ends_ms;       /* the mapping is kept alive until then; 0: not at all */
    uint16_t port;          /* the external port that was advertised last; 0: none */
    bool adopted;           /* by an earlier run: how long the client may rely on it is not known exactly */
};

enum promise_want {
    PROMISE_WANTS_NOTHING,
    PROMISE_WANTS_END, /* its time is over */
};

enum promise_want promise_wants(const struct mapping *mapping, uint64_t now_ms);
/* When time alone changes something about it; UINT64_MAX: never. */
uint64_t promise_due_ms(const struct mapping *mapping, uint64_t now_ms);
/* The mapping is kept: its client relies on it, or it is kept alive. */
bool promise_lives(const struct mapping *mapping, uint64_t now_ms);
/* Somebody is there: a client waits for an answer, or what it was advertised is not over. */
bool promise_is_in_use(const struct mapping *mapping, uint64_t now_ms);
/* Until when a client that was advertised less than it asked for may come back and take the mapping for
 * existing. */
uint64_t promise_keep_alive_until_ms(const struct mapping *mapping);
/* For how long the client was advertised the mapping, in milliseconds. */
uint64_t promise_lifetime_ms(const struct mapping *mapping);
/* The client comes back only after what it was advertised, which is less than it asked for. */
bool promise_was_outlived(const struct mapping *mapping, uint64_t now_ms);

/* A client is answered with success. `kept_alive`: for as long as it asked, HOLD_MAX_S at most. */
void promise_on_advertised(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s, bool kept_alive,
                           uint64_t now_ms);
/* The answer to a retransmission: the same, but for the port. */
void promise_on_repeated(struct mapping_tables *t, uint16_t m);
/* A client is answered with an error. */
void promise_on_refused(struct mapping_tables *t, uint16_t m);
/* A rule of an earlier run was found. */
void promise_on_adopted(struct mapping_tables *t, uint16_t m, uint64_t ends_ms);
/* The port of a rule of an earlier run, before anything is decided about it. */
void promise_on_found(struct mapping_tables *t, uint16_t m, uint16_t external_port);
/* The gateway granted it: an adopted one is promised no longer than the lease. */
void promise_on_granted(struct mapping_tables *t, uint16_t m);
/* Nothing is promised any more. */
void promise_end(struct mapping_tables *t, uint16_t m);
/* The program ends: nothing is kept any more. */
void promise_stop(struct mapping_tables *t, uint16_t m);
