#include "core/budget.h"

bool budget_is_spare(const struct mapping *mapping, uint64_t now_ms)
{
    return mapping->lease.state != LEASE_NONE && !promise_is_in_use(mapping, now_ms);
}

static uint16_t twin_of(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    uint16_t port = mapping->lease.external_port;
    return port != 0 ? mapping_find_external_port(t, mapping_other_protocol(mapping), port) : 0;
}

/* Both protocols of a port are released together, because the gateway's port is not free while one of them is
 * in use. */
static struct budget_decision release(const struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    uint16_t twin = twin_of(t, m);
    if (promise_is_in_use(&t->mapping[m], now_ms) ||
        (twin != 0 && promise_is_in_use(&t->mapping[twin], now_ms)))
        return (struct budget_decision){.verdict = BUDGET_NOTHING};
    return (struct budget_decision){.verdict = BUDGET_RELEASE, .mapping = m, .twin = twin};
}

struct budget_decision budget_yield(const struct mapping_tables *t, uint16_t m, uint16_t holder,
                                    uint64_t now_ms)
{
    if (!promise_is_in_use(&t->mapping[m], now_ms) || !t->mapping[holder].wanted)
        return (struct budget_decision){.verdict = BUDGET_NOTHING};
    return release(t, holder, now_ms);
}

static bool has_ending(const struct mapping_tables *t)
{
    uint16_t m = t->spare.first;
    for (unsigned i = 0; m != 0 && i < BUDGET_LOOK_AT_MAX; i++, m = t->spare_link[m].next)
        if (!t->mapping[m].wanted)
            return true;
    return false;
}

struct budget_decision budget_make_room(const struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct budget_decision decision = {.verdict = BUDGET_NOTHING};
    if (!promise_is_in_use(&t->mapping[m], now_ms))
        return decision;
    if (has_ending(t))
        return (struct budget_decision){.verdict = BUDGET_HURRY};
    /* The mapping whose client has been silent for the longest time is released first. */
    uint16_t spare = t->spare.first;
    for (unsigned i = 0; spare != 0 && i < BUDGET_LOOK_AT_MAX; i++, spare = t->spare_link[spare].next) {
        decision = release(t, spare, now_ms);
        if (decision.verdict == BUDGET_RELEASE)
            break;
    }
    return decision;
}

struct budget_use budget_use(const struct mapping_tables *t)
{
    struct budget_use use = {0};
    for (unsigned m = 1; m <= t->used_mappings; m++) {
        const struct mapping *mapping = &t->mapping[m];
        bool counted = mapping->protocol == NATPMP_UDP && twin_of(t, (uint16_t)m) != 0;
        if (mapping->client == 0 || mapping->lease.external_port == 0 || counted)
            continue;
        use.ports++;
        use.ending += !mapping->wanted;
    }
    return use;
}
