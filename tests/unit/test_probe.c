/* One question gets one reply, whoever asks, however often, and whether or not it reads the reply. */

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/probe.h"
#include "loop.h"

enum {
    NOBODY = 65534,
};

struct world {
    uv_loop_t loop;
    struct probe_server server;
    char name[64];
    unsigned asked;
    unsigned trusted; /* of them */
    const char *line;
};

static void on_asked(void *context, const struct probe_question *question, struct writer *reply)
{
    struct world *w = context;
    w->asked++;
    assert_span_text(question->bytes, "?");
    w->trusted += question->trusted;
    write_text(reply, w->line);
}

static int setup(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    world.line = "healthy";
    (void)snprintf(world.name, sizeof(world.name), "double-natpmp/test/%d", (int)getpid());
    assert_int_equal(uv_loop_init(&world.loop), 0);
    assert_int_equal(probe_open(&world.server, &world.loop, world.name, on_asked, &world), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    probe_close(&w->server);
    loop_end(&w->loop);
    return 0;
}

/* Asks from another process, which exits with 0 if it has received `line`, otherwise with the error. */
static pid_t asker(const struct world *w, const char *line, bool untrusted)
{
    pid_t child = fork_child();
    if (child == 0) {
        uint8_t answer[PROBE_REPLY_MAX];
        if (untrusted && setuid(NOBODY) != 0)
            _exit(254);
        int result = probe_ask(w->name, span_text("?"), answer);
        bool same = result >= 0 && span_is(span_of(answer, (size_t)result), line);
        _exit(result < 0 ? -result : same ? 0 : 255);
    }
    assert_true(child > 0);
    return child;
}

static bool ended(pid_t child, int *ret_status)
{
    int status;
    if (waitpid(child, &status, WNOHANG) != child)
        return false;
    assert_true(WIFEXITED(status));
    *ret_status = WEXITSTATUS(status);
    return true;
}

static void check_answered(struct world *w, const char *line)
{
    int status = -1;
    w->line = line;
    pid_t child = asker(w, line, false);
    loop_until(&w->loop, ended(child, &status));
    assert_int_equal(status, 0);
}

static void test_question_and_answer(void **state)
{
    static char longest[PROBE_REPLY_MAX + 1];
    struct world *w = *state;
    check_answered(w, "healthy external=203.0.113.9");
    memset(longest, 'x', PROBE_REPLY_MAX);
    check_answered(w, longest);
    assert_int_equal(w->asked, 2);
    assert_int_equal(w->trusted, 2);
}

/* The kernel says which user asks: only root and the daemon's own user are trusted. */
static void test_who_asks(void **state)
{
    struct world *w = *state;
    int status = -1;
    if (geteuid() != 0)
        skip(); /* only root can become another user */
    w->line = "hello";
    pid_t child = asker(w, "hello", true);
    loop_until(&w->loop, ended(child, &status));
    assert_int_equal(status, 0);
    assert_int_equal(w->asked, 1);
    assert_int_equal(w->trusted, 0);
}

static void test_one_at_a_time_has_the_name(void **state)
{
    struct world *w = *state;
    struct probe_server second;
    assert_int_equal(probe_open(&second, &w->loop, w->name, on_asked, w), -EADDRINUSE);
    probe_close(&second);
    check_answered(w, "the first one");
}

static void test_no_daemon_is_running(void **state)
{
    struct world *w = *state;
    uint8_t answer[PROBE_REPLY_MAX];
    probe_close(&w->server);
    assert_int_equal(probe_ask(w->name, span_text("?"), answer), -ECONNREFUSED);
}

/* The event loop does not turn. */
static void test_no_answer_in_time(void **state)
{
    struct world *w = *state;
    uint8_t answer[PROBE_REPLY_MAX];
    uint64_t since_ms = clock_now_ms();
    assert_int_equal(probe_ask(w->name, span_text("?"), answer), -EAGAIN);
    assert_true(clock_now_ms() - since_ms >= PROBE_WAIT_MS - 1000);
}

/* ---- clients with bad intentions ---- */

static struct sockaddr_un server_address(const struct world *w, socklen_t *ret_len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, w->name, strlen(w->name));
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(w->name));
    return address;
}

static int stranger(const struct sockaddr_un *own, socklen_t own_len)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (own != NULL)
        assert_int_equal(bind(fd, (const struct sockaddr *)own, own_len), 0);
    return fd;
}

/* How many questions the kernel accepts. */
static unsigned flood(const struct world *w, int fd)
{
    socklen_t len;
    struct sockaddr_un to = server_address(w, &len);
    unsigned count = 0;
    while (sendto(fd, "?", 1, MSG_DONTWAIT, (const struct sockaddr *)&to, len) == 1)
        count++;
    return count;
}

static void test_a_flood_leaves_others_their_turn(void **state)
{
    struct world *w = *state;
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = stranger(&any, sizeof(any.sun_family));
    assert_true(flood(w, fd) > PROBE_BATCH);
    assert_int_equal(uv_run(&w->loop, UV_RUN_NOWAIT), 1);
    assert_int_equal(w->asked, PROBE_BATCH);
    /* A client that never reads fills only its own queue, and the daemon does not wait for it. */
    for (unsigned i = 0; i < 100; i++) {
        (void)flood(w, fd);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    (void)close(fd);
    check_answered(w, "still here");
}

static void test_without_a_name(void **state)
{
    struct world *w = *state;
    int fd = stranger(NULL, 0);
    assert_true(flood(w, fd) > 0);
    loop_turn(&w->loop);
    assert_int_equal(w->asked, 0);
    (void)close(fd);
    check_answered(w, "still here");
}

/* The client's name is now a link to another program's socket, which must not get the answer. */
static void test_a_name_in_the_file_system(void **state)
{
    struct world *w = *state;
    char folder[] = "/tmp/probe-XXXXXX";
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    struct sockaddr_un victim = {.sun_family = AF_UNIX};
    char byte;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(own.sun_path, sizeof(own.sun_path), "%s/own", folder);
    (void)snprintf(victim.sun_path, sizeof(victim.sun_path), "%s/victim", folder);
    int fd = stranger(&own, sizeof(own));
    int other = stranger(&victim, sizeof(victim));
    assert_int_equal(flood(w, fd) > 0, 1);
    assert_int_equal(unlink(own.sun_path), 0);
    assert_int_equal(symlink(victim.sun_path, own.sun_path), 0);
    loop_turn(&w->loop);
    check_answered(w, "still here");
    assert_int_equal(recv(other, &byte, 1, 0), -1);
    (void)close(fd);
    (void)close(other);
    (void)unlink(own.sun_path);
    (void)unlink(victim.sun_path);
    (void)rmdir(folder);
}

/* The daemon does not accept descriptors that come with a question: the kernel closes them. */
static void test_descriptors_that_come_along(void **state)
{
    struct world *w = *state;
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    socklen_t len;
    struct sockaddr_un to = server_address(w, &len);
    int fd = stranger(&any, sizeof(any.sun_family));
    int ends[2];
    char byte = '?';
    assert_int_equal(pipe(ends), 0);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = len,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
    assert_int_equal(sendmsg(fd, &message, 0), 1);
    (void)close(ends[1]);
    loop_until(&w->loop, w->asked == 1);
    /* No other process has the writing end any more. */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
    (void)close(fd);
}

UNIT(probe)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_question_and_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_at_a_time_has_the_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_daemon_is_running, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_answer_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flood_leaves_others_their_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_name_in_the_file_system, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors_that_come_along, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
