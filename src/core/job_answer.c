#include "core/job_answer.h"

#include "core/step.h"

static uint32_t whole_seconds(uint64_t ms)
{
    return (uint32_t)((ms + 999) / 1000);
}

static struct job_decision refuse_with(enum natpmp_result result)
{
    return (struct job_decision){.verdict = JOB_REFUSED, .result = result};
}

/* The lifetime is never longer than requested (RFC 6886 section 3.3 [M-18]). It is also never longer than the
 * lease in the rule's comment, because the next run of the daemon keeps the rule for that time only. A client
 * that renews for longer waits for the comment a while, and else gets the rest at its next renewal. */
static struct job_decision success(const struct job_facts *f, uint32_t lifetime_s)
{
    lifetime_s = lifetime_s < f->asked_s ? lifetime_s : f->asked_s;
    lifetime_s = lifetime_s < f->comment_s ? lifetime_s : f->comment_s;
    return (struct job_decision){.verdict = JOB_SUCCEEDS, .lifetime_s = lifetime_s};
}

/* Success requires both the rule and the lease [N-08]. */
static bool is_valid(const struct job_facts *f)
{
    return f->wanted_here && f->rule_forwards && f->lease_left_ms > 0 && !f->rejoins && !f->lease_fresh;
}

static struct job_decision no_success_yet(const struct job_facts *f)
{
    if (f->waited_ms >= ANSWER_MS) /* RFC 6886 section 3.5: always an answer */
        return refuse_with(f->no_resources ? NATPMP_OUT_OF_RESOURCES : NATPMP_NETWORK_FAILURE);
    /* A short lease may have ended while the router was not reachable. */
    bool needs_grant = f->rule_forwards && f->lease_left_ms == 0;
    return (struct job_decision){.verdict = needs_grant ? JOB_NEEDS_GRANT : JOB_WAITS};
}

struct job_decision job_decide(const struct job_facts *f)
{
    bool from_memory = is_valid(f) && !f->lease_doubted;
    bool again = f->again && f->advertised_left_ms > 0;
    bool granted = is_valid(f) && !f->grant_due && !f->pair_open;
    if (f->refusal != 0)
        return refuse_with((enum natpmp_result)f->refusal);
    if (again && from_memory)
        return (struct job_decision){
            .verdict = JOB_REPEATS,
            .lifetime_s = whole_seconds(earlier_ms(f->advertised_left_ms, f->lease_left_ms)),
        };
    if (granted && !again && f->comment_pending && f->waited_ms < COMMENT_MS)
        return (struct job_decision){.verdict = JOB_WAITS};
    if (granted && !again)
        return success(f, whole_seconds(f->lease_left_ms));
    if (from_memory && f->lease_left_ms >= 1000 && f->waited_ms >= MEMORY_MS)
        return success(
            f, (uint32_t)(f->lease_left_ms / 1000)); /* from memory; the request to the gateway goes on */
    return no_success_yet(f);
}
