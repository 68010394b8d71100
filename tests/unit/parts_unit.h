/* Tables with a few mappings, as the row of a test describes them. */
#pragma once

#include <stdlib.h>

#include "core/mapping.h"
#include "core/nat_rule.h"
#include "core/strategy.h"
#include "core/upstream.h"
#include "unit.h"

/* Two clients, and the time at which each row is asked. */
enum { A = 0xc0a8580b, B = 0xc0a8580c, NOW = 10 * 1000 * 1000 };

static struct mapping_tables *t;

/* Fresh memory and not memset: only the pages that a test uses become real. */
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
