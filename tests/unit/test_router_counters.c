/* Reading the counters of our rules: when, in which form, and which rows count. */
#include "router_unit.h"

#define PRINT "/ip/firewall/nat/print"

static void ask(void)
{
    actions_clear(&out, LOG_LEVEL_INFO);
    router_count(router, at(now_ms));
    note_sent();
}

static void later(uint64_t by_ms)
{
    wait_until(now_ms + by_ms);
    note_sent();
}

static void test_what_is_asked(void **state)
{
    struct span none;
    (void)state;
    ask();
    const struct ros_sentence *print = check_sent(&out, 0, PRINT);
    check_attribute(print, ".proplist", ".id,bytes,packets");
    check_attribute(print, "stats", "");
    assert_false(ros_attribute(print, "detail", &none));
    assert_int_equal(print->words, 6); /* and two conditions */
    answer(PRINT,
           " =.id=*7 =bytes=180 =packets=3| =.id=*8| =.id=*9 =packets=1 =bytes=x| =bytes=1 =packets=1");
    assert_int_equal(outcome_count, 3);
    assert_int_equal(outcomes[0].type, ROUTER_COUNTED);
    assert_int_equal(outcomes[0].id, 7);
    assert_true(outcomes[0].counters.known);
    assert_int_equal(outcomes[0].counters.packets, 3);
    assert_int_equal(outcomes[0].counters.bytes, 180);
    assert_false(outcomes[1].counters.known);
    assert_false(outcomes[2].counters.known);
    assert_int_equal(router->counters.read_ms, now_ms);
}

static void test_at_most_every_ten_seconds(void **state)
{
    (void)state;
    uint64_t begun_ms = now_ms;
    ask();
    check_sends(1);
    ask();
    check_sends(0); /* it is in work */
    answer(PRINT, " =.id=*7 =bytes=180 =packets=3");
    now_ms = begun_ms + UINT64_C(1000) * COUNTERS_PERIOD_S - 1;
    ask();
    check_sends(0);
    now_ms++;
    ask();
    check_sends(1);
    assert_true(router->counters.reading);
}

/* It costs no wake-up when nobody asks. */
static void test_nothing_is_due(void **state)
{
    (void)state;
    uint64_t before_ms = router_deadline_ms(router);
    now_ms += UINT64_C(1000) * COUNTERS_PERIOD_S;
    ask();
    answer(PRINT, "");
    assert_true(router_deadline_ms(router) >= before_ms);
}

static void test_a_version_without_stats(void **state)
{
    (void)state;
    ask();
    answer(PRINT, "!trap =message=unknown_parameter_stats");
    const struct ros_sentence *print = check_sent(&out, 0, PRINT);
    struct span none;
    assert_false(ros_attribute(print, "stats", &none));
    answer(PRINT, " =.id=*7 =bytes=180 =packets=3");
    assert_int_equal(count_outcomes(ROUTER_COUNTED), 1);
    later(UINT64_C(1000) * COUNTERS_PERIOD_S);
    ask();
    assert_false(ros_attribute(check_sent(&out, 0, PRINT), "stats", &none));
    answer(PRINT, "!trap =message=unknown_parameter");
    check_sends(0); /* it is refused in both forms */
    assert_false(router->counters.reading);
}

static void test_a_refusal(void **state)
{
    (void)state;
    ask();
    answer(PRINT, "!trap =message=failure:_busy");
    check_sends(0);
    assert_false(router->counters.reading);
    assert_int_equal(router->counters.read_ms, 0);
    assert_true(router_is_ready(router));
}

/* Begins a resync up to its snapshot, which is not answered. */
static void begin_snapshot(void)
{
    router_resync(router, now_ms);
    wait_until(now_ms + 1);
    note_sent();
    answer("/ip/address/print", "");
    answer("/interface/list/print", "");
    answer("/interface/list/member/print", "");
    assert_int_equal(router->stage, STAGE_SNAPSHOT);
}

/* A row of one may be older than a row of the other, and a counter that goes back means that it was reset. */
static void test_beside_a_snapshot(void **state)
{
    (void)state;
    ask();
    unsigned tag = tag_of(PRINT);
    begin_snapshot();
    char text[128];
    snprintf(text, sizeof(text), "!re .tag=%u =.id=*7 =bytes=60 =packets=1|!done .tag=%u", tag, tag);
    hear(text);
    assert_int_equal(count_outcomes(ROUTER_COUNTED), 0);
    now_ms += UINT64_C(1000) * COUNTERS_PERIOD_S;
    ask();
    check_sends(0);
    answer(PRINT, " =.id=*7 =bytes=120 =packets=2 " RULE);
    assert_int_equal(outcomes[0].type, ROUTER_RULE);
    assert_int_equal(outcomes[0].counters.packets, 2);
    assert_int_equal(router->counters.read_ms, router->resynced_ms);
}

/* The router answers a print that began before the snapshot after the next one. */
static void test_a_late_answer(void **state)
{
    (void)state;
    ask();
    unsigned tag = tag_of(PRINT);
    begin_snapshot();
    answer(PRINT, " =.id=*7 =bytes=120 =packets=2 " RULE);
    now_ms += UINT64_C(1000) * COUNTERS_PERIOD_S;
    ask();
    check_sends(1);
    char text[128];
    snprintf(text, sizeof(text), "!re .tag=%u =.id=*7 =bytes=60 =packets=1|!done .tag=%u", tag, tag);
    hear(text);
    assert_int_equal(outcome_count, 0);
    assert_true(router->counters.reading);
    answer(PRINT, " =.id=*7 =bytes=120 =packets=2");
    assert_int_equal(count_outcomes(ROUTER_COUNTED), 1);
    assert_false(router->counters.reading);
}

/* A version that shows them only with `stats`: the reader is not told to wait for ten seconds. */
static void test_a_snapshot_without_them(void **state)
{
    (void)state;
    begin_snapshot();
    answer(PRINT, " =.id=*7 " RULE);
    assert_false(outcomes[0].counters.known);
    assert_int_equal(router->counters.read_ms, 0);
    ask();
    check_sends(1);
}

static void test_the_connection_ends(void **state)
{
    (void)state;
    ask();
    closed(0, FAILURE_LOST);
    assert_false(router->counters.reading);
    now_ms += UINT64_C(1000) * COUNTERS_PERIOD_S;
    ask();
    check_sends(0);
}

static void test_no_answer(void **state)
{
    (void)state;
    ask();
    for (unsigned i = 0; i < 40 && router->counters.reading; i++) {
        later(2000);
        if (tag_of("/system/identity/print") != 0)
            answer("/system/identity/print", "");
    }
    assert_false(router->counters.reading);
    assert_true(router_is_ready(router)); /* the connection stays */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start_ready, stop)

UNIT(router_counters)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_asked),       CASE(test_at_most_every_ten_seconds),
        CASE(test_nothing_is_due),      CASE(test_a_version_without_stats),
        CASE(test_a_refusal),           CASE(test_beside_a_snapshot),
        CASE(test_a_late_answer),       CASE(test_a_snapshot_without_them),
        CASE(test_the_connection_ends), CASE(test_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
