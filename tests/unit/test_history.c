/* The external ports of the last day: each mapping finds its own, and the oldest make room. */

#include "app/history.h"
#include "unit.h"

static struct history history;

static void add(enum notice_kind kind, uint32_t client, uint16_t internal, uint16_t external, uint64_t at_ms)
{
    const struct notice notice = {
        .kind = (uint8_t)kind, .client = client, .internal_port = internal, .external_port = external};
    history_add(&history, &notice, at_ms);
}

static int setup(void **state)
{
    (void)state;
    memset(&history, 0, sizeof(history));
    return 0;
}

/* Checks the external port of the next entry of that mapping; -1: there is none. */
static uint64_t check_next(uint64_t from, uint32_t client, uint16_t internal, int port)
{
    uint64_t next = from;
    const struct history_entry *entry = history_find(&history, from, client, 0, internal, &next);
    assert_int_equal(entry == NULL ? -1 : entry->external_port, port);
    return next;
}

static void test_each_finds_its_own(void **state)
{
    (void)state;
    add(NOTICE_MAPPED, 1, 10, 41000, 1000);
    add(NOTICE_MAPPED, 2, 10, 42000, 2000);
    add(NOTICE_ADDRESS, 0, 0, 0, 2500);
    add(NOTICE_TROUBLE, 0, 0, 0, 2500);
    add(NOTICE_CHANGED, 1, 10, 41001, 3000);
    add(NOTICE_MAPPED, 1, 11, 43000, 3500);
    add(NOTICE_ENDED, 1, 10, 41001, 4000);
    uint64_t next = check_next(0, 1, 10, 41000);
    next = check_next(next, 1, 10, 41001);
    next = check_next(next, 1, 10, 0);
    (void)check_next(next, 1, 10, -1);
    (void)check_next(check_next(0, 2, 10, 42000), 2, 10, -1);
    (void)check_next(0, 3, 10, -1);
    assert_int_equal(history.changes, 1);
    assert_int_equal(history.change_ms, 3000);
}

/* A daemon that stands by has forgotten all mappings. */
static void test_the_end_of_all(void **state)
{
    (void)state;
    add(NOTICE_MAPPED, 1, 10, 41000, 1000);
    add(NOTICE_ENDED, 0, 0, 0, 2000);
    (void)check_next(check_next(check_next(0, 1, 10, 41000), 1, 10, 0), 1, 10, -1);
}

static void test_the_oldest_make_room(void **state)
{
    (void)state;
    add(NOTICE_MAPPED, 1, 10, 41000, 0);
    for (unsigned i = 0; i < HISTORY_MAX - 1; i++)
        add(NOTICE_CHANGED, 2, 10, (uint16_t)(50000 + i % 10), i);
    (void)check_next(0, 1, 10, 41000);
    add(NOTICE_CHANGED, 2, 10, 50000, HISTORY_MAX);
    (void)check_next(0, 1, 10, -1);
    uint64_t next = 0;
    unsigned count = 0;
    while (history_find(&history, next, 2, 0, 10, &next) != NULL)
        count++;
    assert_int_equal(count, HISTORY_MAX);
}

UNIT(history)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_finds_its_own, setup),
        cmocka_unit_test_setup(test_the_end_of_all, setup),
        cmocka_unit_test_setup(test_the_oldest_make_room, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
