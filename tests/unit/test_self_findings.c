/* What the daemon's own check has found: what is kept, and what the log says of it. */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/self_findings.h"
#include "unit.h"

static struct self_findings kept;
static struct log logger;
static int log_end;
static char lines[16384];

static int setup(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    log_end = ends[0];
    log_init(&logger, ends[1], LOG_LEVEL_DEBUG);
    memset(&kept, 0, sizeof(kept));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(log_end);
    (void)close(logger.fd);
    return 0;
}

/* What the log has got, without the times. */
static const char *logged(void)
{
    static char bare[sizeof(lines)];
    ssize_t len = read(log_end, lines, sizeof(lines) - 1);
    lines[len < 0 ? 0 : len] = '\0';
    bare[0] = '\0';
    size_t used = 0;
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
        used += (size_t)snprintf(bare + used, sizeof(bare) - used, "%s\n", strchr(line, ' ') + 1);
    return bare;
}

#define DROPS "filter rule *1 drops this machine's requests to the gateway"
#define COMMAND "/ip/firewall/filter/add chain=forward action=accept comment=\"a b\" place-before=*1"
#define LINE "warn  check   " DROPS " finding=gateway-path fix=\"" COMMAND "\"\n"

static void take(uint64_t now_ms, bool drops, const char *silent)
{
    struct findings found = {0};
    (void)finding_add(&found, FINDING_API, FINDING_PASS, "the API answers");
    finding_cure(finding_add(&found, FINDING_SERVICE, FINDING_WARN, "few sessions"), "x");
    if (drops)
        finding_cure(finding_add(&found, FINDING_GATEWAY_PATH, FINDING_FAIL, DROPS), "%s", COMMAND);
    if (silent != NULL)
        (void)finding_add(&found, FINDING_GATEWAY, FINDING_FAIL, "%s", silent);
    self_findings_take(&kept, &found, now_ms, &logger);
}

/* Failures alone are kept and logged: each once, again when it has changed, or when it comes back. */
static void test_each_once(void **state)
{
    (void)state;
    take(1000, true, "the gateway is silent");
    assert_string_equal(logged(), LINE "warn  check   the gateway is silent finding=gateway\n");
    assert_int_equal(kept.count, 2);
    assert_int_equal(kept.at[0].finding.id, FINDING_GATEWAY_PATH);
    take(2000, true, "the gateway is silent");
    assert_string_equal(logged(), "");
    assert_int_equal(kept.at[0].since_ms, 1000);
    assert_int_equal(kept.checked_ms, 2000);
    take(3000, true, "the gateway refuses");
    assert_string_equal(logged(), "warn  check   the gateway refuses finding=gateway\n");
    assert_int_equal(kept.at[0].since_ms, 1000);
    assert_int_equal(kept.at[1].since_ms, 3000);
    take(4000, false, "the gateway refuses");
    assert_string_equal(logged(), "");
    assert_int_equal(kept.count, 1);
    take(5000, true, "the gateway refuses");
    assert_string_equal(logged(), LINE);
    assert_int_equal(kept.at[0].since_ms, 5000);
}

static void test_the_end(void **state)
{
    (void)state;
    self_findings_end(&kept, &logger);
    assert_string_equal(logged(), "");
    take(1000, true, "silent");
    (void)logged();
    self_findings_end(&kept, &logger);
    assert_string_equal(logged(),
                        "info  check   router and gateway work; what the check found is over findings=2\n");
    assert_int_equal(kept.count, 0);
    assert_false(kept.checked);
    self_findings_end(&kept, &logger);
    assert_string_equal(logged(), "");
    take(2000, true, NULL);
    assert_string_equal(logged(), LINE);
    take(3000, false, NULL);
    assert_string_equal(logged(), "info  check   the check finds no failure any more findings=1\n");
    assert_true(kept.checked);
    take(4000, false, NULL);
    assert_string_equal(logged(), "");
}

/* A command is shown as a whole or not at all. */
static void test_a_command_that_a_line_has_no_room_for(void **state)
{
    char command[FINDING_CURE_MAX];
    struct findings found = {0};
    (void)state;
    memset(command, 'c', sizeof(command) - 1);
    command[sizeof(command) - 1] = '\0';
    finding_cure(finding_add(&found, FINDING_FORWARD, FINDING_FAIL, "x"), "%s", command);
    self_findings_take(&kept, &found, 1, &logger);
    assert_string_equal(logged(),
                        "warn  check   x finding=forward fix=\"double-natpmp status shows the command\"\n");
    char what[FINDING_WHAT_MAX];
    memset(what, 'w', sizeof(what) - 1);
    what[sizeof(what) - 1] = '\0';
    for (unsigned len = 1; len < sizeof(command); len += 7) {
        memset(&logger.rates, 0, sizeof(logger.rates));
        memset(&kept, 0, sizeof(kept));
        found.count = 0;
        finding_cure(finding_add(&found, FINDING_INTERFACE_NOT_LAN, FINDING_FAIL, "%s", what), "%.*s",
                     (int)len, command);
        self_findings_take(&kept, &found, 1, &logger);
        const char *line = logged();
        assert_string_equal(line + strlen(line) - 2, "\"\n");
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

UNIT(self_findings)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_once),
        TEST(test_the_end),
        TEST(test_a_command_that_a_line_has_no_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
