/* The last changes are kept, with their times. */

#include "app/changes.h"
#include "unit.h"

static struct changes changes;

static void add(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct notice notice = {.number = changes.next, .kind = NOTICE_MAPPED};
        notice.internal_port = (uint16_t)notice.number;
        changes_add(&changes, &notice, 1000 * notice.number);
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&changes, 0, sizeof(changes));
    return 0;
}

static void test_none(void **state)
{
    (void)state;
    assert_null(changes_from(&changes, 0));
    add(1);
    assert_null(changes_from(&changes, 1));
    assert_null(changes_from(&changes, UINT64_MAX));
}

/* Goes through all that are stored, and returns how many they are. */
static unsigned walk(uint64_t number)
{
    unsigned count = 0;
    const struct change *change;
    while ((change = changes_from(&changes, number)) != NULL) {
        assert_true(change->notice.number >= number);
        assert_int_equal(change->notice.internal_port, change->notice.number);
        assert_int_equal(change->at_ms, 1000 * change->notice.number);
        number = change->notice.number + 1;
        count++;
    }
    assert_int_equal(number, changes.next);
    return count;
}

static void test_all(void **state)
{
    (void)state;
    add(CHANGES_MAX);
    assert_int_equal(walk(0), CHANGES_MAX);
    assert_int_equal(walk(CHANGES_MAX - 3), 3);
}

/* The oldest ones go, and whoever was not fast enough goes on with the oldest that is left. */
static void test_lost(void **state)
{
    (void)state;
    add(CHANGES_MAX + 5);
    assert_int_equal(changes_from(&changes, 0)->notice.number, 5);
    assert_int_equal(changes_from(&changes, 4)->notice.number, 5);
    assert_int_equal(changes_from(&changes, 6)->notice.number, 6);
    assert_int_equal(walk(0), CHANGES_MAX);
}

UNIT(changes)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_none, setup),
        cmocka_unit_test_setup(test_all, setup),
        cmocka_unit_test_setup(test_lost, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
