/* The driver carries out actions in order. Its start and its end. */

#include "app/health.h"
#include "app/status.h"
#include "driver_unit.h"

/* ---- log, order, end ---- */

static void react_log(const struct event *event, struct actions *out)
{
    if (event->type == EVENT_START) {
        act_log(out, "first");
        act_log(out, "second key=value");
        out->dropped_logs = 5;
    }
}

static void test_log(void **state)
{
    struct world *w = *state;
    core.react = react_log;
    start(w);
    read_lines(w);
    const char *first = strstr(w->lines, "Z info  core    first\n");
    const char *second = strstr(w->lines, "Z info  core    second key=value\n");
    assert_true(first != NULL && second != NULL && first < second);
    assert_non_null(strstr(w->lines, "Z warn  driver  log lines were left out, because one event caused too "
                                     "many; nothing else was lost count=5\n"));
}

static void react_announce(const struct event *event, struct actions *out)
{
    (void)event;
    actions_push(out, (struct action){.type = ACTION_ANNOUNCE, .announce = BYTES("announcement")});
}

/* io/udp decides where the announcement goes. */
static void test_announce(void **state)
{
    struct world *w = *state;
    core.react = react_announce;
    start(w);
    assert_non_null(strstr(read_lines(w), "debug driver  sent announcements links="));
}

static void react_exit(const struct event *event, struct actions *out)
{
    if (event->type == EVENT_START) {
        act(out, ACTION_ROUTER_OPEN, 0, "");
    } else if (event->type == EVENT_LAN) {
        core.deadline_ms = event->now_ms;
    } else if (event->type == EVENT_DEADLINE) {
        act_reply(out, &last_of(EVENT_LAN)->event, "bye");
        act(out, ACTION_ROUTER_SEND, 0, "remove");
        actions_push(out, (struct action){.type = ACTION_EXIT});
        act_log(out, "never");
    }
}

static void test_exit(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    core.react = react_exit;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_OPEN) == 1 && accepts(w));
    ask(w, "1");
    /* Returns by itself. */
    (void)uv_run(&w->driver->loop, UV_RUN_DEFAULT);
    assert_int_equal(count_of(EVENT_DEADLINE), 1);
    assert_true(hears(w->client, "bye", &from));
    assert_true(hears(w->router, "remove", &from));
    assert_null(strstr(read_lines(w), "never"));
}

static void react_exit_at_once(const struct event *event, struct actions *out)
{
    (void)event;
    actions_push(out, (struct action){.type = ACTION_EXIT});
}

static void test_exit_at_start(void **state)
{
    struct world *w = *state;
    core.react = react_exit_at_once;
    driver_run(w->driver);
    assert_int_equal(core.count, 1);
}

static int second_signal;

static void react_stop(const struct event *event, struct actions *out)
{
    (void)out;
    if (event->type == EVENT_STOP)
        (void)raise(second_signal);
}

/* [G-17] */
static void test_stop_signals(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT};
    struct world *w = *state;
    start(w);
    assert_int_equal(raise(SIGTERM), 0);
    loop_until(&w->driver->loop, count_of(EVENT_STOP) == 1);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        int status;
        pid_t child = fork_child();
        if (child == 0) {
            /* A loop of its own, because the parent's loop watches for the parent. */
            struct driver *own = calloc(1, sizeof(*own));
            if (own == NULL || driver_open(own, &w->config, NULL, &core, &w->log) != 0)
                _exit(1);
            core.count = 0;
            core.react = react_stop;
            second_signal = signals[i];
            (void)raise(SIGTERM);
            driver_run(own);
            _exit(2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + signals[i]);
        assert_non_null(strstr(read_lines(w), "stopped by a second signal; rules may remain"));
    }
    assert_int_equal(count_of(EVENT_STOP), 1);
}

static void test_port_taken(void **state)
{
    struct world *w = *state;
    struct driver *second = calloc(1, sizeof(*second));
    struct config config = w->config;
    assert_non_null(second);
    config.listen_port = udp_server_port(&w->driver->lan);
    assert_int_equal(driver_open(second, &config, NULL, &core, &w->log), -EADDRINUSE);
    free(second);
}

static void test_health(void **state)
{
    struct world *w = *state;
    int status = -1;
    start(w);
    core_status = (struct proxy_status){.router_ready = true, .gateway_trouble = GATEWAY_FINE, .mappings = 3};
    pid_t child = fork_child();
    if (child == 0) {
        uint8_t reply[PROBE_REPLY_MAX];
        struct health_name name = health_name("", 0, udp_server_port(&w->driver->lan));
        int len = probe_ask(name.text, span_text(HEALTH_QUESTION), reply);
        bool good =
            len > 0 && span_is(span_of(reply, (size_t)len), "healthy external=? mappings=3 clients=0");
        _exit(good ? 0 : 1);
    }
    loop_until(&w->driver->loop, waitpid(child, &status, WNOHANG) == child);
    assert_int_equal(status, 0);
}

/* The counters are read from the router for a reader of the status, and not for one of the health. */
static void test_status_is_asked_for(void **state)
{
    struct world *w = *state;
    start(w);
    for (unsigned trusted = 0; trusted < 2; trusted++) {
        int status = -1;
        pid_t child = fork_child();
        if (child == 0) {
            uint8_t reply[PROBE_REPLY_MAX];
            struct health_name name = health_name("", 0, udp_server_port(&w->driver->lan));
            struct status_question question = status_question(0);
            struct span bytes =
                trusted ? span_of(question.bytes, sizeof(question.bytes)) : span_text(HEALTH_QUESTION);
            _exit(probe_ask(name.text, bytes, reply) > 0 ? 0 : 1);
        }
        loop_until(&w->driver->loop, waitpid(child, &status, WNOHANG) == child);
        assert_int_equal(status, 0);
        assert_int_equal(count_of(EVENT_ASKED), trusted);
    }
}

/* Another process has the name. The driver serves all the same, and logs that. */
static void test_health_of_another(void **state)
{
    struct world *w = *state;
    struct health_name name = health_name("", 0, udp_server_port(&w->driver->lan));
    struct probe_server second;
    assert_int_equal(probe_open(&second, &w->driver->loop, name.text, NULL, NULL), -EADDRINUSE);

    struct driver *other = calloc(1, sizeof(*other));
    struct config config = w->config;
    assert_non_null(other);
    probe_close(&w->driver->probe);
    config.listen_port = udp_server_port(&w->driver->lan);
    udp_server_close(&w->driver->lan);
    loop_until(&w->driver->loop, probe_open(&second, &w->driver->loop, name.text, NULL, NULL) == 0);
    assert_int_equal(driver_open(other, &config, NULL, &core, &w->log), 0);
    assert_non_null(strstr(read_lines(w), "cannot open the socket for double-natpmp health"));
    assert_true(driver_close(other));
    probe_close(&second);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_announce, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exit_at_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health_of_another, setup, teardown),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
