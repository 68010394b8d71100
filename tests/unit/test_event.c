/* The core's output: log lines that are never longer than a line, and text from outside that is made
 * printable for them. */
#include <stdio.h>

#include "core/event.h"
#include "unit.h"

enum { LINE_MAX = 511 };

static struct actions out;

static void test_log_lines(void **state)
{
    static const int lengths[] = {0, 1, LINE_MAX - 1, LINE_MAX, LINE_MAX + 1, LINE_MAX + 2, 2000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        actions_clear(&out, LOG_LEVEL_INFO);
        actions_log(&out, LOG_LEVEL_WARN, "unit", "%*s", lengths[i], lengths[i] > 0 ? "x" : "");
        assert_int_equal(out.count, 1);
        assert_int_equal(out.at[0].type, ACTION_LOG);
        assert_int_equal(out.at[0].log.level, LOG_LEVEL_WARN);
        assert_string_equal(out.at[0].log.component, "unit");
        struct span text = out.at[0].log.text;
        assert_int_equal(text.len, lengths[i] < LINE_MAX ? lengths[i] : LINE_MAX);
        for (size_t k = 0; k < text.len; k++)
            assert_int_equal(text.data[k], (int)k + 1 == lengths[i] ? 'x' : ' ');
    }
}

static void test_levels(void **state)
{
    static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};
    (void)state;
    for (unsigned shown = 0; shown < ARRAY_LEN(levels); shown++) {
        actions_clear(&out, levels[shown]);
        for (unsigned i = 0; i < ARRAY_LEN(levels); i++)
            actions_log(&out, levels[i], "unit", "line");
        assert_int_equal(out.count, shown + 1);
        assert_int_equal(out.dropped_logs, 0);
    }
}

/* Log lines leave room for the other actions, and are counted if there is no room for them. */
static void test_lines_without_room(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    for (unsigned i = 0; i < 2 * ACTIONS_MAX; i++)
        actions_log(&out, LOG_LEVEL_INFO, "unit", "line");
    assert_int_equal(out.count + out.dropped_logs, 2 * ACTIONS_MAX);
    assert_int_equal(ACTIONS_MAX - out.count, 31);
    assert_false(actions_room(&out));
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(actions_room(&out));
    assert_int_equal(out.dropped_logs, 0);
    while (actions_room(&out))
        (void)actions_bytes(&out, 512);
    assert_in_range(ACTION_BYTES_MAX - out.used, 8192 - 512, 8191);
}

static void test_text_from_outside(void **state)
{
    static const struct {
        const char *text;
        const char *safe;
    } rows[] = {
        {"", ""},
        {"bridge1 ~!", "bridge1 ~!"},
        {"a\nb\tc\x7f\x1f\x80\xff", "a?b?c????"},
        {"say \"yes\" \\ no", "say ?yes? ? no"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(log_safe(span_text(rows[i].text)).text, rows[i].safe);
    char text[128];
    char expected[128];
    for (int len = 78; len <= 90; len++) {
        snprintf(text, sizeof(text), "%0*d", len, 0);
        snprintf(expected, sizeof(expected), "%0*d%s", len > 80 ? 80 : len, 0, len > 80 ? "..." : "");
        assert_string_equal(log_safe(span_text(text)).text, expected);
    }
}

static void test_addresses(void **state)
{
    (void)state;
    assert_string_equal(address_text(0).text, "0.0.0.0");
    assert_string_equal(address_text(0x01020304).text, "1.2.3.4");
    assert_string_equal(address_text(0xffffffff).text, "255.255.255.255");
}

UNIT(event)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_lines),          cmocka_unit_test(test_levels),
        cmocka_unit_test(test_lines_without_room), cmocka_unit_test(test_text_from_outside),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
