/* The clients' request in work: what it is, since when, who waits for the answer, and how it is answered.
 * Written only by job.c. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/natpmp.h"

struct mapping;
struct mapping_tables;
struct pending_reply;

enum {
    /* A client's patience is long, but its state machine is not: libtorrent gives a transaction up after 11
     * s, most others later. Until then an error would be worse than silence. */
    ANSWER_MS = 12 * 1000,
    /* A renewal is answered with what still holds if the gateway does not answer so soon: Tailscale waits 250
       ms in all. */
    MEMORY_MS = 200,
};

enum job_kind {
    JOB_NONE,
    JOB_MAP,    /* clients wait for the mapping */
    JOB_DELETE, /* clients wait for its end */
};

struct job {
    uint64_t since_ms;
    uint64_t refused_until_ms; /* a creation was refused: the same answer without asking again */
    uint32_t asked_s;          /* the lifetime that was requested last */
    uint16_t pending;          /* the first pending reply */
    uint16_t suggested_port;
    uint8_t kind;        /* enum job_kind */
    uint8_t refusal;     /* the result code that ends it; 0: none */
    uint8_t failure;     /* the result code of the last job, as the operator knows it; 0: success */
    bool again : 1;      /* it repeats a request that was answered a moment ago */
    bool delete_all : 1; /* a deletion of all mappings waits for the end of this one */
};

/* ---- the answer ---- */

/* All that the answer to a MAP request depends on. */
struct job_facts {
    uint64_t waited_ms;          /* since the first copy of the request */
    uint64_t lease_left_ms;      /* 0: the lease is not known to live */
    uint64_t advertised_left_ms; /* of what the client was advertised before */
    uint32_t asked_s;
    uint32_t comment_s; /* the lease that the rule's comment says at least */
    uint8_t refusal;    /* it cannot be had: result code; 0: it may */
    bool ought;         /* the mapping is wanted where it stands */
    bool rule_holds;    /* the router forwards */
    bool grant_due;     /* the gateway has not granted since the client asked */
    bool pair_open;     /* the gateway is asked about the other protocol of the port first */
    bool rejoins;       /* the lease is about to be given back and made anew */
    bool epoch_doubted; /* the gateway may have restarted: only its word counts */
    bool again;         /* the request repeats one that was answered a moment ago */
    bool no_resources;  /* the gateway's last word was that it has no port */
};

enum job_verdict {
    JOB_WAITS,
    JOB_NEEDS_GRANT, /* it waits, and the gateway has to be asked */
    JOB_SUCCEEDS,
    JOB_REPEATS, /* the answer of before, as far as it is still true */
    JOB_REFUSED,
};

struct job_decision {
    enum job_verdict verdict;
    enum natpmp_result result; /* REFUSED */
    uint32_t lifetime_s;       /* SUCCEEDS, REPEATS */
};

/* The answer to a MAP request. It depends on nothing else. */
struct job_decision job_decide(const struct job_facts *facts);
/* When time alone changes it; UINT64_MAX: never. */
uint64_t job_due_ms(const struct mapping *mapping, uint64_t now_ms);

/* ---- its life ---- */

/* `again`: as above. */
void job_begin_map(struct mapping_tables *t, uint16_t m, const struct natpmp_request *request, bool again,
                   uint64_t now_ms);
/* A retransmission may ask for another lifetime, in seconds. */
void job_set_lifetime(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s);
void job_begin_delete(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* A rule of an earlier run was found: the lifetime and the port that its client is likely to want. */
void job_on_adopted(struct mapping_tables *t, uint16_t m, uint32_t lease_s);
/* It is answered: nobody waits any more. */
void job_end(struct mapping_tables *t, uint16_t m);
/* The request cannot be met. */
void job_refuse(struct mapping_tables *t, uint16_t m, enum natpmp_result result);
/* The same request gets the same answer until then, without asking again. */
void job_refuse_until(struct mapping_tables *t, uint16_t m, uint64_t until_ms);
/* How it ended. True if the operator has not heard this result of it yet. */
bool job_note_result(struct mapping_tables *t, uint16_t m, enum natpmp_result result);
void job_set_delete_all(struct mapping_tables *t, uint16_t m, bool delete_all);
/* One more client waits; without room for it the client has to ask again. */
void job_add_pending(struct mapping_tables *t, uint16_t m, const struct pending_reply *reply);
bool job_take_pending(struct mapping_tables *t, uint16_t m, struct pending_reply *ret_reply);
