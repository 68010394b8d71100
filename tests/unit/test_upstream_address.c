/* The external address, the epoch of the gateway, and what is logged about them. */
#include "upstream_unit.h"

/* ---- the external address ---- */

static void test_address_is_polled_every_minute(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    check_send_at(START_MS);
    receive_address(0, 500, 0xc6336407, START_MS + 20);
    assert_true(next(START_MS + 20));
    assert_int_equal(outcome.type, UPSTREAM_ADDRESS);
    assert_true(upstream.address_known);
    assert_int_equal(upstream.address, 0xc6336407);
    check_send_at(START_MS + 60020);
    receive_address(0, 560, 0xc6336407, START_MS + 60040);
    assert_false(next(START_MS + 60040));
    check_send_at(START_MS + 120040);
    receive_address(0, 620, 0xc6336408, START_MS + 120060);
    assert_true(next(START_MS + 120060));
    assert_int_equal(outcome.type, UPSTREAM_ADDRESS);
    assert_int_equal(upstream.address, 0xc6336408);
}

/* An unsolicited answer does not count, but causes a request. */
static void test_unsolicited_address(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    check_send_at(START_MS);
    receive_address(0, 500, 0xc6336407, START_MS + 20);
    assert_true(next(START_MS + 20));
    receive_address(0, 500, 0xc6336407, START_MS + 30);
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 60020);
    receive_address(0, 501, 0x01020304, START_MS + 1000);
    assert_false(next(START_MS + 1000));
    assert_int_equal(upstream.address, 0xc6336407);
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 1000);
}

/* [C-13] [G10] An answer without an address, or with one that no host can have. */
static void test_no_address(void **state)
{
    (void)state;
    static const struct {
        uint16_t result;
        uint32_t address;
    } answers[] = {{0, 0},          {3, 0},          {3, 0xc6336407}, {2, 0},
                   {0, 0xe0000001}, {0, 0xffffffff}, {0, 0x7f000001}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        start(NULL);
        upstream_start(&upstream, START_MS);
        check_send_at(START_MS);
        receive_address(answers[i].result, 500, answers[i].address, START_MS + 20);
        assert_false(next(START_MS + 20));
        assert_false(upstream.address_known);
        assert_int_equal(lines(LOG_LEVEL_WARN), 1);
        check_send_at(START_MS + 250); /* requested again as if nothing had arrived */
        receive_address(answers[i].result, 500, answers[i].address, START_MS + 270);
        assert_int_equal(out.count, 0); /* logged once */
        receive_address(0, 500, 0xc6336407, START_MS + 280);
        assert_true(next(START_MS + 280));
        assert_int_equal(outcome.type, UPSTREAM_ADDRESS);
        check_send_at(START_MS + 60280);
        receive_address(answers[i].result, 560, answers[i].address, START_MS + 60280);
        assert_true(next(START_MS + 60280));
        assert_int_equal(outcome.type, UPSTREAM_NO_ADDRESS);
        assert_false(next(START_MS + 60280));
    }
}

static void test_a_client_wants_the_address(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    for (size_t i = 0; i < 6; i++)
        upstream_tick(&upstream, at(START_MS + (i == 0 ? 0 : schedule_ms[i - 1])));
    upstream_want_address(&upstream, START_MS + 8000);
    check_send_at(START_MS + 8000);
    upstream_want_address(&upstream, START_MS + 8001); /* not at every request of a client */
    check_send_at(START_MS + 8250);
}

/* ---- the epoch, section 3.6 ---- */

/* The gateway answers a request, and its epoch is that. */
static void clock_is(uint32_t epoch_s, uint64_t now_ms)
{
    ask(NATPMP_UDP, PORT + 9, 60, now_ms);
    receive_map((struct reply){1, 0, epoch_s, PORT + 9, 40009, 60}, now_ms);
    expect_no_loss(now_ms);
}

/* The epoch was 1000; so long later it is `epoch_s`: is it taken for possible that the gateway restarted? */
static bool doubts(uint64_t elapsed_ms, uint32_t epoch_s)
{
    start(NULL);
    clock_is(1000, START_MS);
    clock_is(epoch_s, START_MS + elapsed_ms);
    bool asks = upstream_deadline_ms(&upstream) == START_MS + elapsed_ms;
    assert_true(asks || !upstream.epoch_doubted);
    return upstream.epoch_doubted;
}

/* [C-26] */
static void test_epoch_bounds(void **state)
{
    (void)state;
    assert_false(doubts(0, 1000));
    assert_false(doubts(0, 998));
    assert_false(doubts(80000, 1080));
    assert_false(doubts(80000, 1070 - 2));
    assert_false(doubts(UINT64_C(8000000), 8998));
    /* Older than a packet can be late. */
    assert_true(doubts(0, 1000 - 65));
    assert_true(doubts(80000, 1070 - 65));
    /* Younger than the last packet that fitted, so the gateway may have restarted since then. */
    assert_true(doubts(80000, 0));
    assert_true(doubts(80000, 82));
    assert_true(doubts(UINT64_C(8000000), 7997));
    /* Further ahead than a clock can be wrong. */
    assert_false(doubts(80000, 1090 + 64));
    assert_true(doubts(80000, 1090 + 65));
}

/* [G2] It fails the test of section 3.6, too, but not by more than a packet may be late: it answers nothing,
 * and the gateway is asked whether its clock was set. */
static void test_a_late_reply_answers_nothing(void **state)
{
    (void)state;
    static const uint32_t late_s[] = {1000 - 64, 997, 999};
    assert_false(doubts(0, 997) || doubts(0, 1000 - 64) || doubts(80000, 1070 - 64));
    for (size_t i = 0; i < ARRAY_LEN(late_s); i++) {
        start(NULL);
        clock_is(1000, START_MS);
        ask(NATPMP_TCP, PORT, 3600, START_MS + 10);
        receive_map((struct reply){2, 0, late_s[i], PORT, 42000, 3600}, START_MS + 20);
        assert_true(next(START_MS + 20)); /* unless its port is unknown */
        assert_int_equal(outcome.type, UPSTREAM_LATE);
        assert_false(next(START_MS + 20));
        assert_int_equal(upstream.used, 1);
        assert_int_equal(upstream.epoch_s, 1000);
        check_send_at(START_MS + 20);
        receive_address(0, 1000, 0xc6336407, START_MS + 40);
        expect_no_loss(START_MS + 40);
        receive_map((struct reply){2, 0, late_s[i], PORT, 42000, 3600}, START_MS + 50);
        expect_no_loss(START_MS + 50);
        assert_int_equal(upstream.used, 1);
    }
}

/* [G2] The clock was set back: the answer to one address request tells. */
static void test_the_clock_is_set_back(void **state)
{
    (void)state;
    static const uint32_t behind_s[] = {1, 2, 3, 10, 60, 64, 65};
    for (size_t i = 0; i < ARRAY_LEN(behind_s); i++) {
        uint32_t epoch_s = 1000 - behind_s[i];
        start(NULL);
        clock_is(1000, START_MS);
        ask(NATPMP_TCP, PORT, 3600, START_MS + 10);
        receive_map((struct reply){2, 0, epoch_s, PORT, 42000, 3600}, START_MS + 20);
        expect_no_loss(START_MS + 20);
        check_send_at(START_MS + 20);
        receive_address(0, epoch_s, 0xc6336407, START_MS + 30);
        assert_true(next(START_MS + 30));
        assert_int_equal(outcome.type, behind_s[i] > 2 ? UPSTREAM_STATE_LOST : UPSTREAM_ADDRESS);
        expect_no_loss(START_MS + 30);
        receive_map((struct reply){2, 0, epoch_s, PORT, 42000, 3600}, START_MS + 40);
        assert_true(next(START_MS + 40));
        assert_int_equal(outcome.type, UPSTREAM_GRANTED);
    }
}

/* [G2] An answer to an earlier request that was lost or is still under way decides nothing, but the question
 * ends within 2 s all the same. */
static void test_an_old_answer_does_not_set_the_clock(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    check_send_at(START_MS);
    check_send_at(START_MS + 250);
    receive_address(0, 1000, 0xc6336407, START_MS + 260);
    expect_no_loss(START_MS + 260);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 1000);
    receive_map((struct reply){2, 0, 990, PORT, 42000, 3600}, START_MS + 1020);
    expect_no_loss(START_MS + 1020);
    check_send_at(START_MS + 1020);
    receive_address(0, 990, 0xc6336407, START_MS + 1030);
    expect_no_loss(START_MS + 1030);
    receive_address(0, 990, 0xc6336407, START_MS + 1719);
    expect_no_loss(START_MS + 1719);
    receive_address(0, 990, 0xc6336407, START_MS + 1720);
    assert_true(next(START_MS + 1720));
    assert_int_equal(outcome.type, UPSTREAM_STATE_LOST);
}

/* [G2] Each answer has another epoch: it is an answer all the same. */
static void test_a_clock_that_runs_wild(void **state)
{
    (void)state;
    uint64_t now_ms = START_MS;
    uint32_t epoch_s = 1000000;
    clock_is(epoch_s, now_ms);
    ask(NATPMP_TCP, PORT, 3600, now_ms);
    while (upstream.used > 0 && now_ms < START_MS + 2000) {
        now_ms += 50;
        upstream_tick(&upstream, at(now_ms));
        epoch_s -= 1000;
        if (sends() == 0)
            continue;
        receive_address(0, epoch_s, 0xc6336407, now_ms + 10);
        while (next(now_ms + 10))
            continue;
        receive_map((struct reply){2, 0, epoch_s - 500, PORT, 42000, 3600}, now_ms + 20);
        while (next(now_ms + 20))
            continue;
    }
    assert_int_equal(upstream.used, 0);
}

/* [G2] Packets that answer nothing move no clock, and cause one request a minute. */
static void test_unasked_epochs(void **state)
{
    (void)state;
    clock_is(1000, START_MS);
    receive_map((struct reply){1, 0, 1060, 1, 1, 1}, START_MS + 10);
    expect_no_loss(START_MS + 10);
    assert_int_equal(upstream.epoch_s, 1000);
    assert_true(upstream_deadline_ms(&upstream) == UINT64_MAX);
    receive_address(0, 5000, 0x01020304, START_MS + 20);
    expect_no_loss(START_MS + 20);
    check_send_at(START_MS + 20);
    receive_address(0, 1000, 0xc6336407, START_MS + 30);
    expect_no_loss(START_MS + 30);
    for (uint64_t ms = START_MS + 40; ms < START_MS + 60000; ms += 1000) {
        receive_address(0, 5000, 0x01020304, ms);
        receive_map((struct reply){1, 0, 5, 1, 1, 1}, ms);
        expect_no_loss(ms);
        assert_false(upstream.epoch_doubted);
        assert_true(upstream_deadline_ms(&upstream) == START_MS + 60030);
    }
    assert_int_equal(upstream.epoch_s, 1000);
}

/* [G9] Another server may have another address: it is requested at the first sign. */
static void test_ahead_by_much_the_address_is_requested(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    check_send_at(START_MS);
    receive_address(0, 1000, 0xc6336407, START_MS + 10);
    expect_no_loss(START_MS + 10);
    clock_is(1002, START_MS + 1000);
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 60010);
    clock_is(1030, START_MS + 2000);
    check_send_at(START_MS + 2000);
}

/* The first answer after a restart has an unlikely epoch and is ignored; its request, whose next attempt may
 * be a minute away, is sent again when the restart is certain. */
static void test_what_was_ignored_is_asked_again(void **state)
{
    (void)state;
    clock_is(1000, START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 10);
    for (uint64_t after_ms = 250; after_ms < 9000; after_ms += after_ms + 250)
        upstream_tick(&upstream, at(START_MS + 10 + after_ms));
    receive_map((struct reply){2, 0, 5, PORT, 42000, 3600}, START_MS + 9000);
    expect_no_loss(START_MS + 9000);
    check_send_at(START_MS + 9000);
    receive_address(0, 5, 0xc6336407, START_MS + 9020);
    assert_true(next(START_MS + 9020));
    assert_int_equal(outcome.type, UPSTREAM_STATE_LOST);
    actions_clear(&out, LOG_LEVEL_ERROR);
    upstream_tick(&upstream, at(START_MS + 9020));
    assert_int_equal(sends(), 1);
}

/* [C-26] */
static void test_restart_of_the_gateway(void **state)
{
    (void)state;
    clock_is(1000, START_MS);
    receive_map((struct reply){1, 0, 5, 1, 1, 1}, START_MS + 9000);
    expect_no_loss(START_MS + 9000);
    check_send_at(START_MS + 9000);
    receive_address(0, 5, 0xc6336407, START_MS + 9020);
    assert_true(next(START_MS + 9020));
    assert_int_equal(outcome.type, UPSTREAM_STATE_LOST);
    assert_true(outcome.asked_ms == START_MS + 9000);
    expect_no_loss(START_MS + 9020);
    clock_is(6, START_MS + 10000);
    assert_int_equal(upstream.epoch_s, 6);
}

static void test_one_odd_packet_is_no_restart(void **state)
{
    (void)state;
    clock_is(1000, START_MS);
    receive_map((struct reply){1, 0, 800, 1, 1, 1}, START_MS + 100);
    expect_no_loss(START_MS + 100);
    check_send_at(START_MS + 100);
    receive_address(0, 1000, 0xc6336407, START_MS + 120);
    expect_no_loss(START_MS + 120);
    assert_int_equal(upstream.epoch_s, 1000);
}

/* ---- problems are logged once ---- */

static void test_silence_is_logged_once(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    upstream_start(&upstream, START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    ask(NATPMP_UDP, PORT, 3600, START_MS);
    for (uint64_t ms = START_MS; ms < START_MS + 3750; ms += 50)
        upstream_tick(&upstream, at(ms));
    assert_int_equal(lines(LOG_LEVEL_WARN), 0);
    for (uint64_t ms = START_MS + 3750; ms < START_MS + 120000; ms += 50)
        upstream_tick(&upstream, at(ms));
    assert_int_equal(lines(LOG_LEVEL_WARN), 1);
    receive_map((struct reply){2, 0, 500, PORT, 42000, 3600}, START_MS + 120000);
    assert_int_equal(lines(LOG_LEVEL_INFO), 1); /* it answers again */
}

/* The gateway answers another request: the daemon requests the address anew at once, and the earlier
 * datagrams without an answer do not count any more. */
static void test_after_silence_the_address_is_requested_at_once(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    for (uint64_t ms = START_MS; ms < START_MS + 9000; ms += 50)
        upstream_tick(&upstream, at(ms));
    ask(NATPMP_TCP, PORT, 3600, START_MS + 9000);
    receive_map((struct reply){2, 0, 500, PORT, 42000, 3600}, START_MS + 9010);
    assert_int_equal(lines(LOG_LEVEL_INFO), 1);
    assert_true(next(START_MS + 9010));
    actions_clear(&out, LOG_LEVEL_DEBUG);
    upstream_tick(&upstream, at(START_MS + 9010));
    assert_int_equal(sends(), 1);
    assert_int_equal(lines(LOG_LEVEL_WARN), 0);
    check_send_at(START_MS + 9260);
    receive_address(0, 500, 0xc6336407, START_MS + 9300);
    assert_true(next(START_MS + 9300));
    assert_int_equal(outcome.type, UPSTREAM_ADDRESS);
    check_send_at(START_MS + 69300);
}

static void test_a_refused_port_is_not_logged_as_silence_too(void **state)
{
    (void)state;
    upstream_start(&upstream, START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    unsigned logged = 0;
    for (uint64_t ms = START_MS; ms < START_MS + 120000; ms += 50) {
        actions_clear(&out, LOG_LEVEL_WARN);
        upstream_tick(&upstream, at(ms));
        if (sends() > 0)
            upstream_report(&upstream, GATEWAY_PORT_UNREACHABLE, &out);
        logged += lines(LOG_LEVEL_WARN);
    }
    assert_int_equal(logged, 1);
}

/* [C-08] */
static void test_errors_are_logged_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 15; i++)
        upstream_report(&upstream, (enum gateway_trouble)(GATEWAY_PORT_UNREACHABLE + i / 5), &out);
    assert_int_equal(lines(LOG_LEVEL_WARN), 3);
    ask(NATPMP_TCP, PORT, 3600, START_MS); /* an answer, not the end */
    upstream_report(&upstream, GATEWAY_PORT_UNREACHABLE, &out);
    check_send_at(START_MS + 250);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

UNIT(upstream_address)
{
    const struct CMUnitTest tests[] = {
        TEST(test_address_is_polled_every_minute),
        TEST(test_unsolicited_address),
        TEST(test_no_address),
        TEST(test_a_client_wants_the_address),
        TEST(test_epoch_bounds),
        TEST(test_a_late_reply_answers_nothing),
        TEST(test_the_clock_is_set_back),
        TEST(test_an_old_answer_does_not_set_the_clock),
        TEST(test_a_clock_that_runs_wild),
        TEST(test_unasked_epochs),
        TEST(test_ahead_by_much_the_address_is_requested),
        TEST(test_what_was_ignored_is_asked_again),
        TEST(test_restart_of_the_gateway),
        TEST(test_one_odd_packet_is_no_restart),
        TEST(test_silence_is_logged_once),
        TEST(test_after_silence_the_address_is_requested_at_once),
        TEST(test_a_refused_port_is_not_logged_as_silence_too),
        TEST(test_errors_are_logged_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
