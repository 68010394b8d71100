/* The heap of due times against a plain array. */
#include "unit.h"

#include "base/heap.h"
#include "base/prng.h"

enum { RECORDS = 65535 };

static struct heap heap;
static uint64_t model[RECORDS + 1];

static int start(void **state)
{
    (void)state;
    memset(&heap, 0, sizeof(heap));
    memset(model, 0xFF, sizeof(model));
    return 0;
}

static void set(uint16_t record, uint64_t due_ms)
{
    heap_set(&heap, record, due_ms);
    model[record] = due_ms;
}

static void check(unsigned records)
{
    uint64_t earliest_ms = UINT64_MAX;
    unsigned count = 0;
    for (unsigned r = 1; r <= records; r++) {
        count += model[r] != UINT64_MAX;
        earliest_ms = model[r] < earliest_ms ? model[r] : earliest_ms;
        assert_int_equal(heap_has(&heap, (uint16_t)r), model[r] != UINT64_MAX);
    }
    assert_int_equal(heap.count, count);
    assert_true(heap_due_ms(&heap) == earliest_ms);
    uint16_t first = heap_first(&heap);
    assert_int_equal(first == 0, count == 0);
    assert_true(first == 0 || model[first] == earliest_ms);
}

static void test_empty(void **state)
{
    (void)state;
    check(10);
    set(3, UINT64_MAX); /* removing an element that is not in the heap */
    check(10);
}

static void test_moves(void **state)
{
    (void)state;
    for (uint16_t r = 1; r <= 7; r++)
        set(r, UINT64_C(100) * r);
    set(7, 50);
    assert_int_equal(heap_first(&heap), 7);
    set(7, 5000);
    assert_int_equal(heap_first(&heap), 1);
    set(1, UINT64_MAX);
    assert_int_equal(heap_first(&heap), 2);
    set(2, 200); /* the same time again */
    check(7);
    set(7, 0);
    assert_int_equal(heap_first(&heap), 7);
    check(7);
}

static void test_sorts_all_records(void **state)
{
    (void)state;
    struct prng prng = prng_seeded(1);
    for (unsigned r = 1; r <= RECORDS; r++)
        set((uint16_t)r, prng_below(&prng, 1000000));
    uint64_t last_ms = 0;
    for (unsigned i = 0; i < RECORDS; i++) {
        uint16_t first = heap_first(&heap);
        assert_true(heap_due_ms(&heap) == model[first] && model[first] >= last_ms);
        last_ms = model[first];
        set(first, UINT64_MAX);
    }
    assert_int_equal(heap_first(&heap), 0);
    assert_true(heap_due_ms(&heap) == UINT64_MAX);
}

static void test_against_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        start(state);
        print_message("seed %u\n", (unsigned)seed);
        struct prng prng = prng_seeded(seed);
        unsigned records = 1 + prng_below(&prng, 80);
        uint32_t times = 1 + prng_below(&prng, 100); /* few values, so that many are equal */
        for (unsigned i = 0; i < 3000; i++) {
            uint16_t record = (uint16_t)(1 + prng_below(&prng, records));
            set(record, prng_below(&prng, 3) == 0 ? UINT64_MAX : prng_below(&prng, times));
            check(records);
        }
    }
}

UNIT(heap)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, start),
        cmocka_unit_test_setup(test_moves, start),
        cmocka_unit_test_setup(test_sorts_all_records, start),
        cmocka_unit_test_setup(test_against_the_model, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
