/* Several lists with one array of links, against plain arrays. */
#include "unit.h"

#include "base/list.h"
#include "base/prng.h"

enum { RECORDS = 60, LISTS = 4 };

static struct list lists[LISTS];
static struct list_link links[RECORDS + 1];
static uint16_t model[LISTS][RECORDS];
static unsigned lengths[LISTS];
static int home[RECORDS + 1]; /* the list that holds the record; -1: none */

static int start(void **state)
{
    (void)state;
    memset(lists, 0, sizeof(lists));
    memset(links, 0, sizeof(links));
    memset(lengths, 0, sizeof(lengths));
    for (unsigned i = 0; i <= RECORDS; i++)
        home[i] = -1;
    return 0;
}

static void push(int l, uint16_t record)
{
    list_push(&lists[l], links, record);
    model[l][lengths[l]++] = record;
    home[record] = l;
}

static void forget(int l, uint16_t record)
{
    unsigned at = 0;
    while (model[l][at] != record)
        at++;
    for (lengths[l]--; at < lengths[l]; at++)
        model[l][at] = model[l][at + 1];
    home[record] = -1;
}

/* Checks both directions and both ends, and that no other record is linked. */
static void check(int l)
{
    uint16_t previous = 0;
    uint16_t record = lists[l].first;
    for (unsigned i = 0; i < lengths[l]; i++) {
        assert_int_equal(record, model[l][i]);
        assert_int_equal(links[record].previous, previous);
        assert_true(list_has(&lists[l], links, record));
        previous = record;
        record = links[record].next;
    }
    assert_int_equal(record, 0);
    assert_int_equal(lists[l].last, previous);
}

static void test_empty(void **state)
{
    (void)state;
    assert_int_equal(list_pop(&lists[0], links), 0);
    assert_false(list_has(&lists[0], links, 1));
    check(0);
}

static void test_order_is_kept(void **state)
{
    (void)state;
    for (uint16_t r = 1; r <= 5; r++)
        push(0, r);
    check(0);
    for (uint16_t r = 1; r <= 5; r++)
        assert_int_equal(list_pop(&lists[0], links), r);
    assert_int_equal(lists[0].first, 0);
    assert_int_equal(lists[0].last, 0);
}

static void test_one_is_first_and_last(void **state)
{
    (void)state;
    push(0, 9);
    assert_true(list_has(&lists[0], links, 9));
    list_remove(&lists[0], links, 9);
    forget(0, 9);
    check(0);
    assert_false(list_has(&lists[0], links, 9));
    push(1, 9); /* free for another list */
    check(1);
}

static void random_step(struct prng *prng)
{
    uint16_t record = (uint16_t)(1 + prng_below(prng, RECORDS));
    int l = (int)prng_below(prng, LISTS);
    if (home[record] < 0) {
        push(l, record);
    } else if (prng_below(prng, 3) != 0) {
        l = home[record];
        list_remove(&lists[l], links, record);
        forget(l, record);
    } else {
        uint16_t expected = lengths[l] > 0 ? model[l][0] : 0;
        assert_int_equal(list_pop(&lists[l], links), expected);
        if (expected != 0)
            forget(l, expected);
    }
    for (int i = 0; i < LISTS; i++)
        check(i);
}

static void test_against_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        start(state);
        print_message("seed %u\n", (unsigned)seed);
        struct prng prng = prng_seeded(seed);
        for (unsigned i = 0; i < 3000; i++)
            random_step(&prng);
        for (unsigned r = 1; r <= RECORDS; r++)
            for (int l = 0; l < LISTS && home[r] < 0; l++)
                assert_false(list_has(&lists[l], links, (uint16_t)r));
    }
}

UNIT(list)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, start),
        cmocka_unit_test_setup(test_order_is_kept, start),
        cmocka_unit_test_setup(test_one_is_first_and_last, start),
        cmocka_unit_test_setup(test_against_the_model, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
