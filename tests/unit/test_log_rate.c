/* How often one kind of log line is written: a burst, then one line in LOG_INTERVAL_S, which is the last one
 * of those that came and has their number. [R5] */
#include <stdio.h>
#include <string.h>

#include "core/event.h"
#include "unit.h"

static struct actions out;
static struct log_rates rates;

static unsigned begin(uint64_t now_ms)
{
    actions_clear(&out, LOG_LEVEL_DEBUG);
    actions_limit_logs(&out, &rates, now_ms);
    actions_log_held(&out, now_ms);
    return out.count;
}

static bool last_is(const char *text)
{
    return out.count > 0 && span_is(out.at[out.count - 1].log.text, text);
}

static void test_flood(void **state)
{
    (void)state;
    unsigned lines = 0;
    memset(&rates, 0, sizeof rates);
    for (unsigned i = 0; i < 100000; i++) {
        begin(1000);
        actions_log(&out, LOG_LEVEL_WARN, "unit", "rule id=%u", i);
        lines += out.count;
    }
    assert_int_equal(lines, LOG_BURST);
    assert_int_equal(log_rates_due_ms(&rates), 1000 + LOG_INTERVAL_S * 1000);
    assert_int_equal(begin(1000 + LOG_INTERVAL_S * 1000 - 1), 0);
    assert_int_equal(begin(1000 + LOG_INTERVAL_S * 1000), 1);
    assert_true(last_is("rule id=99999 left_out=99989"));
    assert_int_equal(out.at[0].log.level, LOG_LEVEL_WARN);
    assert_string_equal(out.at[0].log.component, "unit");
    assert_int_equal(log_rates_due_ms(&rates), UINT64_MAX);
    /* The whole burst is available again when nothing of the kind came for long enough. */
    for (unsigned i = 0; i < LOG_BURST + 3; i++) {
        begin(1000000);
        actions_log(&out, LOG_LEVEL_WARN, "unit", "rule id=%u", i);
        assert_int_equal(out.count, i < LOG_BURST ? 1 : 0);
    }
}

/* A line that is late but the only one has no number. If the next one comes first, it has the number. */
static void test_numbers(void **state)
{
    (void)state;
    memset(&rates, 0, sizeof rates);
    begin(0);
    for (unsigned i = 0; i <= LOG_BURST; i++)
        actions_log(&out, LOG_LEVEL_INFO, "unit", "line %u", i);
    assert_int_equal(out.count, LOG_BURST);
    assert_int_equal(begin(10000), 1);
    assert_true(last_is("line 10"));
    actions_log(&out, LOG_LEVEL_INFO, "unit", "line %u", 11);
    actions_log(&out, LOG_LEVEL_INFO, "unit", "line %u", 12);
    assert_int_equal(out.count, 1);
    actions_clear(&out, LOG_LEVEL_INFO);
    actions_limit_logs(&out, &rates, 20000);
    actions_log(&out, LOG_LEVEL_INFO, "unit", "line %u", 13);
    assert_true(last_is("line 13 left_out=2"));
}

/* Others of another kind, and debug lines, are not held; a kind is the format, wherever the compiler puts it.
 */
static void test_kinds(void **state)
{
    char same[] = "flood %u";
    (void)state;
    memset(&rates, 0, sizeof rates);
    begin(0);
    for (unsigned i = 0; i < LOG_BURST; i++)
        actions_log(&out, LOG_LEVEL_WARN, "unit", "flood %u", i);
    for (unsigned i = 0; i < 20; i++)
        actions_log(&out, LOG_LEVEL_DEBUG, "unit", "detail %u", i);
    assert_int_equal(out.count, LOG_BURST + 20);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    actions_log(&out, LOG_LEVEL_WARN, "unit", same, 1U);
#pragma GCC diagnostic pop
    assert_int_equal(out.count, LOG_BURST + 20);
    actions_log(&out, LOG_LEVEL_ERROR, "unit", "something else");
    assert_int_equal(out.count, LOG_BURST + 21);
    memset(&rates, 0, sizeof rates); /* `same` is about to end */
}

/* What state a component is in is one kind, whatever the words: the last one is written at the end. */
static void test_state(void **state)
{
    (void)state;
    memset(&rates, 0, sizeof rates);
    for (unsigned i = 0; i < 51; i++) {
        begin(i);
        if (i % 2 == 0)
            actions_log_state(&out, LOG_LEVEL_ERROR, "unit", "refused message=\"%u\"", i);
        else
            actions_log_state(&out, LOG_LEVEL_INFO, "unit", "ready");
        assert_int_equal(out.count, i < LOG_BURST ? 1 : 0);
    }
    assert_int_equal(begin(10000), 1);
    assert_true(last_is("refused message=\"50\" left_out=40"));
    assert_int_equal(out.at[0].log.level, LOG_LEVEL_ERROR);
}

/* More kinds than there is room for share the last entry, and a line without room in the actions is held. */
static void test_limits(void **state)
{
    static char names[LOG_KINDS_MAX + 20][16];
    (void)state;
    memset(&rates, 0, sizeof rates);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "kind %u", i);
        assert_ptr_equal(log_rates_kind(&rates, names[i]),
                         &rates.kind[i < LOG_KINDS_MAX ? i : LOG_KINDS_MAX - 1]);
    }
    memset(&rates, 0, sizeof rates);
    begin(0);
    while (actions_room(&out))
        (void)actions_bytes(&out, 512);
    actions_log(&out, LOG_LEVEL_INFO, "unit", "%0600u", 1U);
    assert_int_equal(out.count + out.dropped_logs, 0);
    assert_int_equal(log_rates_due_ms(&rates), 0);
    assert_int_equal(begin(0), 1);
    assert_int_equal(out.at[0].log.text.len, LOG_HELD_MAX - 1);
    assert_int_equal(out.at[0].log.text.data[LOG_HELD_MAX - 2], '0');
}

UNIT(log_rate)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood), cmocka_unit_test(test_numbers), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_state), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
