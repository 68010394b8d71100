/* How a MAP request is answered: a pure function from what is known to the answer. Times are milliseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/natpmp.h"

enum {
    /* A request without success is answered with an error after this time. libtorrent ends a transaction
     * after 11 s, and most other clients wait longer. An earlier error would be worse than no answer, because
     * some clients never ask again after an error. */
    ANSWER_MS = 12 * 1000,
    /* If the gateway does not answer a renewal within this time, the client is answered from memory, because
     * Tailscale waits only 250 ms in all. */
    MEMORY_MS = 200,
    /* For so long the answer to a renewal for a longer lifetime waits for the rule's comment, which takes a
     * round trip to the router. */
    COMMENT_MS = 2000,
};

/* All that the answer to a MAP request depends on. */
struct job_facts {
    uint64_t waited_ms;          /* since the first request of this job */
    uint64_t lease_left_ms;      /* 0: no valid lease is known */
    uint64_t advertised_left_ms; /* of the lifetime that the client was advertised last */
    uint32_t asked_s;
    uint32_t comment_s;   /* the lease in the rule's comment, or less */
    bool comment_pending; /* a longer one is being written [M-20] */
    uint8_t refusal;      /* the result code with which the job is refused; 0: none */
    bool wanted_here;     /* the mapping is wanted on its present router port */
    bool rule_forwards;   /* the rule is on the router and fits the lease */
    bool grant_due;       /* the gateway has granted no lease since the client's request */
    bool pair_open;       /* the external ports of TCP and UDP are still being compared or made equal */
    bool rejoins;         /* the lease is being deleted in order to be requested again */
    bool lease_doubted;   /* the gateway may have restarted, or granted the port to another mapping */
    bool lease_fresh;     /* the gateway contradicts itself, and may contradict its last grant yet */
    bool again;           /* the request repeats one that was answered a moment ago */
    bool no_resources;    /* the gateway's last error was Out of Resources, or the router's budget is spent */
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
