#include "core/deletion.h"

#include "core/change.h"
#include "core/job_answer.h"
#include "core/reply.h"
#include "core/statics.h"

bool deletion_is_done(const struct mapping *mapping)
{
    return !mapping->wanted && mapping->rule.state == RULE_ABSENT;
}

void deletion_begin(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    mapping_wake(t, m);
    lease_end(t, m); /* even if the mapping is not complete yet [D-15] */
    promise_end(t, m);
    if (mapping_at(t, m)->job.kind != JOB_DELETE) {
        p->address_flush = true; /* an address request waits for the MAP request, not for the deletion */
        job_begin_delete(t, m, step->now_ms);
    }
    rule_hurry(t, m);
    mapping_touch(t, m);
}

/* Returns the record of a deletion of all mappings of this client and protocol that is kept until the first
 * snapshot; 0: none. */
static uint16_t kept_for_all(const struct mapping_tables *t, uint16_t m)
{
    return mapping_find(t, mapping_address(t, m), mapping_protocol(&t->mapping[m]), 0);
}

bool deletion_begin_kept(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    enum job_kind kind = (enum job_kind)mapping->job.kind;
    if (statics_has(p, mapping_address(&p->tables, m), mapping_protocol(mapping), mapping->internal_port))
        return false;
    bool all = kept_for_all(&p->tables, m) != 0;
    if (kind == JOB_MAP || (!all && kind != JOB_DELETE))
        return false; /* no deletion, or a newer request replaced it [D-16] */
    if (all)
        job_set_delete_all(&p->tables, m, true);
    deletion_begin(p, m, step);
    return true;
}

/* True if the deletion of all mappings has not yet removed all rules of this client and protocol. */
static bool others_stand(const struct mapping_tables *t, const struct mapping *all)
{
    for (uint16_t m = t->client[all->client].mappings.first; m != 0; m = t->of_client[m].next)
        if (t->mapping[m].protocol == all->protocol && t->mapping[m].job.delete_all &&
            t->mapping[m].rule.state != RULE_ABSENT)
            return true;
    return false;
}

void deletion_settle(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    bool all = mapping->internal_port == 0;
    bool gone =
        mapping->rule.state == RULE_ABSENT && !p->adopting && !(all && others_stand(&p->tables, mapping));
    if (!gone && mapping->job.since_ms + ANSWER_MS > step->now_ms)
        return;
    bool over = change_is_over_budget(p, m, step->now_ms);
    enum natpmp_result error = over ? NATPMP_OUT_OF_RESOURCES : NATPMP_NETWORK_FAILURE;
    enum natpmp_result result = gone ? NATPMP_SUCCESS : error;
    if (all && gone && statics_has(p, mapping_address(&p->tables, m), mapping_protocol(mapping), 0))
        result = NATPMP_NOT_AUTHORIZED;     /* they stay [D-07] [D-10] */
    if (gone && mapping->promise.port != 0) /* "mapped" was logged, too */
        actions_log(step->out, LOG_LEVEL_INFO, "mapping", "unmapped %s", mapping_text(&p->tables, m).text);
    else if (!gone && p->adopting)
        actions_log(
            step->out, LOG_LEVEL_WARN, "mapping",
            "a deletion cannot be confirmed, because the router's rules are not known yet; the rule is "
            "removed if there is one %s",
            mapping_text(&p->tables, m).text);
    else if (!gone)
        actions_log(step->out, LOG_LEVEL_WARN, "mapping",
                    "the router has not removed the rule yet; retrying %s", mapping_text(&p->tables, m).text);
    if (mapping->job.delete_all)
        deletion_progress(p, m, result, step);
    reply_to_job(p, m, result, 0, 0, step);
}

/* The deletion of all mappings succeeds when the last mapping has ended [D-11]. The first failure is answered
 * at once, and the other mappings are removed nevertheless [D-10]. */
void deletion_progress(struct proxy *p, uint16_t m, enum natpmp_result result, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = mapping_at(t, m)->client;
    enum natpmp_protocol protocol = mapping_protocol(mapping_at(t, m));
    job_set_delete_all(t, m, false);
    for (uint16_t i = t->client[c].mappings.first; i != 0; i = t->of_client[i].next) {
        const struct mapping *mapping = mapping_at(t, i);
        if (mapping_protocol(mapping) != protocol || !mapping->job.delete_all)
            continue;
        if (result == NATPMP_SUCCESS)
            return; /* another mapping has not ended yet */
        job_set_delete_all(t, i, false);
    }
    uint16_t kept = kept_for_all(t, m);
    if (kept != 0)
        mapping_touch(t, kept);
    reply_to_delete_all(p, c, protocol, result, step);
}
