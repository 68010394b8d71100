#include "unit.h"

#include "base/portset.h"
#include "base/prng.h"

static struct portset a;
static struct portset b;
static const struct portset *const both[] = {&a, &b};

static int clear_sets(void **state)
{
    (void)state;
    portset_clear(&a);
    portset_clear(&b);
    return 0;
}

static void test_add_remove_has(void **state)
{
    (void)state;
    static const uint16_t ports[] = {0, 1, 63, 64, 65, 1024, 49152, 65534, 65535};
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        assert_false(portset_has(&a, ports[i]));
        portset_add(&a, ports[i]);
        assert_true(portset_has(&a, ports[i]));
    }
    unsigned held = 0;
    for (unsigned port = 0; port < 65536; port++)
        held += portset_has(&a, (uint16_t)port);
    assert_int_equal(held, ARRAY_LEN(ports));
    portset_remove(&a, 64);
    assert_false(portset_has(&a, 64));
    assert_true(portset_has(&a, 63));
    assert_true(portset_has(&a, 65));
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        uint16_t first;
        uint16_t last;
    } rows[] = {{0, 0},     {63, 64},       {5, 5}, {64, 127}, {1000, 1063}, {1, 65535},
                {0, 65535}, {65535, 65535}, {7, 6}, {64, 63},  {65535, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        portset_clear(&a);
        portset_add_range(&a, rows[i].first, rows[i].last);
        for (unsigned port = 0; port < 65536; port++)
            assert_int_equal(portset_has(&a, (uint16_t)port), port >= rows[i].first && port <= rows[i].last);
    }
}

static void test_fill_and_clear(void **state)
{
    (void)state;
    portset_fill(&a);
    assert_true(portset_has(&a, 0) && portset_has(&a, 65535) && portset_has(&a, 30000));
    assert_int_equal(portset_find_free(both, 1, 1, 65535, 1), 0);
    portset_clear(&a);
    assert_false(portset_has(&a, 0) || portset_has(&a, 65535) || portset_has(&a, 30000));
}

static void test_find_starts_and_wraps(void **state)
{
    (void)state;
    assert_int_equal(portset_find_free(both, 2, 100, 200, 150), 150);
    portset_add_range(&a, 150, 200);
    assert_int_equal(portset_find_free(both, 2, 100, 200, 150), 100);
    portset_add(&b, 100);
    assert_int_equal(portset_find_free(both, 2, 100, 200, 150), 101);
    portset_add_range(&b, 101, 149);
    assert_int_equal(portset_find_free(both, 2, 100, 200, 150), 0);
    /* There is a free port outside the range, but that was not the question. */
    assert_int_equal(portset_find_free(both, 2, 99, 200, 150), 99);
    assert_int_equal(portset_find_free(both, 2, 100, 201, 150), 201);
}

static void test_find_edges(void **state)
{
    (void)state;
    assert_int_equal(portset_find_free(both, 0, 5, 5, 5), 5);
    assert_int_equal(portset_find_free(both, 2, 65535, 65535, 65535), 65535);
    assert_int_equal(portset_find_free(both, 2, 1, 1, 1), 1);
    portset_add(&a, 65535);
    assert_int_equal(portset_find_free(both, 2, 65535, 65535, 65535), 0);
    assert_int_equal(portset_find_free(both, 2, 1, 65535, 65535), 1);
    portset_fill(&a);
    portset_remove(&a, 64);
    assert_int_equal(portset_find_free(both, 2, 1, 65535, 65), 64);
    portset_remove(&a, 0);
    portset_add(&a, 64);
    assert_int_equal(portset_find_free(both, 2, 1, 65535, 65), 0);
}

static uint16_t find_slowly(uint16_t first, uint16_t last, uint16_t start)
{
    unsigned size = (unsigned)(last - first) + 1;
    for (unsigned i = 0; i < size; i++) {
        uint16_t port = (uint16_t)(first + (start - first + i) % size);
        if (!portset_has(&a, port) && !portset_has(&b, port))
            return port;
    }
    return 0;
}

static void test_find_agrees_with_a_slow_search(void **state)
{
    (void)state;
    const uint64_t seed = 20250101;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct prng p = prng_seeded(seed);
    for (unsigned round = 0; round < 20000; round++) {
        uint16_t first = (uint16_t)(1 + prng_below(&p, 65535));
        uint32_t room = prng_below(&p, 2) == 0 ? 300 : 65536;
        uint32_t most = (uint32_t)(65535 - first) < room ? (uint32_t)(65535 - first) : room;
        uint16_t last = (uint16_t)(first + prng_below(&p, most + 1));
        uint16_t start = (uint16_t)(first + prng_below(&p, (uint32_t)(last - first) + 1));
        clear_sets(NULL);
        for (unsigned i = prng_below(&p, 4); i > 0; i--) {
            uint16_t from = (uint16_t)(first + prng_below(&p, (uint32_t)(last - first) + 1));
            portset_add_range(prng_below(&p, 2) == 0 ? &a : &b, from, last);
            portset_add_range(&a, start, from);
        }
        portset_remove(&a, (uint16_t)(first + prng_below(&p, (uint32_t)(last - first) + 1)));
        assert_int_equal(portset_find_free(both, 2, first, last, start), find_slowly(first, last, start));
    }
}

UNIT(portset)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_add_remove_has, clear_sets),
        cmocka_unit_test_setup(test_ranges, clear_sets),
        cmocka_unit_test_setup(test_fill_and_clear, clear_sets),
        cmocka_unit_test_setup(test_find_starts_and_wraps, clear_sets),
        cmocka_unit_test_setup(test_find_edges, clear_sets),
        cmocka_unit_test_setup(test_find_agrees_with_a_slow_search, clear_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
