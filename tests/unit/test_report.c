/* check --report: the values of our settings and the router's name are not in it, whatever they look like. */
#include <stdio.h>

#include "app/report.h"
#include "check_unit.h"

static char *report;

static void write_report(const char *message)
{
    size_t size;
    free(report);
    FILE *out = open_memstream(&report, &size);
    assert_non_null(out);
    survey_begin_table(survey, TABLE_RAW);
    survey->table[TABLE_RAW].state = TABLE_REFUSED;
    survey->table[TABLE_RAW].message = log_safe(span_text(message));
    judge(survey, &room, &findings);
    report_for_developers(survey, &findings, out);
    assert_int_equal(fclose(out), 0);
}

static void check_message(const char *message, const char *expected)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "refused: %s\n", expected);
    write_report(message);
    if (strstr(report, line) == NULL)
        fail_msg("%s: %s", message, report);
}

static void test_secrets_in_a_message(void **state)
{
    (void)state;
    config.password = "zqkeyword";
    config.user = "zqkey";
    config.instance = "second";
    set_table(TABLE_IDENTITY, ROWS("=name=routerofmine"));
    check_message("failure: cannot (zqkeyword) do", "failure: cannot ... do");
    check_message("failure: cannot zqkeyword/zqkey do", "failure: cannot ... do");
    check_message("failure: at routerofmine-x the second", "failure: at ... the ...");
    config.password = "a \"pass phrase";
    check_message("failure: with a \"pass phrase", "failure: with ...");
    /* A message that is cut. */
    config.password = "zqkeywordzqkeyword";
    check_message("failure: this is a long message of the router that ends with a word zqkeywordzqkeyword",
                  "failure: this is a long message of the router that ends with a word ...");
}

static void test_secrets_that_are_words_of_the_router(void **state)
{
    (void)state;
    config.user = "natpmp";
    config.password = "stable";
    write_report("failure");
    assert_null(strstr(report, "stable"));
    assert_non_null(strstr(report, "7.18.2 (...)"));
    assert_non_null(strstr(report, "double-natpmp "));
    assert_null(strstr(report, "too short"));
    config.password = "ip";
    write_report("failure");
    assert_non_null(strstr(report, "too short"));
    assert_non_null(strstr(report, "/ip/address/print"));
    free(report);
    report = NULL;
}

UNIT(report)
{
    const struct CMUnitTest tests[] = {
        TEST(test_secrets_in_a_message),
        TEST(test_secrets_that_are_words_of_the_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
