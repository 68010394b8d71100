#include "core/promise.h"

#include "core/mapping.h"
#include "core/step.h"

enum {
    /* The daemon keeps a mapping alive for this time at most. Of all known clients Nicotine+ renews last,
     * every two hours. */
    KEEP_ALIVE_MAX_S = 2 * 60 * 60,
};

static struct promise *promise_of(struct mapping_tables *t, uint16_t m)
{
    return &mapping_at(t, m)->promise;
}

uint64_t promise_kept_until_ms(const struct mapping *mapping)
{
    return mapping->is_static ? UINT64_MAX : mapping->promise.kept_until_ms;
}

bool promise_lives(const struct mapping *mapping, uint64_t now_ms)
{
    return promise_kept_until_ms(mapping) > now_ms;
}

bool promise_is_in_use(const struct mapping *mapping, uint64_t now_ms)
{
    return mapping->is_static || mapping->job.kind == JOB_MAP ||
           mapping->promise.advertised_until_ms > now_ms;
}

enum promise_want promise_wants(const struct mapping *mapping, uint64_t now_ms)
{
    bool over = mapping->wanted && mapping->job.kind != JOB_MAP && !promise_lives(mapping, now_ms);
    return over ? PROMISE_WANTS_END : PROMISE_WANTS_NOTHING;
}

uint64_t promise_due_ms(const struct mapping *mapping, uint64_t now_ms)
{
    if (!mapping->wanted)
        return UINT64_MAX;
    uint64_t due_ms = sooner_ms(UINT64_MAX, mapping->promise.advertised_until_ms, now_ms);
    return sooner_ms(due_ms, mapping->promise.kept_until_ms, now_ms);
}

uint64_t promise_keep_alive_until_ms(const struct mapping *mapping)
{
    uint32_t asked_s = mapping->job.asked_s;
    uint32_t keep_s = asked_s < KEEP_ALIVE_MAX_S ? asked_s : KEEP_ALIVE_MAX_S;
    return mapping->promise.advertised_ms + (uint64_t)keep_s * 1000;
}

uint64_t promise_lifetime_ms(const struct mapping *mapping)
{
    return mapping->promise.advertised_until_ms - mapping->promise.advertised_ms;
}

bool promise_was_outlived(const struct mapping *mapping, uint64_t now_ms)
{
    uint64_t until_ms = mapping->promise.advertised_until_ms;
    return until_ms != 0 && until_ms <= now_ms && until_ms < promise_keep_alive_until_ms(mapping);
}

void promise_on_advertised(struct mapping_tables *t, uint16_t m, uint32_t lifetime_s, bool kept_alive,
                           uint64_t now_ms)
{
    struct promise *promise = promise_of(t, m);
    promise->advertised_ms = now_ms;
    promise->advertised_until_ms = now_ms + (uint64_t)lifetime_s * 1000; /* [M-20] */
    promise->kept_until_ms = promise->advertised_until_ms;
    if (kept_alive)
        promise->kept_until_ms =
            later_ms(promise->kept_until_ms, promise_keep_alive_until_ms(mapping_at(t, m)));
    promise->adopted = false;
    promise_on_repeated(t, m);
}

void promise_on_repeated(struct mapping_tables *t, uint16_t m)
{
    struct promise *promise = promise_of(t, m);
    uint16_t port = mapping_at(t, m)->lease.external_port;
    bool changed = promise->port != 0 && promise->port != port;
    if (changed && promise->changes < UINT16_MAX)
        promise->changes++;
    mapping_unrelease(t, m);
    promise->port = port;
}

void promise_on_refused(struct mapping_tables *t, uint16_t m)
{
    promise_of(t, m)->advertised_until_ms = 0;
}

void promise_on_found(struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    promise_of(t, m)->port = external_port;
}

void promise_on_adopted(struct mapping_tables *t, uint16_t m, uint64_t kept_until_ms)
{
    struct promise *promise = promise_of(t, m);
    promise->kept_until_ms = kept_until_ms;
    promise->advertised_until_ms = kept_until_ms;
    promise->adopted = true;
}

void promise_on_granted(struct mapping_tables *t, uint16_t m)
{
    struct promise *promise = promise_of(t, m);
    uint64_t lease_ends_ms = mapping_at(t, m)->lease.ends_ms;
    if (promise->adopted && lease_ends_ms < promise->kept_until_ms) {
        promise->kept_until_ms = lease_ends_ms;
        promise->advertised_until_ms = lease_ends_ms;
    }
    promise->adopted = false;
}

void promise_on_noted(struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    promise_of(t, m)->noted = external_port;
}

void promise_end(struct mapping_tables *t, uint16_t m)
{
    promise_of(t, m)->kept_until_ms = 0;
    promise_of(t, m)->advertised_until_ms = 0;
}

void promise_stop(struct mapping_tables *t, uint16_t m)
{
    promise_of(t, m)->kept_until_ms = 0;
}
