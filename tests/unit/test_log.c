/* The form of log lines. A slow reader of the log costs lines, but never time. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "app/log.h"
#include "unit.h"

/* Replaces the C library's function, so that the wall clock shows what a test wants. */
static struct timespec wall;
static struct timespec monotonic;

int fake_clock(clockid_t clock, struct timespec *ret_now) __asm__("clock_gettime");
int fake_clock(clockid_t clock, struct timespec *ret_now)
{
    if (clock == CLOCK_REALTIME && wall.tv_sec != 0) {
        *ret_now = wall;
        return 0;
    }
    if (clock == CLOCK_BOOTTIME && monotonic.tv_sec != 0) {
        *ret_now = monotonic;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, ret_now);
}

static char received[65536];

/* Everything that can be read now. */
static const char *take(int fd)
{
    ssize_t len = read(fd, received, sizeof(received) - 1);
    received[len < 0 ? 0 : len] = '\0';
    return received;
}

static int setup(void **state)
{
    static int ends[2];
    wall = (struct timespec){.tv_sec = 1795356062, .tv_nsec = 123999999};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    *state = ends;
    return 0;
}

static int teardown(void **state)
{
    const int *ends = *state;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

static void test_form(void **state)
{
    const int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_DEBUG);
    log_line(&log, LOG_LEVEL_INFO, "router", span_text("message key=value"));
    assert_string_equal(take(ends[0]), "2026-11-22T14:01:02.123Z info  router  message key=value\n");
    log_printf(&log, LOG_LEVEL_ERROR, "upstream", "n=%u", 7U);
    assert_string_equal(take(ends[0]), "2026-11-22T14:01:02.123Z error upstream n=7\n");
    log_printf(&log, LOG_LEVEL_WARN, "lan", "w");
    assert_string_equal(take(ends[0]), "2026-11-22T14:01:02.123Z warn  lan     w\n");
    log_printf(&log, LOG_LEVEL_DEBUG, "lan", "d");
    assert_string_equal(take(ends[0]), "2026-11-22T14:01:02.123Z debug lan     d\n");
}

static void test_dates(void **state)
{
    const int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    for (wall.tv_sec = 1; wall.tv_sec < 8000000000; wall.tv_sec += 86400 * 9 + 12345) {
        char expected[32];
        struct tm utc;
        assert_non_null(gmtime_r(&wall.tv_sec, &utc));
        assert_int_equal(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &utc), 19);
        log_line(&log, LOG_LEVEL_INFO, "x", span_text("y"));
        assert_memory_equal(take(ends[0]), expected, 19);
    }
}

static void test_level(void **state)
{
    const int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_WARN);
    log_printf(&log, LOG_LEVEL_INFO, "x", "hidden");
    log_line(&log, LOG_LEVEL_DEBUG, "x", span_text("hidden"));
    assert_string_equal(take(ends[0]), "");
    log_printf(&log, LOG_LEVEL_WARN, "x", "shown");
    assert_non_null(strstr(take(ends[0]), "shown"));
}

static void test_one_line_of_printable_text(void **state)
{
    const int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    log_line(&log, LOG_LEVEL_INFO, "x", BYTES("a\nb\0c\x1b[0m\xff"));
    assert_string_equal(take(ends[0]) + 39, "a?b?c?[0m?\n");

    uint8_t text[5000];
    memset(text, 'z', sizeof(text));
    log_line(&log, LOG_LEVEL_INFO, "x", span_of(text, sizeof(text)));
    take(ends[0]);
    assert_int_equal(strlen(received), LOG_LINE_MAX);
    assert_ptr_equal(strchr(received, '\n'), received + LOG_LINE_MAX - 1);
    log_printf(&log, LOG_LEVEL_INFO, "x", "%.*s", (int)sizeof(text), (const char *)text);
    take(ends[0]);
    assert_int_equal(strlen(received), LOG_LINE_MAX);
}

/* A line of the core, whose rate the core has limited. */
static void write_line(struct log *log, unsigned number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "line %u", number);
    log_line(log, LOG_LEVEL_INFO, "x", span_text(text));
}

/* Of a kind of line of io, the rest is held, and the last of them comes with the number of the others. [R5]
 */
static void test_rate(void **state)
{
    const int *ends = *state;
    struct log log;
    monotonic.tv_sec = 1000;
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    for (unsigned i = 0; i < 100000; i++) {
        log_printf(&log, LOG_LEVEL_WARN, "driver", "flood %u", i);
        log_recover(&log);
    }
    take(ends[0]);
    assert_non_null(strstr(received, "flood 9\n"));
    assert_null(strstr(received, "flood 10"));
    log_printf(&log, LOG_LEVEL_WARN, "driver", "another kind");
    assert_non_null(strstr(take(ends[0]), "another kind\n"));
    monotonic.tv_sec += 10;
    log_recover(&log);
    assert_non_null(strstr(take(ends[0]), "Z warn  driver  flood 99999 left_out=99989\n"));
    log_recover(&log);
    assert_string_equal(take(ends[0]), "");
    monotonic.tv_sec = 0;
}

/* Writes until lines are lost. A write that blocks would never return. */
static void fill(struct log *log)
{
    for (unsigned i = 0; i < 1000000 && log->lost < 3; i++)
        write_line(log, i);
    assert_int_equal(log->lost, 3);
}

static void check_recovery(struct log *log, int reader)
{
    while (take(reader)[0] != '\0')
        assert_null(strstr(received, "lost"));
    log_printf(log, LOG_LEVEL_INFO, "x", "again");
    take(reader);
    assert_non_null(
        strstr(received, "Z warn  log     log lines were lost: the reader of the log is too slow count=3\n"));
    assert_non_null(strstr(received, "Z info  x       again\n"));
    log_printf(log, LOG_LEVEL_INFO, "x", "more");
    assert_null(strstr(take(reader), "lost"));
}

static void test_full_pipe(void **state)
{
    const int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    fill(&log);
    check_recovery(&log, ends[0]);
    /* Other processes that have the pipe open are not affected. */
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

/* The kernel hands what is written to a terminal to its reader a moment later, earlier lines first. */
static void await(int reader, const char *text)
{
    do {
        struct pollfd wait = {.fd = reader, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 10000), 1);
    } while (strstr(take(reader), text) == NULL);
}

/* [L6] */
static void test_full_terminal(void **state)
{
    (void)state;
    for (unsigned detached = 0; detached < 2; detached++) {
        struct log log;
        int reader = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        assert_true(reader >= 0 && grantpt(reader) == 0 && unlockpt(reader) == 0);
        int terminal = open(ptsname(reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(terminal >= 0);
        int shared = dup(terminal);
        if (detached)
            log_detach(terminal);
        log_init(&log, terminal, LOG_LEVEL_INFO);
        fill(&log);
        for (unsigned i = 0; i < 1000; i++) {
            char part[40];
            ssize_t got = read(reader, part, sizeof(part)); /* nothing, if nothing was written */
            assert_true(got <= (ssize_t)sizeof(part));
            write_line(&log, i);
        }
        while (take(reader)[0] != '\0') {
        }
        log_printf(&log, LOG_LEVEL_INFO, "x", "again");
        await(reader, "again");
        assert_int_equal(log.lost, 0);
        assert_int_equal(fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
        (void)close(shared);
        (void)close(terminal);
        (void)close(reader);
    }
}

/* The loss is reported without another line. */
static void test_recovery_by_itself(void **state)
{
    const int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    fill(&log);
    log_recover(&log);
    assert_int_equal(log.lost, 3);
    while (take(ends[0])[0] != '\0')
        assert_null(strstr(received, "lost"));
    log_recover(&log);
    assert_non_null(strstr(take(ends[0]), "the reader of the log is too slow count=3\n"));
    log_recover(&log);
    assert_string_equal(take(ends[0]), "");
}

static void test_full_socket(void **state)
{
    int ends[2];
    struct log log;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    fill(&log);
    check_recovery(&log, ends[0]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_reader_gone(void **state)
{
    int *ends = *state;
    struct log log;
    log_init(&log, ends[1], LOG_LEVEL_INFO);
    (void)close(ends[0]);
    ends[0] = -1;
    log_printf(&log, LOG_LEVEL_INFO, "x", "nobody hears");
    assert_int_equal(log.lost, 1);
    log_init(&log, -1, LOG_LEVEL_INFO);
    log_printf(&log, LOG_LEVEL_INFO, "x", "closed");
    assert_int_equal(log.lost, 1);
}

static void test_full_disk(void **state)
{
    struct log log;
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    log_init(&log, full, LOG_LEVEL_INFO);
    log_printf(&log, LOG_LEVEL_INFO, "x", "no space");
    assert_int_equal(log.lost, 1);
    (void)close(full);
}

static void set_file_limit(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_disk_full_amid_a_line(void **state)
{
    struct log log;
    char name[] = "/tmp/test-log-XXXXXX";
    (void)state;
    int file = mkstemp(name);
    assert_true(file >= 0);
    (void)unlink(name);
    (void)signal(SIGXFSZ, SIG_IGN);
    log_init(&log, file, LOG_LEVEL_INFO);
    set_file_limit(46);
    log_printf(&log, LOG_LEVEL_INFO, "x", "torn apart");
    log_printf(&log, LOG_LEVEL_INFO, "x", "lost altogether");
    set_file_limit(RLIM_INFINITY);
    log_printf(&log, LOG_LEVEL_INFO, "x", "whole");
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_string_equal(take(file), "2026-11-22T14:01:02.123Z info  x       torn ap\n"
                                    "2026-11-22T14:01:02.123Z warn  log     log lines were lost: the reader "
                                    "of the log is too slow count=2\n"
                                    "2026-11-22T14:01:02.123Z info  x       whole\n");
    (void)close(file);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_line_of_printable_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recovery_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_full_amid_a_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
