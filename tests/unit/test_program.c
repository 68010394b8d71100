/* The program as it is run: arguments, configuration, exit status, and a start without router and gateway. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "app/version.h"
#include "loop.h"

enum { OUTPUT_MAX = 16384 };

#define SECRET "s3cr3t-pa55word"
#define PASSWORD "MIKROTIK_API_PASSWORD=s3cr3t-pa55word"

/* The program is built into the same directory as this test. */
static char program[PATH_MAX];

struct run {
    pid_t pid;
    int out;
    int err;
    char out_text[OUTPUT_MAX];
    char err_text[OUTPUT_MAX];
};

static const char *const complete[] = {"VPN_GATEWAY=10.9.9.9",
                                       "MIKROTIK_API_ADDRESS=10.9.9.8",
                                       PASSWORD,
                                       "LISTEN_ADDR=127.0.0.1:5351",
                                       "LOG_LEVEL=DEBUG",
                                       NULL};

/* Runs in the child: executes the program with this environment alone. */
static void become_program(const char *first, const char *second, const char *const *environment)
{
    (void)clearenv();
    for (; environment != NULL && *environment != NULL; environment++)
        (void)putenv(strdup(*environment));
    (void)execl(program, program, first, second, NULL);
    _exit(99);
}

/* `err`: the end to which its log goes; -1: to r->err. */
static struct run *run_program(const char *first, const char *second, const char *const *environment, int err)
{
    static struct run r;
    int out_ends[2];
    int err_ends[2];
    memset(&r, 0, sizeof(r));
    assert_int_equal(pipe2(out_ends, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err_ends, O_CLOEXEC), 0);
    r.pid = fork_child();
    if (r.pid == 0) {
        (void)dup2(out_ends[1], STDOUT_FILENO);
        (void)dup2(err >= 0 ? err : err_ends[1], STDERR_FILENO);
        become_program(first, second, environment);
    }
    assert_true(r.pid > 0);
    (void)close(out_ends[1]);
    (void)close(err_ends[1]);
    r.out = out_ends[0];
    r.err = err_ends[0];
    return &r;
}

static void read_all(int fd, char *text)
{
    size_t len = strlen(text);
    ssize_t got;
    while ((got = read(fd, text + len, OUTPUT_MAX - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    (void)close(fd);
}

/* The exit status, once both outputs have ended. */
static int finish(struct run *r)
{
    int status;
    read_all(r->out, r->out_text);
    read_all(r->err, r->err_text);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d: %s", WTERMSIG(status), r->err_text);
    assert_null(strstr(r->out_text, SECRET));
    assert_null(strstr(r->err_text, SECRET));
    return WEXITSTATUS(status);
}

/* Reads the log until it contains `text`. */
static void await_line(struct run *r, const char *text)
{
    size_t len = strlen(r->err_text);
    while (strstr(r->err_text, text) == NULL) {
        ssize_t got = read(r->err, r->err_text + len, OUTPUT_MAX - 1 - len);
        if (got <= 0)
            fail_msg("the log does not contain \"%s\": %s", text, r->err_text);
        len += (size_t)got;
        r->err_text[len] = '\0';
    }
}

static void check_one_line(const char *text)
{
    const char *newline = strchr(text, '\n');
    assert_non_null(newline);
    assert_string_equal(newline, "\n");
}

/* ---- arguments and configuration ---- */

static void test_help_and_version(void **state)
{
    (void)state;
    struct run *r = run_program("--help", NULL, NULL, -1);
    assert_int_equal(finish(r), 0);
    assert_non_null(strstr(r->out_text, "usage: double-natpmp"));
    assert_non_null(strstr(r->out_text, "MIKROTIK_API_PASSWORD_FILE"));
    assert_string_equal(r->err_text, "");
    r = run_program("--version", NULL, NULL, -1);
    assert_int_equal(finish(r), 0);
    char expected[128];
    (void)snprintf(expected, sizeof(expected), "double-natpmp %s\n", version);
    assert_string_equal(r->out_text, expected);
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    struct run *r = run_program("--halp", NULL, complete, -1);
    assert_int_equal(finish(r), 2);
    assert_non_null(strstr(r->err_text, "usage: double-natpmp"));
    r = run_program("--check-config", "--version", complete, -1);
    assert_int_equal(finish(r), 2);
    assert_string_equal(r->out_text, "");
}

/* RouterOS passes cmd="" as one empty argument. */
static void test_an_empty_argument_is_none(void **state)
{
    (void)state;
    struct run *r = run_program("--check-config", "", complete, -1);
    assert_int_equal(finish(r), 0);
    assert_non_null(strstr(r->out_text, "VPN_GATEWAY=10.9.9.9"));
}

static void test_bad_configuration(void **state)
{
    static const char *const bad[] = {"VPN_GATEWAY=vpn\nexample", "MIKROTIK_API_ADDRESS=r", PASSWORD, NULL};
    static const char *const tls[] = {"VPN_GATEWAY=10.9.9.9",  "MIKROTIK_API_ADDRESS=r",           PASSWORD,
                                      "MIKROTIK_API_TLS=True", "MIKROTIK_API_TLS_CA=/nonexistent", NULL};
    static const char *const both[] = {"VPN_GATEWAY=10.9.9.9", "MIKROTIK_API_ADDRESS=r", PASSWORD,
                                       "MIKROTIK_API_TLS_INSECURE=True", NULL};
    static const char *const no_file[] = {"VPN_GATEWAY=10.9.9.9", "MIKROTIK_API_ADDRESS=r",
                                          "MIKROTIK_API_PASSWORD_FILE=/nonexistent", NULL};
    static const char *const *const cases[] = {bad, tls, both, no_file};
    static const char *const expected[] = {
        "VPN_GATEWAY=\"vpn?example\"", "MIKROTIK_API_TLS_CA=\"/nonexistent\" cannot be used: No such file",
        "MIKROTIK_API_TLS_INSECURE is not allowed", "\"/nonexistent\" cannot be used: No such file"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (unsigned check = 0; check < 2; check++) {
            struct run *r = run_program(check == 1 ? "--check-config" : NULL, NULL, cases[i], -1);
            assert_int_equal(finish(r), 2);
            check_one_line(r->err_text);
            assert_non_null(strstr(r->err_text, expected[i]));
            assert_string_equal(r->out_text, "");
        }
    }
}

/* [L7] What is no file is refused at once, and not waited for. To read from /dev/ptmx waits, and
 * so does to open a FIFO. */
static void test_what_is_no_file(void **state)
{
    static const char *const paths[] = {"fifo", "/dev/ptmx", "/dev/zero", "socket", "/tmp"};
    char fifo[] = "/tmp/test-program-XXXXXX";
    char socket_path[sizeof(fifo)] = "/tmp/test-program-XXXXXX";
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)state;
    (void)close(mkstemp(fifo));
    (void)close(mkstemp(socket_path));
    (void)unlink(fifo);
    (void)unlink(socket_path);
    int bound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(name.sun_path, socket_path, sizeof(socket_path));
    assert_int_equal(bind(bound, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < 2 * ARRAY_LEN(paths); i++) {
        const char *variable = i % 2 == 0 ? "MIKROTIK_API_PASSWORD_FILE" : "MIKROTIK_API_TLS_CA";
        const char *path = paths[i / 2];
        char setting[128];
        char expected[256];
        path = strcmp(path, "fifo") == 0 ? fifo : path;
        path = strcmp(path, "socket") == 0 ? socket_path : path;
        (void)snprintf(setting, sizeof(setting), "%s=%s", variable, path);
        (void)snprintf(expected, sizeof(expected), "%s=\"%s\" cannot be used: %s;", variable, path,
                       strcmp(path, "/tmp") == 0 ? "Is a directory" : "it is not a regular file");
        const char *const environment[] = {"VPN_GATEWAY=10.9.9.9",
                                           "MIKROTIK_API_ADDRESS=r",
                                           setting,
                                           i % 2 == 0 ? NULL : "MIKROTIK_API_TLS=true",
                                           PASSWORD,
                                           NULL};
        struct run *r = run_program(NULL, NULL, environment, -1);
        assert_int_equal(finish(r), 2);
        check_one_line(r->err_text);
        if (strstr(r->err_text, expected) == NULL)
            fail_msg("expected %s: %s", expected, r->err_text);
    }
    (void)unlink(fifo);
    (void)unlink(socket_path);
    (void)close(bound);
}

static void test_check_config(void **state)
{
    (void)state;
    struct run *r = run_program("--check-config", NULL, complete, -1);
    assert_int_equal(finish(r), 0);
    assert_non_null(strstr(r->out_text, "MIKROTIK_API_PASSWORD=(hidden)\n"));
    assert_non_null(strstr(r->out_text, "LISTEN_ADDR=127.0.0.1:5351\n"));
    assert_string_equal(r->err_text, "");
}

static void test_nobody_reads_the_output(void **state)
{
    int ends[2];
    int status;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    pid_t child = fork_child();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        become_program("--check-config", NULL, complete);
    }
    (void)close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- start and end ---- */

static bool have_network;

static void need_network(void)
{
    if (!have_network) {
        print_message("no network namespace of its own is allowed here\n");
        skip();
    }
}

static int lan_socket(void)
{
    const struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    return fd;
}

static struct sockaddr_in natpmp_address(void)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(5351), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* The answer to an unsupported version needs no router and no gateway. Until the port is bound, the question
 * is refused. */
static void check_alive(void)
{
    int fd = lan_socket();
    uint8_t answer[64];
    struct sockaddr_in to = natpmp_address();
    ssize_t len = -1;
    uint64_t limit_ms = clock_now_ms() + TURN_LIMIT_MS;
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    while (len < 0 && clock_now_ms() < limit_ms) {
        (void)send(fd, "\x02\x00", 2, 0);
        len = recv(fd, answer, sizeof(answer), 0);
    }
    assert_int_equal(len, 8);
    (void)close(fd);
}

static void test_life(void **state)
{
    (void)state;
    need_network();
    struct run *r = run_program(NULL, NULL, complete, -1);
    await_line(r, "listening address=127.0.0.1:5351");
    check_alive();
    assert_int_equal(kill(r->pid, SIGTERM), 0);
    assert_int_equal(finish(r), 0);
    assert_non_null(strstr(r->err_text, "info  main    ended\n"));
}

/* systemd is notified once the port is bound, and not before. */
static void test_ready(void **state)
{
    static const char name[] = "double-natpmp/test/ready";
    const char *environment[ARRAY_LEN(complete) + 1];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = 10};
    char word[64] = "";
    (void)state;
    need_network();
    memcpy(environment, complete, sizeof(complete));
    environment[ARRAY_LEN(complete) - 1] = "NOTIFY_SOCKET=@double-natpmp/test/ready";
    environment[ARRAY_LEN(complete)] = NULL;
    memcpy(address.sun_path + 1, name, strlen(name));
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(bind(manager, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
                     0);
    struct run *r = run_program(NULL, NULL, environment, -1);
    assert_int_equal(recv(manager, word, sizeof(word) - 1, 0), 7);
    assert_string_equal(word, "READY=1");
    check_alive();
    assert_int_equal(kill(r->pid, SIGTERM), 0);
    assert_int_equal(finish(r), 0);
    (void)close(manager);
}

static void test_password_leaves_the_environment(void **state)
{
    char path[64];
    char bytes[4096];
    (void)state;
    need_network();
    struct run *r = run_program(NULL, NULL, complete, -1);
    await_line(r, "listening");
    struct rlimit core;
    assert_int_equal(prlimit(r->pid, RLIMIT_CORE, NULL, &core), 0);
    assert_int_equal(core.rlim_max, 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)r->pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    /* The process cannot be read, not even by others of the same user. */
    if (file >= 0) {
        ssize_t len = read(file, bytes, sizeof(bytes));
        assert_true(len > 0);
        assert_non_null(memmem(bytes, (size_t)len, "VPN_GATEWAY", 11));
        assert_null(memmem(bytes, (size_t)len, SECRET, strlen(SECRET)));
        (void)close(file);
    }
    assert_int_equal(kill(r->pid, SIGINT), 0);
    assert_int_equal(finish(r), 0);
}

static void test_address_in_use(void **state)
{
    (void)state;
    need_network();
    int fd = lan_socket();
    struct sockaddr_in local = natpmp_address();
    assert_int_equal(bind(fd, (const struct sockaddr *)&local, sizeof(local)), 0);
    struct run *r = run_program(NULL, NULL, complete, -1);
    assert_int_equal(finish(r), 1);
    check_one_line(r->err_text);
    assert_non_null(strstr(r->err_text, "cannot listen: another NAT-PMP server uses the port; "));
    assert_non_null(strstr(r->err_text, " LISTEN_ADDR=127.0.0.1:5351 error=\"Address already in use\"\n"));
    (void)close(fd);
}

static void test_no_such_address(void **state)
{
    static const char *const environment[] = {"VPN_GATEWAY=10.9.9.9", "MIKROTIK_API_ADDRESS=r",
                                              "MIKROTIK_API_PASSWORD=x", "LISTEN_ADDR=203.0.113.1:5351",
                                              NULL};
    (void)state;
    need_network();
    struct run *r = run_program(NULL, NULL, environment, -1);
    assert_int_equal(finish(r), 1);
    check_one_line(r->err_text);
    assert_non_null(strstr(r->err_text, "no interface of this machine has the address"));
}

static void check_life_with_log(int log)
{
    struct run *r = run_program(NULL, NULL, complete, log);
    check_alive();
    assert_int_equal(kill(r->pid, SIGTERM), 0);
    assert_int_equal(finish(r), 0);
}

static void test_nobody_reads_the_log(void **state)
{
    int ends[2];
    (void)state;
    need_network();
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    check_life_with_log(full);
    (void)close(full);

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    check_life_with_log(ends[1]);
    (void)close(ends[1]);

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    char block[4096] = {0};
    while (write(ends[1], block, sizeof(block)) > 0) {
    }
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
    check_life_with_log(ends[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

UNIT(program)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_an_empty_argument_is_none),
        cmocka_unit_test(test_bad_configuration),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_check_config),
        cmocka_unit_test(test_nobody_reads_the_output),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_password_leaves_the_environment),
        cmocka_unit_test(test_address_in_use),
        cmocka_unit_test(test_no_such_address),
        cmocka_unit_test(test_nobody_reads_the_log),
    };
    char self[PATH_MAX] = {0};
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return 1;
    (void)snprintf(program, sizeof(program), "%s/double-natpmp", dirname(self));
    have_network = network_enter();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
