/* Tables with a few mappings, as the row of a test describes them. */
#pragma once

#include <stdlib.h>

#include "core/mapping.h"
#include "core/nat_rule.h"
#include "core/strategy.h"
#include "core/upstream.h"
#include "unit.h"

/* Two clients, and the time at which each row is evaluated. */
enum { A = 0xc0a8580b, B = 0xc0a8580c, NOW = 10 * 1000 * 1000 };

static struct mapping_tables *t;

/* Fresh memory instead of memset, so that only the pages that a test uses are allocated. */
static inline int start(void **state)
{
    (void)state;
    t = calloc(1, sizeof(*t));
    return t == NULL;
}

static inline int stop(void **state)
{
    (void)state;
    free(t);
    t = NULL;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

/* A mapping of a row. If it is not wanted any more, the port that its client was advertised is released. */
struct given {
    uint32_t client; /* 0: none */
    enum natpmp_protocol protocol;
    uint16_t internal_port;
    uint16_t router_port;
    bool wanted;
    uint64_t quarantined_ms; /* since when; 0: it is not in quarantine */
    struct lease lease;
    struct promise promise;
    struct job job;
};

/* For a row: the mapping has a lease of that external port. */
#define HOLDS(port) .lease = {.state = LEASE_GRANTED, .external_port = (port), .ends_ms = NOW + 60000}

static inline uint16_t give(const struct given *given)
{
    uint16_t m = mapping_new(t, given->client, given->protocol, given->internal_port);
    struct mapping *mapping = mapping_at(t, m);
    mapping_set_router_port(t, m, given->router_port);
    mapping_index_external_port(t, m, given->lease.external_port);
    mapping->lease = given->lease;
    mapping->promise = given->promise;
    mapping->job = given->job;
    mapping_set_wanted(t, m, true);
    mapping_set_wanted(t, m, given->wanted);
    if (given->quarantined_ms != 0)
        mapping_quarantine(t, m, given->quarantined_ms);
    return m;
}

/* The mappings of a row, numbered from 1, into fresh tables. */
static inline void give_each(const struct given *given, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (given[i].client != 0)
            assert_int_equal(give(&given[i]), i + 1);
}

/* Fresh tables with the mappings of a row. */
static inline void give_all(const struct given *given, size_t count)
{
    stop(NULL);
    assert_int_equal(start(NULL), 0);
    give_each(given, count);
}

static inline void check_ms(const char *name, const char *what, uint64_t actual_ms, uint64_t expected_ms)
{
    if (actual_ms != expected_ms)
        fail_msg("%s: %s is %lld ms, expected %lld ms", name, what, (long long)actual_ms,
                 (long long)expected_ms);
}

static inline void check_number(const char *name, const char *what, unsigned actual, unsigned expected)
{
    if (actual != expected)
        fail_msg("%s: %s is %u, expected %u", name, what, actual, expected);
}
