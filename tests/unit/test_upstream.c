/* The gateway's side: retransmission, which reply belongs to which request, the address and the epoch. */
#include "unit.h"

#include "base/cursor.h"
#include "core/upstream.h"

enum { START_MS = 100000, PORT = 6881, OWNER = 7 };

static struct upstream upstream;
static struct actions out;
static struct upstream_outcome outcome;

static int start(void **state)
{
    (void)state;
    upstream_init(&upstream);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return 0;
}

static unsigned sends(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_GATEWAY_SEND;
    return count;
}

static unsigned lines(enum log_level level)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_LOG && out.at[i].log.level == level;
    return count;
}

static void ask(enum natpmp_protocol protocol, uint16_t port, uint32_t lifetime_s, uint64_t now_ms)
{
    upstream_ask(&upstream, (uint16_t)(OWNER + port - PORT), protocol, port, 41000, lifetime_s, now_ms, &out);
}

static bool next(uint64_t now_ms)
{
    return upstream_next(&upstream, now_ms, &outcome);
}

static void expect_no_loss(uint64_t now_ms)
{
    while (next(now_ms))
        assert_int_not_equal(outcome.type, UPSTREAM_STATE_LOST);
}

static void receive(struct span datagram, uint64_t now_ms)
{
    actions_clear(&out, LOG_LEVEL_DEBUG);
    upstream_receive(&upstream, datagram, now_ms, &out);
}

struct reply {
    uint8_t opcode;
    uint16_t result;
    uint32_t epoch_s;
    uint16_t internal_port;
    uint16_t external_port;
    uint32_t lifetime_s;
};

static void receive_map(struct reply r, uint64_t now_ms)
{
    uint8_t bytes[16];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u8(&w, 0);
    write_u8(&w, (uint8_t)(128 + r.opcode));
    write_u16(&w, r.result);
    write_u32(&w, r.epoch_s);
    write_u16(&w, r.internal_port);
    write_u16(&w, r.external_port);
    write_u32(&w, r.lifetime_s);
    receive(writer_span(&w), now_ms);
}

static void receive_address(uint16_t result, uint32_t epoch_s, uint32_t address, uint64_t now_ms)
{
    uint8_t bytes[12];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u16(&w, 128);
    write_u16(&w, result);
    write_u32(&w, epoch_s);
    write_u32(&w, address);
    receive(writer_span(&w), now_ms);
}

/* ---- retransmission ---- */

/* The next send is due at that time and not before. */
static void check_send_at(uint64_t at_ms)
{
    assert_true(upstream_deadline_ms(&upstream) == at_ms);
    actions_clear(&out, LOG_LEVEL_ERROR);
    upstream_tick(&upstream, at_ms - 1, &out);
    assert_false(next(at_ms - 1));
    assert_int_equal(out.count, 0);
    upstream_tick(&upstream, at_ms, &out);
    assert_int_equal(sends(), 1);
    assert_false(next(at_ms));
}

static const uint32_t schedule_ms[] = {250, 750, 1750, 3750, 7750, 15750, 31750, 63750};

static void test_map_request_schedule(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    assert_int_equal(sends(), 1);
    for (size_t i = 0; i < ARRAY_LEN(schedule_ms); i++) {
        check_send_at(START_MS + schedule_ms[i]);
        assert_span_equal(out.at[0].gateway, BYTES("\0\2\0\0\x1a\xe1\xa0\x28\0\0\x0e\x10"));
    }
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 127750);
    upstream_tick(&upstream, START_MS + 127750, &out);
    assert_int_equal(sends(), 1);
    assert_true(next(START_MS + 127750));
    assert_int_equal(outcome.type, UPSTREAM_UNANSWERED);
    assert_int_equal(outcome.owner, OWNER);
    assert_true(upstream_deadline_ms(&upstream) == UINT64_MAX);
    assert_int_equal(upstream.used, 0);
}

static void test_deletion_gives_up_after_three(void **state)
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

static void test_late_by_much_means_one_copy(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    actions_clear(&out, LOG_LEVEL_ERROR);
    upstream_tick(&upstream, START_MS + 5000, &out);
    upstream_tick(&upstream, START_MS + 5001, &out);
    assert_int_equal(sends(), 1);
    assert_true(upstream_deadline_ms(&upstream) == START_MS + 5500);
}

static void test_an_answer_after_silence_sends_the_others_at_once(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    ask(NATPMP_TCP, PORT + 1, 3600, START_MS);
    for (size_t i = 0; i < 6; i++)
        upstream_tick(&upstream, START_MS + schedule_ms[i], &out);
    receive_map((struct reply){2, 0, 500, PORT, 41000, 3600}, START_MS + 17000);
    assert_true(next(START_MS + 17000));
    upstream_tick(&upstream, START_MS + 17000, &out);
    assert_int_equal(sends(), 1);
}

static void test_slots(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        assert_true(upstream_free(&upstream));
        ask(NATPMP_UDP, (uint16_t)(PORT + i), 60, START_MS);
    }
    assert_false(upstream_free(&upstream));
    upstream_cancel(&upstream, NATPMP_UDP, PORT);
    assert_true(upstream_free(&upstream));
    receive_map((struct reply){1, 0, 500, PORT, 41000, 60}, START_MS + 10);
    assert_true(next(START_MS + 10));
    assert_int_equal(outcome.type, UPSTREAM_STRAY);
}

/* ---- which reply is whose ---- */

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

static void test_a_second_copy_of_a_reply_is_a_stray(void **state)
{
    (void)state;
    struct reply reply = {2, 0, 500, PORT, 42000, 1800};
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    receive_map(reply, START_MS + 50);
    assert_true(next(START_MS + 50));
    receive_map(reply, START_MS + 60);
    assert_true(next(START_MS + 60));
    assert_int_equal(outcome.type, UPSTREAM_STRAY);
    assert_int_equal(outcome.protocol, NATPMP_TCP);
    assert_int_equal(outcome.internal_port, PORT);
    assert_int_equal(outcome.lifetime_s, 1800);
    reply.result = 4;
    receive_map(reply, START_MS + 70);
    assert_false(next(START_MS + 70));
}

/* The late answer to what was asked before does not end what is asked now. */
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
    assert_false(next(START_MS + 80));
    receive_map((struct reply){2, 0, 500, PORT, 42000, 3600}, START_MS + 90);
    assert_true(next(START_MS + 90));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
}

static void test_a_reply_older_than_the_request(void **state)
{
    (void)state;
    receive_map((struct reply){1, 0, 500, 1, 1, 1}, START_MS);
    expect_no_loss(START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS + 60000); /* the gateway's epoch is 552 at least */
    receive_map((struct reply){2, 0, 549, PORT, 42000, 3600}, START_MS + 60010);
    assert_false(next(START_MS + 60010));
    receive_map((struct reply){2, 0, 550, PORT, 42000, 3600}, START_MS + 60020);
    assert_true(next(START_MS + 60020));
    assert_int_equal(outcome.type, UPSTREAM_GRANTED);
}

static void test_short_errors(void **state)
{
    (void)state;
    /* Without ports: taken if only one request can be meant. */
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

static void test_nonsense_is_dropped(void **state)
{
    (void)state;
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    receive(BYTES(""), START_MS + 1);
    receive(BYTES("\0\2\0\0\x1a\xe1\xa0\x28\0\0\x0e\x10"), START_MS + 1); /* our own request */
    receive(BYTES("\2\x82\0\0\0\0\1\xf4\x1a\xe1\xa0\x28\0\0\x0e\x10"), START_MS + 1);
    receive(BYTES("\0\x82\0\0\0\0\1\xf4\x1a\xe1\xa0\x28\0\0\x0e"), START_MS + 1);
    assert_false(next(START_MS + 1));
    assert_int_equal(upstream.used, 1);
    assert_false(upstream.epoch_known);
    /* A success without a port or a lifetime grants nothing. */
    receive_map((struct reply){2, 0, 500, PORT, 0, 3600}, START_MS + 2);
    assert_false(next(START_MS + 2));
    assert_int_equal(upstream.used, 1);
}

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

/* What nobody asked for is not believed but makes us ask. */
static void test_unasked_address(void **state)
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

static void test_no_address(void **state)
{
    (void)state;
    static const struct {
        uint16_t result;
        uint32_t address;
    } answers[] = {{0, 0}, {3, 0}, {3, 0xc6336407}, {2, 0}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        start(NULL);
        upstream_start(&upstream, START_MS);
        check_send_at(START_MS);
        receive_address(answers[i].result, 500, answers[i].address, START_MS + 20);
        assert_false(next(START_MS + 20));
        assert_false(upstream.address_known);
        assert_int_equal(lines(LOG_LEVEL_WARN), 1);
        check_send_at(START_MS + 250); /* asked again as if nothing had come */
        receive_address(answers[i].result, 500, answers[i].address, START_MS + 270);
        assert_int_equal(out.count, 0); /* told once */
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
        upstream_tick(&upstream, START_MS + (i == 0 ? 0 : schedule_ms[i - 1]), &out);
    upstream_want_address(&upstream, START_MS + 8000);
    check_send_at(START_MS + 8000);
    upstream_want_address(&upstream, START_MS + 8001); /* not at every client's word */
    check_send_at(START_MS + 8250);
}

/* ---- the epoch, section 3.6 ---- */

/* The epoch was 1000; so long later it is `epoch_s`: is the gateway asked once more? */
static bool doubts(uint64_t elapsed_ms, uint32_t epoch_s)
{
    start(NULL);
    receive_map((struct reply){1, 0, 1000, 1, 1, 1}, START_MS);
    receive_map((struct reply){1, 0, epoch_s, 1, 1, 1}, START_MS + elapsed_ms);
    bool asks = upstream_deadline_ms(&upstream) == START_MS + elapsed_ms;
    expect_no_loss(START_MS + elapsed_ms); /* not on one packet alone */
    return asks;
}

static void test_epoch_bounds(void **state)
{
    (void)state;
    assert_false(doubts(0, 1000));
    assert_false(doubts(0, 998));
    assert_true(doubts(0, 997));
    assert_false(doubts(80000, 1080));
    assert_false(doubts(80000, 1070 - 2));
    assert_true(doubts(80000, 1070 - 3));
    assert_true(doubts(80000, 0));
    assert_false(doubts(80000, 4000000000u)); /* ahead is no loss */
    assert_false(doubts(UINT64_C(8000000), 8998));
    assert_true(doubts(UINT64_C(8000000), 7997));
}

static void test_restart_of_the_gateway(void **state)
{
    (void)state;
    receive_map((struct reply){1, 0, 1000, 1, 1, 1}, START_MS);
    expect_no_loss(START_MS);
    receive_map((struct reply){1, 0, 5, 1, 1, 1}, START_MS + 9000);
    expect_no_loss(START_MS + 9000);
    check_send_at(START_MS + 9000);
    receive_address(0, 5, 0xc6336407, START_MS + 9020);
    assert_true(next(START_MS + 9020));
    assert_int_equal(outcome.type, UPSTREAM_STATE_LOST);
    assert_true(outcome.asked_ms == START_MS + 9000);
    expect_no_loss(START_MS + 9020);
    receive_map((struct reply){1, 0, 6, 1, 1, 1}, START_MS + 10000);
    expect_no_loss(START_MS + 10000);
    assert_int_equal(upstream.epoch_s, 6);
}

static void test_a_late_packet_is_no_restart(void **state)
{
    (void)state;
    receive_map((struct reply){1, 0, 1000, 1, 1, 1}, START_MS);
    receive_map((struct reply){1, 0, 990, 1, 1, 1}, START_MS + 100);
    expect_no_loss(START_MS + 100);
    check_send_at(START_MS + 100);
    receive_address(0, 1000, 0xc6336407, START_MS + 120);
    expect_no_loss(START_MS + 120);
    assert_int_equal(upstream.epoch_s, 1000);
}

/* ---- trouble is told once ---- */

static void test_silence_is_told_once(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    upstream_start(&upstream, START_MS);
    ask(NATPMP_TCP, PORT, 3600, START_MS);
    ask(NATPMP_UDP, PORT, 3600, START_MS);
    for (uint64_t ms = START_MS; ms < START_MS + 3750; ms += 50)
        upstream_tick(&upstream, ms, &out);
    assert_int_equal(lines(LOG_LEVEL_WARN), 0);
    for (uint64_t ms = START_MS + 3750; ms < START_MS + 120000; ms += 50)
        upstream_tick(&upstream, ms, &out);
    assert_int_equal(lines(LOG_LEVEL_WARN), 1);
    receive_map((struct reply){2, 0, 500, PORT, 42000, 3600}, START_MS + 120000);
    assert_int_equal(lines(LOG_LEVEL_INFO), 1); /* it answers again */
}

static void test_errors_are_told_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 15; i++)
        upstream_error(&upstream, (enum gateway_error)(i / 5), &out);
    assert_int_equal(lines(LOG_LEVEL_WARN), 3);
    ask(NATPMP_TCP, PORT, 3600, START_MS); /* an answer, not the end */
    upstream_error(&upstream, GATEWAY_PORT_UNREACHABLE, &out);
    check_send_at(START_MS + 250);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_map_request_schedule),
        TEST(test_deletion_gives_up_after_three),
        TEST(test_address_schedule_never_ends),
        TEST(test_late_by_much_means_one_copy),
        TEST(test_an_answer_after_silence_sends_the_others_at_once),
        TEST(test_slots),
        TEST(test_matching),
        TEST(test_a_second_copy_of_a_reply_is_a_stray),
        TEST(test_late_replies),
        TEST(test_a_reply_older_than_the_request),
        TEST(test_short_errors),
        TEST(test_unsupported_map_opcode),
        TEST(test_nonsense_is_dropped),
        TEST(test_address_is_polled_every_minute),
        TEST(test_unasked_address),
        TEST(test_no_address),
        TEST(test_a_client_wants_the_address),
        TEST(test_epoch_bounds),
        TEST(test_restart_of_the_gateway),
        TEST(test_a_late_packet_is_no_restart),
        TEST(test_silence_is_told_once),
        TEST(test_errors_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
