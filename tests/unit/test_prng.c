#include "unit.h"

#include "base/prng.h"

/* The published first outputs of splitmix64 for seed 1234567. */
static void test_known_outputs(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        6457827717110365317u, 3203168211198807973u,  9817491932198370423u,
        4593380528125082431u, 16408922859458223821u,
    };
    struct prng p = prng_seeded(1234567);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_true(prng_next(&p) == expected[i]);
}

static void test_seed_decides(void **state)
{
    (void)state;
    struct prng a = prng_seeded(0);
    struct prng b = prng_seeded(0);
    struct prng c = prng_seeded(1);
    unsigned same = 0;
    for (unsigned i = 0; i < 100; i++) {
        uint64_t value = prng_next(&a);
        assert_true(value == prng_next(&b));
        same += value == prng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void test_below_covers_its_range(void **state)
{
    (void)state;
    struct prng p = prng_seeded(0);
    unsigned seen[7] = {0};
    for (unsigned i = 0; i < 7000; i++) {
        uint32_t value = prng_below(&p, ARRAY_LEN(seen));
        assert_true(value < ARRAY_LEN(seen));
        seen[value]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_in_range(seen[i], 850, 1150);
}

static void test_below_edges(void **state)
{
    (void)state;
    struct prng p = prng_seeded(9);
    uint32_t largest = 0;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(prng_below(&p, 1), 0);
        uint32_t value = prng_below(&p, UINT32_MAX);
        assert_true(value < UINT32_MAX);
        largest = value > largest ? value : largest;
    }
    assert_true(largest > UINT32_MAX / 100 * 98);
}

UNIT(prng)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_outputs),
        cmocka_unit_test(test_seed_decides),
        cmocka_unit_test(test_below_covers_its_range),
        cmocka_unit_test(test_below_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
