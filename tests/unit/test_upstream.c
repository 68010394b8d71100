/* Requests to the gateway: retransmission, and which reply belongs to which request. */
#include "upstream_unit.h"

#include "core/upstream_schedule.h"

/* ---- retransmission ---- */

/* [C-06] [C-07] */
static void test_map_request_schedule(void **state)
{
    (void)state;
    upstream.trouble = GATEWAY_SILENT; /* no address request finds out whether it is */
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    assert_int_equal(sends(), 1);
    for (size_t i = 0; i < ARRAY_LEN(schedule_ms); i++) {
        check_send_at(START_MS + schedule_ms[i]);
        assert_span_equal(out.at[0].gateway, BYTES("\0\2\0\0\x1a\xe1\xa0\x28\0\0\x0e\x10"));
    }
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 127750);
    upstream_tick(&upstream, at(START_MS + 127750));
    assert_int_equal(sends(), 1);
    assert_true(next(START_MS + 127750));
    assert_int_equal(outcome.type, UPSTREAM_UNANSWERED);
    assert_int_equal(outcome.owner, OWNER);
    assert_true(upstream_deadline_ms(&upstream) == UINT64_MAX);
    assert_int_equal(upstream.used, 0);
}

/* [C-10] */
static void test_deletion_ends_after_three_datagrams(void **state)
{
    (void)state;
    ask(NATPMP_UDP, PORT, 0, START_MS);
    /* Neither a port nor a lifetime (section 3.4). */
    assert_span_equal(out.at[0].gateway, BYTES("\0\1\0\0\x1a\xe1\0\0\0\0\0\0"));
    check_send_at(START_MS + 250);
    check_send_at(START_MS + 750);
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 1750);
    assert_false(next(START_MS + 1749));
    assert_true(next(START_MS + 1750));
    assert_int_equal(outcome.type, UPSTREAM_UNANSWERED);
}

static void test_address_schedule_never_ends(void **state)
{
    (void)state;
    assert_true(upstream_deadline_ms(&upstream) == UINT64_MAX);
    upstream_start(&upstream, START_MS);
    check_send_at(START_MS);
    assert_span_equal(out.at[0].gateway, BYTES("\0\0"));
    for (size_t i = 0; i < ARRAY_LEN(schedule_ms); i++)
        check_send_at(START_MS + schedule_ms[i]);
    check_send_at(START_MS + 127750);
    check_send_at(START_MS + 128000);
}

static void test_late_by_much_means_one_retransmission(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    actions_clear(&out, LOG_LEVEL_ERROR);
    upstream_tick(&upstream, at(START_MS + 5000));
    upstream_tick(&upstream, at(START_MS + 5001));
    assert_int_equal(sends(), 1);
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 5500);
}

static void test_an_answer_after_silence_sends_the_others_at_once(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    ask(NATPMP_TCP, PORT + 1, 3600, START_MS);
    for (size_t i = 0; i < 6; i++)
        upstream_tick(&upstream, at(START_MS + schedule_ms[i]));
    receive_map((struct reply){2, 0, 500, PORT, 41000, 3600}, START_MS + 17000);
    assert_true(next(START_MS + 17000));
    upstream_tick(&upstream, at(START_MS + 17000));
    assert_int_equal(sends(), 2); /* the other port, and the address, which may be another one now */
}

/* The gateway lives again a moment before the ninth attempt: if that one is lost, the next ones follow soon.
 */
static void test_the_attempts_begin_anew(void **state)
{
    (void)state;
    uint64_t now_ms = START_MS;
    ask(NATPMP_TCP, PORT, 60, now_ms);
    const struct transaction *t = upstream.transaction;
    while (!t->used)
        t++;
    for (unsigned i = 1; i < 8; i++) {
        now_ms = t->next_ms;
        actions_clear(&out, LOG_LEVEL_ERROR);
        upstream_tick(&upstream, at(now_ms));
    }
    now_ms = t->next_ms - 100;
    assert_true(now_ms > START_MS + 60000);
    for (unsigned again = 0; again < 2; again++) {
        actions_clear(&out, LOG_LEVEL_ERROR);
        if (again)
            upstream_again(&upstream, NATPMP_TCP, PORT, now_ms);
        else
            upstream_hurry(&upstream, now_ms);
        upstream_tick(&upstream, at(now_ms));
        assert_true(t->used && t->sends <= 2 && t->next_ms <= now_ms + 500);
    }
}

static void test_slots(void **state)
{
    (void)state;
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        assert_true(upstream_free(&upstream));
        ask(NATPMP_UDP, (uint16_t)(PORT + i), 60, START_MS);
    }
    assert_false(upstream_free(&upstream));
    upstream_withdraw(&upstream, NATPMP_UDP, PORT, START_MS);
    assert_true(upstream_free(&upstream));
    receive_map((struct reply){1, 0, 500, PORT, 41000, 60}, START_MS + 10);
    assert_true(next(START_MS + 10));
    assert_int_equal(outcome.type, UPSTREAM_UNSOLICITED);
}

/* ---- which reply is whose ---- */

/* [C-29] */
static void test_matching(void **state)
{
    (void)state;
    ask(NATPMP_UDP, PORT, 3600, START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 1);
    ask(NATPMP_TCP, PORT + 1, 3600, START_MS + 2);
    receive_map((struct reply){2, 0, 500, PORT + 1, 42000, 1800}, START_MS + 50);
    assert_true(next(START_MS + 50));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
    assert_int_equal(outcome.owner, OWNER + 1);
    assert_int_equal(outcome.external_port, 42000);
    assert_int_equal(outcome.lifetime_s, 1800);
    assert_true(outcome.asked_ms == START_MS + 2);
    receive_map((struct reply){2, 4, 500, PORT, 0, 0}, START_MS + 60);
    assert_true(next(START_MS + 60));
    assert_int_equal(outcome.type, UPSTREAM_FAILED);
    assert_int_equal(outcome.result, 4);
    assert_int_equal(upstream.used, 1);
    receive_map((struct reply){1, 0, 500, PORT, 42001, 1800}, START_MS + 70);
    assert_true(next(START_MS + 70));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
    assert_false(next(START_MS + 70));
    assert_int_equal(upstream.used, 0);
}

static void test_a_duplicate_reply_is_unsolicited(void **state)
{
    (void)state;
    struct reply reply = {2, 0, 500, PORT, 42000, 1800};
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    receive_map(reply, START_MS + 50);
    assert_true(next(START_MS + 50));
    receive_map(reply, START_MS + 60);
    assert_true(next(START_MS + 60));
    assert_int_equal(outcome.type, UPSTREAM_UNSOLICITED);
    assert_int_equal(outcome.protocol, NATPMP_TCP);
    assert_int_equal(outcome.internal_port, PORT);
    assert_int_equal(outcome.lifetime_s, 1800);
    reply.result = 4;
    receive_map(reply, START_MS + 70);
    assert_false(next(START_MS + 70));
}

/* The late answer to an earlier request does not end the present one. [C-29] */
static void test_late_replies(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 0, START_MS);
    receive_map((struct reply){2, 0, 500, PORT, 42000, 3600}, START_MS + 50);
    assert_false(next(START_MS + 50));
    receive_map((struct reply){2, 0, 500, PORT, 0, 0}, START_MS + 60);
    assert_true(next(START_MS + 60));
    assert_int_equal(outcome.type, UPSTREAM_DELETED);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 70);
    receive_map((struct reply){2, 0, 500, PORT, 0, 0}, START_MS + 80);
    assert_true(next(START_MS + 80));
    assert_int_equal(outcome.type, UPSTREAM_WRONG);
    assert_false(next(START_MS + 80));
    receive_map((struct reply){2, 0, 500, PORT, 42000, 3600}, START_MS + 90);
    assert_true(next(START_MS + 90));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
    assert_true(outcome.wrong);
}

static void test_a_reply_older_than_the_request(void **state)
{
    (void)state;
    ask(NATPMP_UDP, PORT, 60, START_MS);
    receive_map((struct reply){1, 0, 500, PORT, 40000, 60}, START_MS);
    expect_no_loss(START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 60000); /* the gateway's epoch is 552 at least */
    receive_map((struct reply){2, 0, 551, PORT, 42000, 3600}, START_MS + 60010);
    assert_true(next(START_MS + 60010)); /* no answer, but it may contain an unknown port */
    assert_int_equal(outcome.type, UPSTREAM_LATE);
    assert_int_equal(outcome.external_port, 42000);
    assert_false(next(START_MS + 60010));
    receive_map((struct reply){2, 0, 552, PORT, 42000, 3600}, START_MS + 60020);
    assert_true(next(START_MS + 60020));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
}

static void test_short_errors(void **state)
{
    (void)state;
    /* Without ports: accepted only if a single request can be meant. */
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    receive(BYTES("\0\x82\0\3\0\0\1\xf4"), START_MS + 10);
    assert_true(next(START_MS + 10));
    assert_int_equal(outcome.type, UPSTREAM_FAILED);
    assert_int_equal(outcome.result, 3);
    assert_int_equal(outcome.owner, OWNER);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 20);
    ask(NATPMP_UDP, PORT, 3600, START_MS + 20);
    ask(NATPMP_UDP, PORT + 1, 3600, START_MS + 20);
    receive(BYTES("\0\x81\0\3\0\0\1\xf4"), START_MS + 30);
    assert_false(next(START_MS + 30));
    receive(BYTES("\0\x82\0\2\0\0\1\xf4"), START_MS + 30);
    assert_true(next(START_MS + 30));
    assert_int_equal(outcome.result, 2);
    assert_int_equal(upstream.used, 2);
}

static void test_unsupported_map_opcode(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    ask(NATPMP_TCP, PORT + 1, 3600, START_MS);
    receive(BYTES("\0\x82\0\5\x1a\xe1\xa0\x28\0\0\x0e\x10"), START_MS + 10);
    assert_true(next(START_MS + 10));
    assert_int_equal(outcome.type, UPSTREAM_FAILED);
    assert_int_equal(outcome.result, 5);
    assert_int_equal(outcome.owner, OWNER);
}

static void test_unsupported_address_opcode_ends_no_mapping(void **state)
{
    (void)state;
    ask(NATPMP_UDP, PORT, 3600, START_MS);
    receive(BYTES("\0\x80\0\5\0\0\0\0"), START_MS + 10);
    receive(BYTES("\0\x89\0\5\0\0\0\0"), START_MS + 10);
    assert_false(next(START_MS + 10));
    assert_int_equal(upstream.used, 1);
}

static void test_nonsense_is_dropped(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    receive(BYTES(""), START_MS + 1);
    receive(BYTES("\0\2\0\0\x1a\xe1\xa0\x28\0\0\x0e\x10"), START_MS + 1); /* the daemon's own request */
    receive(BYTES("\2\x82\0\0\0\0\1\xf4\x1a\xe1\xa0\x28\0\0\x0e\x10"), START_MS + 1);
    receive(BYTES("\0\x82\0\0\0\0\1\xf4\x1a\xe1\xa0\x28\0\0\x0e"), START_MS + 1);
    assert_false(next(START_MS + 1));
    assert_int_equal(upstream.used, 1);
    assert_false(upstream.epoch_known);
}

static bool wrong_answer(struct reply reply, uint32_t epoch_s, uint64_t now_ms)
{
    reply.epoch_s = epoch_s;
    receive_map(reply, now_ms);
    while (next(now_ms)) {
        if (outcome.type == UPSTREAM_WRONG || outcome.type == UPSTREAM_NOT_GRANTED)
            return true;
        if (outcome.type == UPSTREAM_UNSOLICITED)
            (void)upstream_on_stranger(&upstream, &outcome, false, at(now_ms));
    }
    return false;
}

/* [G6] A success that grants nothing of what was requested: no lifetime, no port, another internal port, or
 * the other protocol. The third one ends the request. Each datagram has one answer, and what was sent before
 * the request answers nothing. */
static void test_wrong_answers(void **state)
{
    static const struct reply wrong[] = {{2, 0, 0, PORT, 0, 0},
                                         {2, 0, 0, PORT, 0, 3600},
                                         {2, 0, 0, PORT + 1, 42000, 3600},
                                         {1, 0, 0, PORT, 42000, 3600}};
    uint64_t now_ms = START_MS + 2000;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        (void)start(state);
        ask(NATPMP_TCP, PORT + 2, 3600, START_MS);
        receive_map((struct reply){2, 0, 500, PORT + 2, 41000, 3600}, START_MS);
        assert_true(next(START_MS) && outcome.type == UPSTREAM_GRANTED && !outcome.wrong);
        ask(NATPMP_TCP, PORT, 3600, now_ms);
        assert_false(wrong_answer(wrong[i], 500, now_ms + 10));
        assert_true(wrong_answer(wrong[i], 502, now_ms + 20));
        assert_int_equal(outcome.type, UPSTREAM_WRONG);
        assert_false(wrong_answer(wrong[i], 502, now_ms + 30));
        upstream_tick(&upstream, at(now_ms + 250));
        assert_true(wrong_answer(wrong[i], 502, now_ms + 260));
        assert_int_equal(outcome.type, UPSTREAM_WRONG);
        upstream_tick(&upstream, at(now_ms + 750));
        assert_true(wrong_answer(wrong[i], 502, now_ms + 760));
        assert_int_equal(outcome.type, UPSTREAM_NOT_GRANTED);
        assert_int_equal(outcome.owner, OWNER);
        assert_int_equal(outcome.result, NATPMP_OUT_OF_RESOURCES);
        assert_int_equal(outcome.lifetime_s, wrong[i].lifetime_s);
        assert_int_equal(upstream.used, 0);
    }
}

/* [G6] A deletion, a late deletion of something unknown, and what is ours answer no request for a mapping. */
static void test_what_is_no_wrong_answer(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 0, START_MS);
    assert_false(wrong_answer((struct reply){2, 0, 0, PORT, 0, 3600}, 500, START_MS + 10));
    assert_false(wrong_answer((struct reply){2, 0, 0, PORT + 1, 42000, 3600}, 500, START_MS + 10));
    ask(NATPMP_TCP, PORT + 2, 60, START_MS + 20);
    assert_false(wrong_answer((struct reply){2, 0, 0, PORT + 1, 0, 0}, 500, START_MS + 30));
    receive_map((struct reply){2, 0, 500, PORT + 1, 42000, 3600}, START_MS + 40);
    assert_true(next(START_MS + 40));
    (void)upstream_on_stranger(&upstream, &outcome, true, at(START_MS + 40));
    assert_false(next(START_MS + 40));
}

#define TEST(name) cmocka_unit_test_setup(name, start)

/* The port is the gateway's choice. Its reply names internal port 0, as the request did, or the port. */
static void test_a_port_of_the_gateways_choice(void **state)
{
    (void)state;
    static const uint16_t named[] = {0, 42000};
    uint64_t at_ms = START_MS;
    for (unsigned i = 0; i < ARRAY_LEN(named); i++) {
        upstream_ask(&upstream, OWNER, NATPMP_TCP, 0, 0, 60, at(at_ms));
        assert_true(upstream_is_busy(&upstream, NATPMP_TCP) && !upstream_is_busy(&upstream, NATPMP_UDP));
        receive_map((struct reply){1, 0, 500, named[i], 42000, 60},
                    at_ms + 10); /* that of the other protocol */
        (void)next(at_ms + 10);
        receive_map((struct reply){2, 0, 500, 41000, 42000, 60}, at_ms + 10); /* not the gateway's choice */
        (void)next(at_ms + 10);
        assert_int_equal(upstream.used, 1);
        receive_map((struct reply){2, 0, 500, named[i], 42000, 60}, at_ms + 20);
        assert_true(next(at_ms + 20));
        assert_int_equal(outcome.type, UPSTREAM_GRANTED);
        assert_int_equal(outcome.owner, OWNER);
        assert_int_equal(outcome.external_port, 42000);
        assert_false(upstream_is_busy(&upstream, NATPMP_TCP));
        at_ms += 100;
    }
    upstream_ask(&upstream, OWNER, NATPMP_TCP, 0, 0, 60, at(at_ms));
    receive_map((struct reply){2, 4, 500, 0, 0, 0}, at_ms + 30);
    assert_true(next(at_ms + 30));
    assert_int_equal(outcome.type, UPSTREAM_FAILED);
}

/* A client's new request while the pauses are long: the schedule starts again, but not for each
 * retransmission. */
static void test_requested_anew(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    upstream_again(&upstream, NATPMP_TCP, PORT, START_MS + 100);
    check_send_at(START_MS + 250);
    check_send_at(START_MS + 750);
    check_send_at(START_MS + 1750);
    upstream_again(&upstream, NATPMP_UDP, PORT, START_MS + 2000);
    upstream_again(&upstream, NATPMP_TCP, PORT, START_MS + 2000);
    check_send_at(START_MS + 2000);
    check_send_at(START_MS + 2250);
    check_send_at(START_MS + 2750);
    receive_map((struct reply){2, 0, 1000, PORT, 41000, 60}, START_MS + 2800);
    assert_true(next(START_MS + 2800));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
    assert_true(outcome.asked_ms == START_MS); /* it may be the answer to the first datagram */
}

/* The machine stood still for eight seconds, and both copies of the answer waited in the socket. The first
 * one belongs to the request. The second one is no answer to the next request. */
static void test_copies_that_waited_in_the_socket(void **state)
{
    const struct reply reply = {
        .opcode = 1, .epoch_s = 1000, .internal_port = PORT, .external_port = 41000, .lifetime_s = 1};
    (void)state;
    ask(NATPMP_UDP, PORT, 1, START_MS);
    receive_map(reply, START_MS + 40);
    assert_true(next(START_MS + 40) && outcome.type == UPSTREAM_GRANTED);
    ask(NATPMP_UDP, PORT, 1, START_MS + 100);
    receive_map(reply, START_MS + 8100);
    assert_true(next(START_MS + 8100) && outcome.type == UPSTREAM_GRANTED);
    ask(NATPMP_UDP, PORT, 1, START_MS + 8100);
    receive_map(reply, START_MS + 8100);
    assert_true(next(START_MS + 8100) && outcome.type == UPSTREAM_LATE);
}

UNIT(upstream)
{
    const struct CMUnitTest tests[] = {
        TEST(test_map_request_schedule),
        TEST(test_deletion_ends_after_three_datagrams),
        TEST(test_address_schedule_never_ends),
        TEST(test_late_by_much_means_one_retransmission),
        TEST(test_an_answer_after_silence_sends_the_others_at_once),
        TEST(test_requested_anew),
        TEST(test_a_port_of_the_gateways_choice),
        TEST(test_the_attempts_begin_anew),
        TEST(test_slots),
        TEST(test_matching),
        TEST(test_a_duplicate_reply_is_unsolicited),
        TEST(test_late_replies),
        TEST(test_a_reply_older_than_the_request),
        TEST(test_short_errors),
        TEST(test_unsupported_map_opcode),
        TEST(test_unsupported_address_opcode_ends_no_mapping),
        TEST(test_nonsense_is_dropped),
        TEST(test_wrong_answers),
        TEST(test_what_is_no_wrong_answer),
        TEST(test_copies_that_waited_in_the_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
