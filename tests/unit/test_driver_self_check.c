/* The driver runs the check by itself when something has not worked for a while. */

#include "driver_unit.h"

static struct self_check *self_check(const struct world *w)
{
    return &w->driver->self_check;
}

/* The trouble of this test lasts as long as it must. */
static void be_patient(struct world *w)
{
    start(w);
    assert_true(self_check(w)->when.troubled);
    self_check(w)->when.since_ms -= SELF_CHECK_AT_START_MS;
    ask(w, "anything that makes a step");
    loop_until(&w->driver->loop, count_of(EVENT_LAN) == 1);
}

static void let_things_happen(struct world *w)
{
    for (unsigned i = 0; i < 10; i++)
        loop_turn(&w->driver->loop);
}

static void test_nothing_while_all_is_well(void **state)
{
    struct world *w = *state;
    core_condition = PROXY_WORKS;
    start(w);
    let_things_happen(w);
    assert_false(accepts(w));
    assert_false(uv_is_active((const uv_handle_t *)&self_check(w)->timer));
    core_condition = PROXY_STANDS_BY;
    ask(w, "x");
    loop_until(&w->driver->loop, count_of(EVENT_LAN) == 1);
    assert_false(uv_is_active((const uv_handle_t *)&self_check(w)->timer));
}

/* It begins at its time, over a session of its own, and the core hears nothing of it. The router closes this
 * one, which is the finding. */
static void test_a_session_of_its_own(void **state)
{
    struct world *w = *state;
    char login[256] = "";
    core_status.gateway_trouble = GATEWAY_SILENT;
    be_patient(w);
    loop_until(&w->driver->loop, accepts(w));
    assert_non_null(self_check(w)->run);
    loop_until(&w->driver->loop, recv(w->router, login, sizeof(login), 0) > 0);
    assert_memory_equal(login + 1, "/login", strlen("/login"));
    assert_non_null(strstr(login, "=password=secret"));
    unsigned events = core.count;
    (void)close(w->router);
    loop_until(&w->driver->loop, self_check(w)->run == NULL);
    assert_int_equal(core.count, events);
    assert_true(w->driver->findings.checked);
    assert_int_equal(w->driver->findings.count, 2);
    const char *lines = read_lines(w);
    assert_non_null(strstr(lines, " warn  check   the router does not answer the login"));
    assert_non_null(strstr(lines, " finding=gateway fix=\"/tool/ping 127.0.0.1 count=3\"\n"));
    assert_null(strstr(lines, "secret"));
    /* The next one comes after ten minutes. */
    let_things_happen(w);
    assert_false(accepts(w));
    assert_in_range(self_check_due_ms(&self_check(w)->when) - clock_now_ms(),
                    SELF_CHECK_PERIOD_MS - TURN_LIMIT_MS, SELF_CHECK_PERIOD_MS);
    core_condition = PROXY_WORKS;
    ask(w, "x");
    loop_until(&w->driver->loop, count_of(EVENT_LAN) == 2);
    assert_false(w->driver->findings.checked);
    assert_non_null(strstr(read_lines(w), "what the check found is over findings=2\n"));
}

/* A router that has no further session is not what is wrong with a daemon that is logged in. */
static void test_no_further_session(void **state)
{
    struct world *w = *state;
    core_status.router_ready = true;
    core_status.gateway_trouble = GATEWAY_SILENT;
    be_patient(w);
    loop_until(&w->driver->loop, accepts(w));
    (void)close(w->router);
    loop_until(&w->driver->loop, w->driver->findings.checked);
    assert_int_equal(w->driver->findings.count, 1);
    assert_int_equal(w->driver->findings.at[0].finding.id, FINDING_GATEWAY);
}

/* That the daemon cannot log in is the finding: nothing is tried once more. */
static void test_a_daemon_that_is_cut_off(void **state)
{
    struct world *w = *state;
    core_status.router_failure = FAILURE_LOGIN;
    core_status.gateway_trouble = GATEWAY_FINE;
    core_status.external_address = 0x08080808;
    be_patient(w);
    loop_until(&w->driver->loop, w->driver->findings.checked);
    let_things_happen(w);
    assert_false(accepts(w));
    assert_int_equal(w->driver->findings.count, 1);
    assert_int_equal(w->driver->findings.at[0].finding.id, FINDING_LOGIN);
}

static void test_trouble_that_ends_meanwhile(void **state)
{
    struct world *w = *state;
    be_patient(w);
    loop_until(&w->driver->loop, accepts(w));
    core_condition = PROXY_WORKS;
    ask(w, "x");
    loop_until(&w->driver->loop, count_of(EVENT_LAN) == 2);
    assert_null(self_check(w)->run);
    char byte;
    loop_until(&w->driver->loop, recv(w->router, &byte, 1, MSG_PEEK) >= 0 || errno == ECONNRESET);
    assert_false(w->driver->findings.checked);
}

/* A stop waits for nothing, and teardown finds all memory and handles free. */
static void test_a_stop_meanwhile(void **state)
{
    struct world *w = *state;
    be_patient(w);
    loop_until(&w->driver->loop, accepts(w));
    assert_int_equal(raise(SIGTERM), 0);
    loop_until(&w->driver->loop, count_of(EVENT_STOP) == 1);
    assert_null(self_check(w)->run);
    let_things_happen(w);
    assert_null(self_check(w)->run);
}

static void test_the_end_meanwhile(void **state)
{
    struct world *w = *state;
    be_patient(w);
    loop_until(&w->driver->loop, accepts(w));
    assert_non_null(self_check(w)->run);
}

static int setup_trouble(void **state)
{
    core_condition = PROXY_TROUBLED;
    core_status = (struct proxy_status){0};
    return setup(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup_trouble, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_while_all_is_well),   TEST(test_a_session_of_its_own),
        TEST(test_a_daemon_that_is_cut_off),    TEST(test_no_further_session),
        TEST(test_trouble_that_ends_meanwhile), TEST(test_a_stop_meanwhile),
        TEST(test_the_end_meanwhile),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
