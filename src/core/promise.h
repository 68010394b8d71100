/* What clients were advertised about a mapping, for how long, and how long the daemon keeps the mapping alive
 * for them. Only promise.c writes it. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mapping;
struct mapping_tables;

struct promise {
    uint64_t advertised_ms; /* when a client was last answered with success */
    uint64_t
        advertised_until_ms; /* end of the advertised lifetime; 0: none, or the last answer was an error */
    uint64_t kept_until_ms;  /* the daemon keeps the mapping until then; 0: not at all */
    uint16_t port;           /* the external port that was advertised last; 0: none */
    uint16_t changes;        /* how often another port was advertised than before */
    uint16_t noted; /* the external port of the last notice; 0: none, or it said that the mapping ended */
    bool adopted;   /* from a rule of an earlier run: advertised_until_ms is only an estimate */
};

enum promise_want {
    PROMISE_WANTS_NOTHING,
    PROMISE_WANTS_END, /* the mapping has expired */
};

enum promise_want promise_wants(const struct mapping *mapping, uint64_t now_ms);
/* The time at which a lifetime ends and the mapping must be driven again; UINT64_MAX: never. */
uint64_t promise_due_ms(const struct mapping *mapping, uint64_t now_ms);
/* The time until which the mapping is kept; UINT64_MAX: it is static. */
uint64_t promise_kept_until_ms(const struct mapping *mapping);
/* True if the mapping is kept, because its advertised lifetime has not ended or because it is kept alive. */
bool promise_lives(const struct mapping *mapping, uint64_t now_ms);
/* True if a client waits for an answer, or the advertised lifetime has not ended, or the mapping is static.
 */
bool promise_is_in_use(const struct mapping *mapping, uint64_t now_ms);
/* The time until which a client that was advertised less than it requested may come back and expect the
 * mapping to exist. */
uint64_t promise_keep_alive_until_ms(const struct mapping *mapping);
/* The lifetime that the client was advertised, in milliseconds. */
uint64_t promise_lifetime_ms(const struct mapping *mapping);
/* True if the advertised lifetime has ended and was shorter than requested: a client that comes back now
 * renews too late. */
bool promise_was_outlived(const struct mapping *mapping, uint64_t now_ms);

/* A client is answered with success for lifetime_s seconds. `kept_alive`: the mapping is
 * kept beyond that, until the requested lifetime or two hours are over, whichever is sooner. */
void promise_on_advertised(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s, bool kept_alive,
                           uint64_t now_ms);
/* A retransmission is answered again: only the advertised port can have changed. */
void promise_on_repeated(struct mapping_tables *t, uint16_t m);
/* A client is answered with an error. */
void promise_on_refused(struct mapping_tables *t, uint16_t m);
/* A rule of an earlier run is adopted, and its mapping is kept until kept_until_ms. */
void promise_on_adopted(struct mapping_tables *t, uint16_t m, uint64_t kept_until_ms);
/* The router has a rule of an earlier run with this external port, which may be adopted or removed. */
void promise_on_found(struct mapping_tables *t, uint16_t m, uint16_t external_port);
/* The gateway granted the lease: an adopted mapping is kept no longer than the lease. */
void promise_on_granted(struct mapping_tables *t, uint16_t m);
/* A notice said that this is the external port; 0: that there is none. */
void promise_on_noted(struct mapping_tables *t, uint16_t m, uint16_t external_port);
/* The mapping is not kept any longer, and its advertised lifetime has ended. */
void promise_end(struct mapping_tables *t, uint16_t m);
/* The daemon stops: the mapping is not kept any longer. */
void promise_stop(struct mapping_tables *t, uint16_t m);
