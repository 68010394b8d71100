#include "core/adoption.h"

#include "core/deletion.h"
#include "core/proxy_state.h"
#include "core/statics.h"

#include "core/target.h"

enum {
    /* The request for an adopted mapping with an unknown external port waits for this time. */
    PENDING_DELAY_MS = 1000,
};

static const char component[] = "mapping";

/* The time that is left of the lease is not known, so the rule is kept for the whole lease. */
static uint64_t kept_until_ms(const struct nat_rule *row, const struct step *step)
{
    return step->now_ms + (uint64_t)rule_adopted_lease_s(row) * 1000;
}

/* Returns the record for the rule; 0: there is none, and *ret_why says why. */
static uint16_t record_for(struct proxy *p, const struct nat_rule *row, const char **ret_why)
{
    struct mapping_tables *t = &p->tables;
    enum target_refusal refusal = target_refused(p, row->client);
    *ret_why = target_refusal_text(refusal);
    if (refusal != TARGET_ALLOWED)
        return 0;
    uint16_t m = mapping_find(t, row->client, row->protocol, row->internal_port);
    bool other_port = m != 0 && mapping_at(t, m)->router_port != 0;
    *ret_why = "another rule is for the same port";
    if (other_port || !mapping_port_free(t, row->client, row->protocol, row->router_port))
        return 0;
    *ret_why = "there are as many mappings as MAX_MAPPINGS allows";
    if (t->live >= p->config.mappings_max && !statics_has(p, row->client, row->protocol, row->internal_port))
        return 0;
    *ret_why = "the table of mappings is full";
    return m != 0 ? m : mapping_new(t, row->client, row->protocol, row->internal_port);
}

uint16_t adoption_find(struct proxy *p, const struct nat_rule *row, const struct step *step,
                       const char **ret_why)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = record_for(p, row, ret_why);
    if (m == 0)
        return 0;
    bool free = mapping_find_external_port(t, row->protocol, row->external_port) == 0;
    mapping_set_router_port(t, m, row->router_port);
    job_on_adopted(t, m, rule_adopted_lease_s(row));
    lease_on_adopted(t, m, free ? row->external_port : 0, kept_until_ms(row, step));
    promise_on_found(t, m, row->external_port);
    return m;
}

void adoption_begin(struct proxy *p, uint16_t m, const struct nat_rule *row, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    /* A daemon that is stopping removes this rule, as it removes all others. */
    if (p->stopping || deletion_begin_kept(p, m, step))
        return;
    mapping_set_wanted(t, m, true);
    promise_on_adopted(t, m, kept_until_ms(row, step));
    lease_recover(t, m);
    /* The mappings with a known external port are requested first, because the gateway might grant one of
     * those ports to this mapping. */
    if (row->external_port == 0)
        lease_retry_at(t, m, step->now_ms + PENDING_DELAY_MS);
    p->adopted++;
    actions_log(step->out, LOG_LEVEL_INFO, component,
                "adopted a rule of an earlier run %s external=%u lifetime=%u", mapping_text(t, m).text,
                (unsigned)row->external_port, (unsigned)rule_adopted_lease_s(row));
}

void adoption_end(struct proxy *p, const struct step *step)
{
    if (!p->adopting)
        return;
    p->adopting = false;
    if (p->adopted > 0)
        actions_log(step->out, LOG_LEVEL_INFO, component, "adopted the rules of an earlier run rules=%u",
                    p->adopted);
}
