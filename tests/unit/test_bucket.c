/* A bucket allows a burst, and then one in each period. */
#include "base/bucket.h"
#include "unit.h"

static void test_when_it_allows_one_more(void **state)
{
    static const struct {
        const char *name;
        struct bucket_limit limit;
        uint64_t taken_ms[4]; /* 0: nothing more is taken */
        uint64_t due_ms;
        uint64_t full_ms;
    } rows[] = {
        {"nothing was taken", {1, 1000000}, {0}, 0, 0},
        {"one of one", {1, 1000000}, {5000}, 6000, 6000},
        {"one of two", {2, 1000000}, {5000}, 5000, 6000},
        {"two of two", {2, 1000000}, {5000, 5000}, 6000, 7000},
        {"the first is back", {2, 1000000}, {5000, 6000}, 6000, 7000},
        {"half of the first is back", {2, 1000000}, {5000, 5500}, 6000, 7000},
        {"it is never fuller than full", {2, 1000000}, {5000, 90000, 90000}, 91000, 92000},
        {"more than it allows", {1, 1000000}, {5000, 5000, 5000}, 8000, 8000},
        {"a third of a millisecond, rounded up", {1, 333}, {5000}, 5001, 5001},
        {"twenty a second", {1, 50000}, {5000, 5000}, 5100, 5100},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bucket bucket = {0};
        for (size_t n = 0; n < ARRAY_LEN(rows[i].taken_ms) && rows[i].taken_ms[n] != 0; n++)
            bucket_take(&bucket, rows[i].limit, rows[i].taken_ms[n]);
        if (bucket_due_ms(&bucket, rows[i].limit, 1) != rows[i].due_ms)
            fail_msg("%s: due at %u ms", rows[i].name, (unsigned)bucket_due_ms(&bucket, rows[i].limit, 1));
        if (!bucket_is_full(&bucket, rows[i].full_ms) ||
            (rows[i].full_ms > 0 && bucket_is_full(&bucket, rows[i].full_ms - 1)))
            fail_msg("%s: full", rows[i].name);
    }
}

static void test_when_it_allows_several(void **state)
{
    const struct bucket_limit limit = {4, 1000000};
    struct bucket bucket = {0};
    (void)state;
    assert_int_equal(bucket_due_ms(&bucket, limit, 4), 0);
    bucket_take(&bucket, limit, 5000);
    assert_int_equal(bucket_due_ms(&bucket, limit, 3), 3000 + 2000);
    assert_int_equal(bucket_due_ms(&bucket, limit, 4), 6000);
    bucket_take(&bucket, limit, 5000);
    assert_int_equal(bucket_due_ms(&bucket, limit, 3), 6000);
    assert_int_equal(bucket_due_ms(&bucket, limit, 4), 7000);
}

UNIT(bucket)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_it_allows_one_more),
        cmocka_unit_test(test_when_it_allows_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
