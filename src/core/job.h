/* The request of a client that is in work for a mapping: its kind, its time, and its pending replies. Only
 * job.c writes it; job_answer.c decides how to answer it. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/natpmp.h"

struct mapping;
struct mapping_tables;
struct pending_reply;

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
    bool undone : 1;     /* the client deleted the mapping, or its request for it was refused */
};

/* The time at which the answer (job_answer.h) changes although nothing else happens; UINT64_MAX: never. */
uint64_t job_due_ms(const struct mapping *mapping, uint64_t now_ms);

/* Begins the job of a client's request. `again`: the request repeats one that was answered a moment ago. */
void job_begin_map(struct mapping_tables *t, uint16_t m, const struct natpmp_request *request, bool again,
                   uint64_t now_ms);
/* Each request, even a retransmission, sets the lifetime in seconds. */
void job_set_lifetime(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s);
void job_begin_delete(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The router has a rule of an earlier run: sets the lifetime and the port that its client probably wants. */
void job_on_adopted(struct mapping_tables *t, uint16_t m, uint32_t lease_s);
/* The configuration wants the mapping: sets the lifetime and the port to suggest, unless a client waits for
 * it. */
void job_on_static(struct mapping_tables *t, uint16_t m, uint16_t suggested_port);
/* The job was answered and has no pending replies left. */
void job_end(struct mapping_tables *t, uint16_t m);
/* The request will be refused with this result. */
void job_refuse(struct mapping_tables *t, uint16_t m, enum natpmp_result result);
/* Until until_ms, the same request is refused at once with the same result. */
void job_refuse_until(struct mapping_tables *t, uint16_t m, uint64_t until_ms);
/* Notes the result of the job. True: the last result was another one, so this one is worth a log line. */
bool job_note_result(struct mapping_tables *t, uint16_t m, enum natpmp_result result);
/* The mapping of a refused request is removed again. */
void job_undo(struct mapping_tables *t, uint16_t m);
void job_set_delete_all(struct mapping_tables *t, uint16_t m, bool delete_all);
/* Adds a pending reply. Without room for it, the client gets its answer only if it asks again. */
void job_add_pending(struct mapping_tables *t, uint16_t m, const struct pending_reply *reply);
/* Removes the oldest pending reply from the job. False: there is none left. */
bool job_take_pending(struct mapping_tables *t, uint16_t m, struct pending_reply *ret_reply);
