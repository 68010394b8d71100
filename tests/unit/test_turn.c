/* Whose turn it is at the gateway, and room there. */
#include "core/turn.h"
#include "turn_unit.h"

/* ---- in line ---- */

#define WANTS_GRANT .wanted = true, .job = {.kind = JOB_MAP}, .lease = {.due = true}
#define PAUSED .wanted = true, .job = {.kind = JOB_MAP}, .lease = {.due = true, .retry_ms = NOW + 5}
#define WANTS_RELEASE                                                                                        \
    .wanted = false, .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW + 9}

static const struct line {
    const char *name;
    struct given given;
    uint64_t quiet_ms; /* until then something of before may be under way for its port */
    bool queued;
    uint64_t due_ms;
} lines[] = {
    {"a request", {A, NATPMP_TCP, 1, 7000, WANTS_GRANT}, 0, true, UINT64_MAX},
    {"nothing is wanted", {A, NATPMP_TCP, 1, 7000, .wanted = true}, 0, false, UINT64_MAX},
    {"it is being asked already",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, .job = {.kind = JOB_MAP},
      .lease = {.due = true, .asking = true}},
     0,
     false,
     UINT64_MAX},
    {"after a failure", {A, NATPMP_TCP, 1, 7000, PAUSED}, 0, false, NOW + 5},
    {"the pause is over",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, .job = {.kind = JOB_MAP},
      .lease = {.due = true, .retry_ms = NOW}},
     0,
     true,
     UINT64_MAX},
    {"something of before may be under way", {A, NATPMP_TCP, 1, 7000, WANTS_GRANT}, NOW + 1, false, NOW + 1},
    {"it has arrived", {A, NATPMP_TCP, 1, 7000, WANTS_GRANT}, NOW, true, UINT64_MAX},
    {"a pause, and something may be under way for longer",
     {A, NATPMP_TCP, 1, 7000, PAUSED},
     NOW + 9,
     false,
     NOW + 5},
    {"a deletion does not wait for that", {A, NATPMP_TCP, 1, 7000, WANTS_RELEASE}, NOW + 1, true, NOW + 9},
    {"what is not wanted does not, either",
     {A, NATPMP_TCP, 1, 7000, .wanted = true},
     NOW + 1,
     false,
     UINT64_MAX},
};

static void test_it_gets_in_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const struct line *row = &lines[i];
        give_proxy(&strategy_normal, &row->given, 1);
        p->upstream.under_way[NATPMP_TCP][7000] =
            (struct under_way){.until_ms = row->quiet_ms & (UINT64_MAX >> 9), .kind = UNDER_WAY_WITHDRAWN};
        turn_queue(p, 1, &step);
        turn_queue(p, 1, &step); /* it is in line only once */
        check_number(row->name, "in line", t->client[1].queue.first, row->queued);
        check_number(row->name, "its client", t->client_ready.first, row->queued);
        check_ms(row->name, "due", turn_due_ms(p, 1, NOW), row->due_ms);
    }
}

/* ---- turns ---- */

static const struct given three[] = {
    {A, NATPMP_TCP, 1, 7000, WANTS_GRANT},
    {A, NATPMP_TCP, 2, 7001, WANTS_GRANT},
    {B, NATPMP_TCP, 1, 7002, WANTS_GRANT},
};

static void queue_all(void)
{
    for (uint16_t m = 1; m <= t->used_mappings; m++)
        turn_queue(p, m, &step);
}

static uint16_t next(enum lease_want expected)
{
    enum lease_want want = LEASE_WANTS_NOTHING;
    uint16_t m = turn_next(p, &want, &step);
    if (m != 0)
        assert_int_equal(want, expected);
    return m;
}

static uint16_t ask_next(void)
{
    uint16_t m = next(LEASE_WANTS_GRANT);
    if (m != 0) {
        lease_on_asked(t, m, 60, NOW);
        turn_client(p, at(m)->client);
    }
    return m;
}

static void answer(uint16_t m)
{
    lease_on_answered(t, m);
    turn_client(p, at(m)->client);
}

/* Each client has one request at the gateway at a time. */
static void test_clients_take_turns(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, three, ARRAY_LEN(three));
    queue_all();
    assert_int_equal(ask_next(), 1);
    assert_int_equal(ask_next(), 3); /* the other client's */
    assert_int_equal(ask_next(), 0);
    answer(1);
    assert_int_equal(ask_next(), 2);
    answer(3);
    answer(2);
    assert_int_equal(ask_next(), 0);
}

/* At the end all goes at once. */
static void test_at_the_end_nobody_waits(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, three, ARRAY_LEN(three));
    p->stopping = true;
    queue_all();
    assert_int_equal(ask_next(), 1);
    assert_int_equal(ask_next(), 3);
    assert_int_equal(ask_next(), 2);
}

/* What is not wanted any more loses its turn, but not its client's. */
static void test_a_turn_that_is_not_needed(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, three, ARRAY_LEN(three));
    queue_all();
    lease_end(t, 1);
    assert_int_equal(ask_next(), 3);
    assert_int_equal(ask_next(), 2);
    assert_int_equal(ask_next(), 0);
}

static void test_a_deletion_has_a_turn(void **state)
{
    static const struct given given[] = {{A, NATPMP_TCP, 1, 7000, WANTS_RELEASE}};
    (void)state;
    give_proxy(&strategy_normal, given, 1);
    queue_all();
    assert_int_equal(next(LEASE_WANTS_RELEASE), 1);
}

/* [G11] Somebody waits for a request, and nobody for a deletion. */
static void test_deletions_that_are_not_confirmed(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, WANTS_RELEASE},
        {A, NATPMP_TCP, 2, 7001, WANTS_RELEASE},
        {A, NATPMP_TCP, 3, 7002, WANTS_GRANT},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    p->keeps_leases = true;
    queue_all();
    assert_int_equal(ask_next(), 3);
    answer(3);
    assert_int_equal(next(LEASE_WANTS_RELEASE), 1);
}

/* A symmetric gateway is being asked for another one: the mapping loses its turn, and is looked at again for
 * the time of its next try. */
static void test_a_turn_that_is_held_back(void **state)
{
    (void)state;
    give_proxy(&strategy_symmetric, three, ARRAY_LEN(three));
    p->upstream.apart_ms[NATPMP_TCP][false] = NOW + 5;
    turn_queue(p, 1, &step);
    assert_int_equal(ask_next(), 0);
    assert_int_equal(t->drive.first, 1);
    assert_int_equal(at(1)->lease.retry_ms, NOW + 5);
    assert_int_equal(t->client[1].queue.first, 0);
}

static void test_no_room_for_a_turn(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, three, ARRAY_LEN(three));
    queue_all();
    out.count = ACTIONS_MAX; /* the rest of the work waits for the next step */
    assert_int_equal(ask_next(), 0);
    assert_true(p->more);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    p->more = false;
    p->upstream.used = UPSTREAM_PARALLEL_MAX; /* the answers will come */
    assert_int_equal(ask_next(), 0);
    assert_false(p->more);
    p->upstream.used = UPSTREAM_PARALLEL_MAX - 1;
    assert_int_equal(ask_next(), 1);
}

/* ---- room at the gateway ---- */

#define LEASE(port)                                                                                          \
    .lease = {.state = LEASE_GRANTED, .external_port = (port), .ends_ms = NOW + 60000, .retry_ms = NOW + 5}
#define KEPT_ALIVE .wanted = true, .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 1}
#define IN_USE                                                                                               \
    .wanted = true, .promise = {.advertised_until_ms = NOW + 1, .kept_until_ms = NOW + 1, .port = 41000}

static void give_spare(const struct given *given, size_t count)
{
    give_proxy(&strategy_normal, given, count);
    for (uint16_t m = 1; m <= t->used_mappings; m++)
        mapping_set_spare(t, m, at(m)->lease.state != LEASE_NONE && !promise_is_in_use(at(m), NOW));
}

/* Deletions that the gateway has not confirmed go out again at once; what is kept alive stays as it is. */
static void test_deletions_hurry(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, WANTS_GRANT},
        {B, NATPMP_TCP, 1, 7001, KEPT_ALIVE, LEASE(41001)},
        {B, NATPMP_TCP, 2, 7002, .wanted = false, LEASE(41002)},
    };
    (void)state;
    give_spare(given, ARRAY_LEN(given));
    assert_true(turn_make_room(p, 1, &step));
    assert_true(at(2)->wanted);
    assert_int_equal(at(2)->lease.retry_ms, NOW + 5);
    assert_int_equal(at(3)->lease.retry_ms, 0);
    assert_int_equal(t->drive.first, 3);
    assert_int_equal(t->drive.last, 3);
}

static void test_both_protocols_are_released(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, WANTS_GRANT},
        {B, NATPMP_TCP, 1, 7001, KEPT_ALIVE, LEASE(41001)},
        {B, NATPMP_UDP, 1, 7001, KEPT_ALIVE, LEASE(41001)},
        {B, NATPMP_TCP, 2, 7002, KEPT_ALIVE, LEASE(41002)},
    };
    (void)state;
    give_spare(given, ARRAY_LEN(given));
    assert_true(turn_make_room(p, 1, &step));
    for (uint16_t m = 2; m <= 3; m++) {
        assert_false(at(m)->wanted);
        assert_int_equal(at(m)->promise.kept_until_ms, 0);
        assert_int_equal(at(m)->lease.retry_ms, 0);
        assert_true(list_has(&t->drive, t->to_drive, m));
    }
    assert_true(at(4)->wanted);
}

static unsigned warnings(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_LOG && out.at[i].log.level == LOG_LEVEL_WARN;
    return count;
}

/* The operator hears once that there are too few ports. */
static void test_all_are_in_use(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, WANTS_GRANT},
        {B, NATPMP_TCP, 1, 7001, IN_USE, LEASE(41001)},
    };
    (void)state;
    give_spare(given, ARRAY_LEN(given));
    assert_false(turn_make_room(p, 1, &step));
    assert_int_equal(warnings(), 1);
    assert_false(turn_make_room(p, 1, &step));
    assert_int_equal(warnings(), 1);
    assert_true(at(2)->wanted);
}

static void test_one_port_for_two(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, WANTS_GRANT},
        {B, NATPMP_TCP, 1, 7001, KEPT_ALIVE, LEASE(41001)},
        {B, NATPMP_TCP, 2, 7002, IN_USE, LEASE(41002)},
    };
    (void)state;
    give_spare(given, ARRAY_LEN(given));
    assert_false(turn_yield(p, 1, 3, &step));
    assert_true(at(3)->wanted);
    assert_true(turn_yield(p, 1, 2, &step));
    assert_false(at(2)->wanted);
    assert_int_equal(warnings(), 0);
}

/* What its client was advertised is over, and nobody asks the gateway for it any more. If a client relies on
 * it and does not wait for an answer, it must learn that. */
static void test_refused(void **state)
{
    static const struct {
        const char *name;
        struct given given;
        bool broken;
    } rows[] = {
        {"a client relies on it", {A, NATPMP_TCP, 1, 7000, IN_USE}, true},
        {"a client waits for the answer",
         {A, NATPMP_TCP, 1, 7000, .wanted = true, .job = {.kind = JOB_MAP},
          .promise = {.kept_until_ms = NOW + 1}},
         false},
        {"nobody relies on it", {A, NATPMP_TCP, 1, 7000, .wanted = true}, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_proxy(&strategy_normal, &rows[i].given, 1);
        lease_recover(t, 1);
        turn_refuse(p, 1, &step);
        check_number(rows[i].name, "the refusal", at(1)->job.refusal, NATPMP_OUT_OF_RESOURCES);
        check_number(rows[i].name, "broken", p->promises_broken, rows[i].broken);
        check_ms(rows[i].name, "kept until", at(1)->promise.kept_until_ms, 0);
        check_number(rows[i].name, "recovering", t->recovering, 0);
    }
}

UNIT(turn)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_it_gets_in_line),
        PROXY_TEST(test_clients_take_turns),
        PROXY_TEST(test_at_the_end_nobody_waits),
        PROXY_TEST(test_a_turn_that_is_not_needed),
        PROXY_TEST(test_a_deletion_has_a_turn),
        PROXY_TEST(test_deletions_that_are_not_confirmed),
        PROXY_TEST(test_a_turn_that_is_held_back),
        PROXY_TEST(test_no_room_for_a_turn),
        PROXY_TEST(test_deletions_hurry),
        PROXY_TEST(test_both_protocols_are_released),
        PROXY_TEST(test_all_are_in_use),
        PROXY_TEST(test_one_port_for_two),
        PROXY_TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
