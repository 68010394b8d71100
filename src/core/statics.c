#include "core/statics.h"

#include "core/strategy.h"
#include "core/target.h"

enum {
    /* As long as the longest pause after a refusal. */
    GIVEN_BACK_MS = 30 * 1000,
    /* A gateway that serves static mappings answers within this time. If it does not, or refuses, clients
     * need not wait any longer. */
    ANSWERED_MS = 5 * 1000,
    /* The attempts of a request that is not answered begin anew after this time, not sooner. */
    ASKED_AGAIN_MS = 30 * 1000,
    /* However often something shows that the gateway may have a port, the requests are so far apart. */
    HURRIED_APART_MS = 2000,
};

static const char component[] = "mapping";

bool statics_has(const struct proxy *p, uint32_t address, enum natpmp_protocol protocol,
                 uint16_t internal_port)
{
    for (unsigned i = 0; i < p->config.static_mappings; i++) {
        const struct static_mapping *one = &p->config.static_mapping[i];
        if (one->address == address && one->protocol == protocol &&
            (one->internal_port == internal_port || internal_port == 0))
            return true;
    }
    return false;
}

/* ---- beginning ---- */

static void report_bad_target(const struct static_mapping *one, enum target_refusal refusal,
                              const struct step *step)
{
    actions_log(
        step->out, LOG_LEVEL_ERROR, component,
        "the static mapping is refused, because %s client=%s protocol=%s internal=%u fix=\"correct %s\"",
        target_refusal_text(refusal), address_text(one->address).text,
        one->protocol == NATPMP_TCP ? "tcp" : "udp", (unsigned)one->internal_port,
        refusal == TARGET_NO_ROOM ? "MAX_MAPPINGS" : "STATIC_MAPPINGS");
}

/* The record may exist: its rule was adopted, its client requested it, or an earlier run of it has ended. */
static enum target_refusal begin(struct proxy *p, const struct static_mapping *one)
{
    enum target_refusal refusal = target_refused(p, one->address);
    if (refusal != TARGET_ALLOWED)
        return refusal;
    struct mapping_tables *t = &p->tables;
    enum natpmp_protocol protocol = (enum natpmp_protocol)one->protocol;
    uint16_t m = mapping_find(t, one->address, protocol, one->internal_port);
    if (m == 0)
        m = mapping_new(t, one->address, protocol, one->internal_port);
    if (m == 0)
        return TARGET_NO_ROOM; /* the next snapshot tries again */
    mapping_wake(t, m);
    mapping_set_static(t, m, true);
    job_on_static(t, m, one->external_port != 0 ? one->external_port : one->internal_port);
    mapping_set_wanted(t, m, true);
    lease_set_due(t, m);
    rule_hurry(t, m);
    mapping_touch(t, m);
    return TARGET_ALLOWED;
}

void statics_begin(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    for (unsigned i = 0; i < p->config.static_mappings && !p->stopping; i++) {
        const struct static_mapping *one = &p->config.static_mapping[i];
        uint16_t m = mapping_find(t, one->address, (enum natpmp_protocol)one->protocol, one->internal_port);
        if (m != 0 && mapping_at(t, m)->is_static)
            continue;
        enum target_refusal refusal = begin(p, one);
        if (refusal != TARGET_ALLOWED && refusal != p->static_refusal[i])
            report_bad_target(one, refusal, step);
        p->static_refusal[i] = (uint8_t)refusal;
    }
}

/* ---- with the gateway ---- */

void statics_give_back(struct proxy *p, uint16_t m, const struct step *step)
{
    if (!mapping_at(&p->tables, m)->is_static)
        return;
    lease_rejoin(&p->tables, m, step->now_ms);
    lease_retry_at(&p->tables, m, 0);
}

/* Its next request waits, unless the mapping moves to another router port, or its client waits for an answer.
 */
static void pause(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = mapping_at(t, m);
    if (!mapping->moving && mapping->job.kind != JOB_MAP)
        lease_retry_at(t, m, now_ms + GIVEN_BACK_MS);
}

void statics_on_deleted(struct proxy *p, uint16_t deleted, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    if (lease_is_refused(mapping_at(t, deleted))) { /* it was given back */
        pause(t, deleted, step->now_ms);
        return;
    }
    for (unsigned i = 0; i < p->config.static_mappings; i++) {
        const struct static_mapping *one = &p->config.static_mapping[i];
        uint16_t m = mapping_find(t, one->address, (enum natpmp_protocol)one->protocol, one->internal_port);
        if (m == 0 || !mapping_at(t, m)->is_static || mapping_at(t, m)->lease.state != LEASE_NONE)
            continue;
        lease_retry_at(t, m, 0);
        mapping_touch(t, m);
        return; /* one port was freed, so one of them asks */
    }
}

void statics_not_given_back(struct proxy *p, uint16_t m, const struct step *step)
{
    if (mapping_at(&p->tables, m)->is_static && mapping_at(&p->tables, m)->job.failure != 0)
        pause(&p->tables, m, step->now_ms);
}

void statics_refused(struct proxy *p, uint16_t m, enum natpmp_result result, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    lease_set_due(t, m);
    if (job_note_result(t, m, result))
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the gateway refuses a static mapping; double-natpmp requests it again, twice a minute "
                    "result=%u %s",
                    (unsigned)result, mapping_text(t, m).text);
}

/* ---- before clients ---- */

/* An adopted lease may be valid, and shows that at once when it is requested. */
static bool lacks_port(const struct mapping *mapping, uint64_t now_ms)
{
    return mapping->is_static && mapping_is_wanted_here(mapping) && !mapping->lease.releasing &&
           mapping->lease.pair != PAIR_REJOINS && !lease_lives(mapping, now_ms);
}

static bool is_next(const struct proxy *p, const struct mapping *mapping, uint64_t now_ms)
{
    const struct lease *lease = &mapping->lease;
    enum natpmp_result failure = (enum natpmp_result)mapping->job.failure;
    bool wants_port = failure == NATPMP_SUCCESS || failure == NATPMP_OUT_OF_RESOURCES;
    if (lease->asking)
        return later_ms(lease->asked_ms, p->answers_since_ms) + ANSWERED_MS > now_ms;
    return wants_port && lease_wants(p->strategy, mapping, now_ms) == LEASE_WANTS_GRANT &&
           lease->retry_ms <= now_ms + LEASE_ROOM_RETRY_MAX_MS;
}

/* The static mapping of that number, if it exists and has no port; 0: none. */
static uint16_t lacking(const struct proxy *p, unsigned number, uint64_t now_ms)
{
    const struct static_mapping *one = &p->config.static_mapping[number];
    uint16_t m =
        mapping_find(&p->tables, one->address, (enum natpmp_protocol)one->protocol, one->internal_port);
    return m != 0 && lacks_port(&p->tables.mapping[m], now_ms) ? m : 0;
}

bool statics_come_before(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    if (mapping->is_static || promise_lives(mapping, now_ms))
        return false;
    for (unsigned i = 0; i < p->config.static_mappings; i++) {
        uint16_t other = lacking(p, i, now_ms);
        /* A gateway with one port for each protocol has none of this one for the other one. */
        bool rival = !p->strategy->one_port || p->config.static_mapping[i].protocol == mapping->protocol;
        if (other != 0 && rival && is_next(p, &p->tables.mapping[other], now_ms))
            return true;
    }
    return false;
}

static void hurry(struct proxy *p, uint16_t m, uint64_t now_ms)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    const struct lease *lease = &mapping->lease;
    if (p->recover_ms != UINT64_MAX && !lease->asking)
        lease_recover(t, m); /* the delay of RFC 6886 section 3.7 is over for it, as for the client */
    if (!lease->asking) {
        lease_retry_at(t, m, earlier_ms(lease->retry_ms, lease->asked_ms + HURRIED_APART_MS));
        mapping_touch(t, m);
    } else if (lease->asked_ms + ASKED_AGAIN_MS <= now_ms) {
        upstream_again(&p->upstream, mapping_protocol(mapping), p->strategy->request_port(mapping), now_ms);
        lease_on_asked_again(t, m, now_ms);
    }
}

void statics_hurry(struct proxy *p, const struct step *step)
{
    for (unsigned i = 0; i < p->config.static_mappings && !p->stopping; i++) {
        uint16_t m = lacking(p, i, step->now_ms);
        if (m != 0)
            hurry(p, m, step->now_ms);
    }
}

void statics_unanswered(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    if (!mapping_at(t, m)->is_static || lease_lives(mapping_at(t, m), step->now_ms) ||
        p->upstream.trouble != GATEWAY_FINE)
        return;
    if (job_note_result(t, m, NATPMP_NETWORK_FAILURE))
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "the static mapping has no external port; the gateway does not answer the request for it, but "
            "others; it is requested again and again %s",
            mapping_text(t, m).text);
}

void statics_report(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    if (mapping->promise.noted == 0)
        return;
    job_note_result(t, m, NATPMP_SUCCESS);
    p->displaces_from_ms = 0;
    actions_log(step->out, LOG_LEVEL_INFO, component,
                "the static mapping has an external port %s external=%u", mapping_text(t, m).text,
                (unsigned)mapping->promise.noted);
}
