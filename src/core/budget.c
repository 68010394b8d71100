#include "core/budget.h"

#include <assert.h>
#include <stdio.h>

enum {
    /* A ProtonVPN gateway has so many ports, so no holder is missing. */
    HOLDERS_NAMED = 5,
    /* A host that has less than one in so many of all mappings has few. */
    FEW_SHARE = 32,
};

bool budget_is_spare(const struct mapping *mapping, uint64_t now_ms)
{
    bool rejoins = mapping->lease.pair == PAIR_REJOINS; /* its lease is being deleted */
    return mapping->lease.state != LEASE_NONE && (rejoins || !promise_is_in_use(mapping, now_ms));
}

static uint16_t other_of(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    uint16_t port = mapping->lease.external_port;
    return port != 0 ? mapping_find_external_port(t, mapping_other_protocol(mapping), port) : 0;
}

/* Both protocols of a port are released together, because the gateway's port is not free while one of them is
 * in use. */
static struct budget_decision release(const struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    uint16_t other = other_of(t, m);
    if (promise_is_in_use(&t->mapping[m], now_ms) ||
        (other != 0 && promise_is_in_use(&t->mapping[other], now_ms)))
        return (struct budget_decision){.verdict = BUDGET_NOTHING};
    return (struct budget_decision){.verdict = BUDGET_RELEASE, .mapping = m, .other = other};
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
    for (unsigned i = 0; m != 0 && i < BUDGET_SEARCH_MAX; i++, m = t->spare_link[m].next)
        if (!t->mapping[m].wanted || t->mapping[m].lease.pair == PAIR_REJOINS)
            return true;
    return false;
}

/* Not to be released for a static mapping. */
static bool is_firm(const struct mapping *mapping)
{
    return mapping->is_static || mapping->job.kind == JOB_MAP;
}

/* A gateway that has one port for each protocol gets nothing free by the release of the other protocol's. */
static bool is_better(const struct mapping *a, const struct mapping *b, uint8_t protocol)
{
    bool same = (a->protocol == protocol) == (b->protocol == protocol);
    return same ? a->promise.advertised_ms < b->promise.advertised_ms : a->protocol == protocol;
}

/* A static mapping without a lease comes first: if clients use all ports, it gets that of the client that
 * renewed longest ago. A rule of an earlier run that no client has renewed yet comes before those. */
static struct budget_decision displace(const struct mapping_tables *t, uint8_t protocol, uint64_t now_ms)
{
    struct budget_decision decision = {.verdict = BUDGET_NOTHING};
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        uint16_t m = (uint16_t)i;
        const struct mapping *mapping = &t->mapping[m];
        uint16_t other = mapping->client != 0 ? other_of(t, m) : 0;
        if (mapping->client == 0 || !mapping->wanted || !lease_lives(mapping, now_ms) || is_firm(mapping) ||
            (other != 0 && is_firm(&t->mapping[other])))
            continue;
        if (decision.verdict == BUDGET_NOTHING || is_better(mapping, &t->mapping[decision.mapping], protocol))
            decision = (struct budget_decision){.verdict = BUDGET_RELEASE, .mapping = m, .other = other};
    }
    return decision;
}

struct budget_decision budget_make_room(const struct mapping_tables *t, uint16_t m, bool may_hurry,
                                        uint64_t now_ms)
{
    struct budget_decision decision = {.verdict = BUDGET_NOTHING};
    if (!promise_is_in_use(&t->mapping[m], now_ms))
        return decision;
    if (may_hurry && has_ending(t))
        return (struct budget_decision){.verdict = BUDGET_HURRY};
    /* The mapping whose client has been silent for the longest time is released first. */
    uint16_t spare = t->spare.first;
    for (unsigned i = 0; spare != 0 && i < BUDGET_SEARCH_MAX; i++, spare = t->spare_link[spare].next) {
        if (t->mapping[spare].wanted)
            decision = release(t, spare, now_ms);
        if (decision.verdict == BUDGET_RELEASE)
            break;
    }
    bool needs_port = t->mapping[m].is_static && !lease_lives(&t->mapping[m], now_ms);
    return decision.verdict == BUDGET_NOTHING && needs_port ? displace(t, t->mapping[m].protocol, now_ms)
                                                            : decision;
}

struct budget_decision budget_take_number(const struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    const struct mapping *mapping = &t->mapping[m];
    uint16_t neighbour = mapping_find_external_port(t, mapping_other_protocol(mapping), external_port);
    if (!mapping->is_static || neighbour == 0 || is_firm(&t->mapping[neighbour]))
        return (struct budget_decision){.verdict = BUDGET_NOTHING};
    return (struct budget_decision){.verdict = BUDGET_RELEASE, .mapping = neighbour};
}

/* Both protocols of one external port count once. */
static bool has_port(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    bool counted = mapping->protocol == NATPMP_UDP && other_of(t, m) != 0;
    return mapping->client != 0 && mapping->lease.external_port != 0 && !counted;
}

struct budget_use budget_use(const struct mapping_tables *t)
{
    struct budget_use use = {0};
    for (unsigned m = 1; m <= t->used_mappings; m++) {
        if (!has_port(t, (uint16_t)m))
            continue;
        use.ports++;
        use.ending += !t->mapping[m].wanted;
    }
    return use;
}

struct holder {
    uint32_t address;
    unsigned count;
};

static struct holder holder_of(const struct mapping_tables *t, uint16_t c, bool ports)
{
    struct holder holder = {.address = t->client[c].address, .count = t->client[c].live};
    if (!ports)
        return holder;
    holder.count = 0;
    for (uint16_t m = t->client[c].mappings.first; m != 0; m = t->of_client[m].next)
        holder.count += has_port(t, m);
    return holder;
}

struct budget_text budget_holders(const struct mapping_tables *t, bool ports)
{
    struct holder most[HOLDERS_NAMED] = {0};
    for (uint16_t c = 1; c <= t->used_clients; c++) {
        struct holder holder = holder_of(t, c, ports);
        for (unsigned i = 0; i < HOLDERS_NAMED; i++) {
            if (holder.count <= most[i].count)
                continue;
            struct holder less = most[i];
            most[i] = holder;
            holder = less;
        }
    }
    struct budget_text text = {0};
    size_t len = 0;
    /* Of many hosts, those that have one more than the others are not the reason. */
    if (!ports && most[0].count * FEW_SHARE < t->live)
        snprintf(text.text, sizeof text.text, "%u hosts with few each, perhaps invented by one of them",
                 (unsigned)t->clients);
    if (text.text[0] != '\0')
        return text;
    for (unsigned i = 0; i < HOLDERS_NAMED && most[i].count > 0; i++)
        len += (size_t)snprintf(text.text + len, sizeof text.text - len, "%s%s (%u)", i > 0 ? ", " : "",
                                address_text(most[i].address).text, most[i].count);
    assert(len < sizeof text.text);
    return text;
}
