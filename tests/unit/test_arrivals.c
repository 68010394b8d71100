/* The sums of what has arrived at a mapping, over counters that begin again. */
#include "core/arrivals.h"
#include "parts_unit.h"

/* A reading of the rule's counters, and what is known then. */
struct reading {
    const char *name;
    uint64_t at_ms;
    uint32_t rule;
    uint64_t added_ms; /* 0: it is of an earlier run */
    uint32_t packets;
    uint64_t bytes;
    uint32_t connections;
    uint64_t sum_bytes;
    uint32_t not_before_s;
};

static void read_all(const struct reading *readings, size_t count)
{
    uint64_t last_ms = 0;
    uint16_t m = give(&(struct given){.client = A, .internal_port = 80, .router_port = 80, .wanted = true});
    struct mapping *mapping = mapping_at(t, m);
    assert_false(arrivals_are_known(mapping));
    for (size_t i = 0; i < count; i++) {
        const struct reading *r = &readings[i];
        struct nat_counters counters = {.known = true, .packets = r->packets, .bytes = r->bytes};
        mapping->rule.id = r->rule;
        mapping->rule.added_ms = r->added_ms;
        arrivals_on_counted(t, m, &counters, last_ms);
        last_ms = r->at_ms;
        assert_true(arrivals_are_known(mapping));
        check_number(r->name, "connections", mapping->arrivals.connections, r->connections);
        check_ms(r->name, "bytes", mapping->arrivals.bytes, r->sum_bytes);
        check_number(r->name, "time of the last one", mapping->arrivals.not_before_s, r->not_before_s);
    }
}

static void test_sums(void **state)
{
    static const struct reading rows[] = {
        {"nothing has arrived", 110000, 1, 100000, 0, 0, 0, 0, 0},
        {"the first one", 120000, 1, 100000, 1, 60, 1, 60, 110},
        {"nothing more", 130000, 1, 100000, 1, 60, 1, 60, 110},
        {"more", 140000, 1, 100000, 5, 300, 5, 300, 130},
        {"somebody has reset them", 150000, 1, 100000, 0, 0, 5, 300, 130},
        {"and one arrived", 160000, 1, 100000, 1, 60, 6, 360, 150},
        {"reset, and one arrived", 170000, 1, 100000, 0, 0, 6, 360, 150},
        {"the rule was replaced", 180000, 2, 175000, 2, 100, 8, 460, 175},
        {"a new number of the same rule: the router has started", 190000, 7, 175000, 3, 90, 11, 550, 180},
        {"bytes that go back alone", 200000, 7, 175000, 4, 50, 12, 600, 190},
    };
    (void)state;
    read_all(rows, ARRAY_LEN(rows));
}

static void test_a_rule_of_an_earlier_run(void **state)
{
    static const struct reading rows[] = {
        {"what came before counts, but nobody knows when it came", 110000, 1, 0, 9, 540, 9, 540, 0},
        {"nothing more", 120000, 1, 0, 9, 540, 9, 540, 0},
        {"one more", 130000, 1, 0, 10, 600, 10, 600, 120},
    };
    (void)state;
    read_all(rows, ARRAY_LEN(rows));
}

static void test_they_end_at_their_maximum(void **state)
{
    static const struct reading rows[] = {
        {"large", 110000, 1, 100000, UINT32_MAX - 1, UINT64_MAX - 1, UINT32_MAX - 1, UINT64_MAX - 1, 100},
        {"reset", 120000, 1, 100000, 5, 5, UINT32_MAX, UINT64_MAX, 110},
        {"more", 130000, 1, 100000, 6, 6, UINT32_MAX, UINT64_MAX, 120},
    };
    (void)state;
    read_all(rows, ARRAY_LEN(rows));
}

UNIT(arrivals)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sums),
        TEST(test_a_rule_of_an_earlier_run),
        TEST(test_they_end_at_their_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
