/* The request of a client that is in work for a mapping: its kind, its time, its pending replies, and the
 * decision how to answer it. Only job.c writes it. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/natpmp.h"

struct mapping;
struct mapping_tables;
struct pending_reply;

enum {
    /* A request without success is answered with an error after this time. libtorrent ends a transaction
     * after 11 s, and most other clients wait longer. An earlier error would be worse than no answer, because
     * some clients never ask again after an error. */
    ANSWER_MS = 12 * 1000,
    /* If the gateway does not answer a renewal within this time, the client is answered from memory, because
     * Tailscale waits only 250 ms in all. */
    MEMORY_MS = 200,
};

enum job_kind {
    JOB_NONE,
    JOB_MAP,    /* clients wait for the mapping */
    JOB_DELETE, /* clients wait for the end of the mapping */
};

struct job {
    uint64_t since_ms;
    uint64_t refused_until_ms; /* until then, the same request is refused again at once */
    uint32_t asked_s;          /* the lifetime in the last request */
    uint16_t pending;          /* the first pending reply; 0: none */
    uint16_t suggested_port;
    uint8_t kind;        /* enum job_kind */
    uint8_t refusal;     /* the result code with which the job is refused; 0: none */
    uint8_t failure;     /* the result code of the last job, so that a failure is logged once; 0: success */
    bool again : 1;      /* the request repeats one that was answered a moment ago */
    bool delete_all : 1; /* a deletion of all mappings waits for the end of this one */
};

/* ---- the answer ---- */

/* All that the answer to a MAP request depends on. */
struct job_facts {
    uint64_t waited_ms;          /* since the first request of this job */
    uint64_t lease_left_ms;      /* 0: no valid lease is known */
    uint64_t advertised_left_ms; /* of the lifetime that the client was advertised last */
    uint32_t asked_s;
    uint32_t comment_s; /* the lease in the rule's comment, or less */
    uint8_t refusal;    /* the result code with which the job is refused; 0: none */
    bool ought;         /* the mapping is wanted on its present router port */
    bool rule_holds;    /* the rule is on the router and fits the lease */
    bool grant_due;     /* the gateway has granted no lease since the client's request */
    bool pair_open;     /* the external ports of TCP and UDP are still being compared or made equal */
    bool rejoins;       /* the lease is being deleted in order to be requested again */
    bool epoch_doubted; /* the gateway may have restarted, so no answer comes from memory */
    bool again;         /* the request repeats one that was answered a moment ago */
    bool no_resources;  /* the gateway's last error was Out of Resources */
};

enum job_verdict {
    JOB_WAITS,
    JOB_NEEDS_GRANT, /* the request waits, and the gateway must grant a lease */
    JOB_SUCCEEDS,
    JOB_REPEATS, /* the same answer as before, with the lifetime that is left of it */
    JOB_REFUSED,
};

struct job_decision {
    enum job_verdict verdict;
    enum natpmp_result result; /* REFUSED */
    uint32_t lifetime_s;       /* SUCCEEDS, REPEATS */
};

/* Decides how to answer a MAP request, from these facts alone. */
struct job_decision job_decide(const struct job_facts *facts);
/* The time at which the answer changes although nothing else happens; UINT64_MAX: never. */
uint64_t job_due_ms(const struct mapping *mapping, uint64_t now_ms);

/* ---- its life ---- */

/* Begins the job of a client's request. `again`: the request repeats one that was answered a moment ago. */
void job_begin_map(struct mapping_tables *t, uint16_t m, const struct natpmp_request *request, bool again,
                   uint64_t now_ms);
/* Each request, even a retransmission, sets the lifetime in seconds. */
void job_set_lifetime(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s);
void job_begin_delete(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The router has a rule of an earlier run: sets the lifetime and the port that its client probably wants. */
void job_on_adopted(struct mapping_tables *t, uint16_t m, uint32_t lease_s);
/* The job was answered and has no pending replies left. */
void job_end(struct mapping_tables *t, uint16_t m);
/* The request will be refused with this result. */
void job_refuse(struct mapping_tables *t, uint16_t m, enum natpmp_result result);
/* Until until_ms, the same request is refused at once with the same result. */
void job_refuse_until(struct mapping_tables *t, uint16_t m, uint64_t until_ms);
/* Notes the result of the job. True: the last result was another one, so this one is worth a log line. */
bool job_note_result(struct mapping_tables *t, uint16_t m, enum natpmp_result result);
void job_set_delete_all(struct mapping_tables *t, uint16_t m, bool delete_all);
/* Adds a pending reply. Without room for it, the client gets its answer only if it asks again. */
void job_add_pending(struct mapping_tables *t, uint16_t m, const struct pending_reply *reply);
/* Removes the oldest pending reply from the job. False: there is none left. */
bool job_take_pending(struct mapping_tables *t, uint16_t m, struct pending_reply *ret_reply);
