#include "core/job.h"

#include "core/job_answer.h"
#include "core/mapping.h"
#include "core/step.h"

static struct job *job_of(struct mapping_tables *t, uint16_t m)
{
    return &mapping_at(t, m)->job;
}

uint64_t job_due_ms(const struct mapping *mapping, uint64_t now_ms)
{
    const struct job *job = &mapping->job;
    if (job->kind == JOB_NONE)
        return UINT64_MAX;
    uint64_t due_ms = sooner_ms(UINT64_MAX, job->since_ms + ANSWER_MS, now_ms);
    return job->kind == JOB_MAP ? sooner_ms(due_ms, job->since_ms + MEMORY_MS, now_ms) : due_ms;
}

static void set_kind(struct mapping_tables *t, uint16_t m, enum job_kind kind)
{
    uint16_t *map_jobs = &t->client[mapping_at(t, m)->client].map_jobs;
    if (job_of(t, m)->kind == JOB_MAP)
        --*map_jobs;
    if (kind == JOB_MAP)
        ++*map_jobs;
    job_of(t, m)->kind = (uint8_t)kind;
}

void job_begin_map(struct mapping_tables *t, uint16_t m, const struct natpmp_request *request, bool again,
                   uint64_t now_ms)
{
    struct job *job = job_of(t, m);
    set_kind(t, m, JOB_MAP);
    job->again = again;
    job->undone = false;
    job->since_ms = now_ms;
    job->suggested_port = request->external_port;
    job->refusal = 0;
}

void job_set_lifetime(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s)
{
    job_of(t, m)->asked_s = lifetime_s;
}

void job_begin_delete(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    set_kind(t, m, JOB_DELETE);
    job_of(t, m)->since_ms = now_ms;
    job_undo(t, m);
}

void job_undo(struct mapping_tables *t, uint16_t m)
{
    job_of(t, m)->undone = true;
}

void job_on_adopted(struct mapping_tables *t, uint16_t m, uint32_t lease_s)
{
    struct job *job = job_of(t, m);
    if (job->asked_s == 0)
        job->asked_s = lease_s;
    if (job->kind != JOB_MAP) /* without a known external port, the router port is the best guess */
        job->suggested_port = mapping_at(t, m)->router_port;
}

void job_on_static(struct mapping_tables *t, uint16_t m, uint16_t suggested_port)
{
    struct job *job = job_of(t, m);
    if (job->kind == JOB_MAP)
        return;
    job->asked_s = STATIC_LIFETIME_S;
    job->suggested_port = suggested_port;
    job->refusal = 0;
    job->failure = 0;
    job->undone = false;
}

void job_end(struct mapping_tables *t, uint16_t m)
{
    set_kind(t, m, JOB_NONE);
}

void job_refuse(struct mapping_tables *t, uint16_t m, enum natpmp_result result)
{
    job_of(t, m)->refusal = (uint8_t)result;
}

void job_refuse_until(struct mapping_tables *t, uint16_t m, uint64_t until_ms)
{
    job_of(t, m)->refused_until_ms = until_ms;
}

bool job_note_result(struct mapping_tables *t, uint16_t m, enum natpmp_result result)
{
    bool news = job_of(t, m)->failure != (uint8_t)result;
    job_of(t, m)->failure = (uint8_t)result;
    return news;
}

void job_set_delete_all(struct mapping_tables *t, uint16_t m, bool delete_all)
{
    job_of(t, m)->delete_all = delete_all;
}

void job_add_pending(struct mapping_tables *t, uint16_t m, const struct pending_reply *reply)
{
    pending_add(t, &job_of(t, m)->pending, reply);
}

bool job_take_pending(struct mapping_tables *t, uint16_t m, struct pending_reply *ret_reply)
{
    return pending_take(t, &job_of(t, m)->pending, ret_reply);
}
