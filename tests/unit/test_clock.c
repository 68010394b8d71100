/* The deadline fires once, at its time, and can be moved. */

#include <time.h>

#include "core/proxy_status.h"
#include "io/clock.h"
#include "loop.h"

struct world {
    uv_loop_t loop;
    struct deadline deadline;
    unsigned fired;
    uint64_t fired_ms;
};

static void on_fired(void *context)
{
    struct world *w = context;
    w->fired++;
    w->fired_ms = clock_now_ms();
}

static int setup(void **state)
{
    static struct world w;
    w = (struct world){0};
    assert_int_equal(uv_loop_init(&w.loop), 0);
    assert_int_equal(deadline_open(&w.deadline, &w.loop, on_fired, &w), 0);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    deadline_close(&w->deadline);
    loop_end(&w->loop);
    return 0;
}

/* [E-03] */
static void test_now_is_boot_time(void **state)
{
    struct timespec before;
    struct timespec after;
    (void)state;
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &before), 0);
    uint64_t now_ms = clock_now_ms();
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &after), 0);
    assert_in_range(now_ms, (uint64_t)before.tv_sec * 1000 + (uint64_t)before.tv_nsec / 1000000,
                    (uint64_t)after.tv_sec * 1000 + (uint64_t)after.tv_nsec / 1000000);
}

/* Whoever reads the status each second finds the same date of the start. */
static void test_a_moment_has_one_date(void **state)
{
    (void)state;
    uint64_t begun_ms = clock_now_ms();
    uint64_t then_ms = begun_ms - 12345;
    int64_t date = clock_unix_s(then_ms);
    assert_in_range(time(NULL) - 12 - date, 0, 2);
    for (uint64_t now_ms = begun_ms; now_ms < begun_ms + 1100; now_ms = clock_now_ms())
        assert_int_equal(clock_unix_s(now_ms) - status_age_s(then_ms, now_ms), date);
}

static void test_seeds_differ(void **state)
{
    (void)state;
    assert_int_not_equal(clock_seed(), clock_seed());
}

static void test_fires_once_and_not_early(void **state)
{
    struct world *w = *state;
    uint64_t at_ms = clock_now_ms() + 30;
    deadline_arm(&w->deadline, at_ms);
    deadline_arm(&w->deadline, at_ms);
    loop_until(&w->loop, w->fired > 0);
    assert_true(w->fired_ms >= at_ms);
    uint64_t later_ms = w->fired_ms + 20;
    loop_until(&w->loop, clock_now_ms() >= later_ms);
    assert_int_equal(w->fired, 1);
}

static void test_same_time_again_after_it_fired(void **state)
{
    struct world *w = *state;
    uint64_t at_ms = clock_now_ms();
    deadline_arm(&w->deadline, at_ms);
    loop_until(&w->loop, w->fired == 1);
    deadline_arm(&w->deadline, at_ms);
    loop_until(&w->loop, w->fired == 2);
}

static void test_moves_nearer(void **state)
{
    struct world *w = *state;
    uint64_t start_ms = clock_now_ms();
    deadline_arm(&w->deadline, start_ms + 3600000);
    deadline_arm(&w->deadline, start_ms + 10);
    loop_until(&w->loop, w->fired == 1);
    assert_true(w->fired_ms >= start_ms + 10);
}

static void test_moves_away_after_it_expired(void **state)
{
    struct world *w = *state;
    deadline_arm(&w->deadline, clock_now_ms());
    struct pollfd file = {.fd = w->deadline.fd, .events = POLLIN};
    assert_int_equal(poll(&file, 1, TURN_LIMIT_MS), 1);
    deadline_arm(&w->deadline, clock_now_ms() + 3600000);
    for (unsigned i = 0; i < 4; i++)
        loop_turn(&w->loop);
    assert_int_equal(w->fired, 0);
}

static void on_pipe(uv_poll_t *poll, int status, int events)
{
    struct world *w = poll->data;
    assert_true(status == 0 && events == UV_READABLE);
    (void)uv_poll_stop(poll);
    deadline_arm(&w->deadline, clock_now_ms() + 3600000);
}

/* Both are ready in one turn of the loop, and the first callback moves the deadline. */
static void test_moves_away_while_it_is_reported(void **state)
{
    struct world *w = *state;
    uv_poll_t other;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(uv_poll_init(&w->loop, &other, ends[0]), 0);
    assert_int_equal(uv_poll_start(&other, UV_READABLE, on_pipe), 0);
    other.data = w;
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(write(ends[1], "", 1), 1);
    deadline_arm(&w->deadline, clock_now_ms());
    struct pollfd file = {.fd = w->deadline.fd, .events = POLLIN};
    assert_int_equal(poll(&file, 1, TURN_LIMIT_MS), 1);
    for (unsigned i = 0; i < 4; i++)
        loop_turn(&w->loop);
    assert_int_equal(w->fired, 0);
    uv_close((uv_handle_t *)&other, NULL);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_never(void **state)
{
    struct world *w = *state;
    uint64_t end_ms = clock_now_ms() + 40;
    deadline_arm(&w->deadline, end_ms - 30);
    deadline_arm(&w->deadline, CLOCK_NEVER);
    loop_until(&w->loop, clock_now_ms() >= end_ms);
    assert_int_equal(w->fired, 0);
}

static void test_the_past_and_zero_are_now(void **state)
{
    struct world *w = *state;
    deadline_arm(&w->deadline, 1);
    loop_until(&w->loop, w->fired == 1);
    deadline_arm(&w->deadline, 0);
    loop_until(&w->loop, w->fired == 2);
}

UNIT(clock)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now_is_boot_time),
        cmocka_unit_test(test_a_moment_has_one_date),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test_setup_teardown(test_fires_once_and_not_early, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_time_again_after_it_fired, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves_nearer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves_away_after_it_expired, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves_away_while_it_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_past_and_zero_are_now, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
