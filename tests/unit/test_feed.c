/* Each reader gets each message, whatever the others do, and nothing is stored for it. */

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "io/feed.h"
#include "loop.h"

enum {
    NOBODY = 65534,
    STORED = 4, /* messages */
};

/* The messages are their numbers. */
struct world {
    uv_loop_t loop;
    struct feed_server server;
    char name[64];
    uint64_t next;
    uint64_t message;
    unsigned greeted[FEED_VERDICTS];
};

static struct span greet(void *context, enum feed_verdict verdict, uint64_t *ret_position)
{
    static const char *const words[FEED_VERDICTS] = {"welcome", "full", "untrusted"};
    struct world *w = context;
    w->greeted[verdict]++;
    *ret_position = w->next;
    return span_text(words[verdict]);
}

static struct span next_message(void *context, uint64_t *position)
{
    struct world *w = context;
    if (*position >= w->next)
        return span_of(NULL, 0);
    w->message = *position + STORED < w->next ? w->next - STORED : *position;
    *position = w->message + 1;
    return span_of(&w->message, sizeof(w->message));
}

static const struct feed_handlers handlers = {.greet = greet, .next = next_message};

static int setup(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    (void)snprintf(world.name, sizeof(world.name), "double-natpmp/test/%d/feed", (int)getpid());
    assert_int_equal(uv_loop_init(&world.loop), 0);
    assert_int_equal(feed_open(&world.server, &world.loop, world.name, &handlers, &world), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    feed_close(&w->server);
    loop_end(&w->loop);
    return 0;
}

/* ---- readers in this process ---- */

static ssize_t receive(int fd, void *ret_bytes, size_t size)
{
    return recv(fd, ret_bytes, size, MSG_DONTWAIT);
}

static bool hears(int fd, const char *word)
{
    char bytes[32];
    ssize_t len = receive(fd, bytes, sizeof(bytes));
    return len >= 0 && span_is(span_of(bytes, (size_t)len), word);
}

static bool hears_end(int fd)
{
    char byte;
    return receive(fd, &byte, 1) == 0;
}

static int reader(struct world *w, const char *word)
{
    int fd = feed_connect(w->name);
    assert_true(fd >= 0);
    loop_until(&w->loop, hears(fd, word));
    return fd;
}

static void tell(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        w->next++;
        feed_wake(&w->server);
    }
}

/* The number of the next message; -1: there is none. */
static int64_t number(int fd)
{
    uint64_t message;
    return receive(fd, &message, sizeof(message)) == sizeof(message) ? (int64_t)message : -1;
}

static bool is_connected(const struct world *w, unsigned i)
{
    return w->server.reader[i].fd >= 0 || w->server.reader[i].closing;
}

static unsigned connected(const struct world *w)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        count += is_connected(w, i);
    return count;
}

static void test_from_now_on(void **state)
{
    struct world *w = *state;
    tell(w, 3);
    int one = reader(w, "welcome");
    int other = reader(w, "welcome");
    assert_int_equal(number(one), -1);
    tell(w, 2);
    for (int64_t i = 3; i < 5; i++) {
        assert_int_equal(number(one), i);
        assert_int_equal(number(other), i);
    }
    assert_int_equal(number(one), -1);
    (void)close(one);
    loop_until(&w->loop, connected(w) == 1);
    tell(w, 1);
    assert_int_equal(number(other), 5);
    (void)close(other);
}

/* The readers of a daemon that ends get what is in their sockets, and then learn of the end. */
static void test_the_end(void **state)
{
    struct world *w = *state;
    int fd = reader(w, "welcome");
    tell(w, 1);
    feed_close(&w->server);
    assert_int_equal(number(fd), 0);
    assert_true(hears_end(fd));
    assert_int_equal(feed_connect(w->name), -ECONNREFUSED);
    (void)close(fd);
}

/* A reader that does not read loses its own messages only. When it reads again, it gets the last ones. */
static void test_slow_reader(void **state)
{
    struct world *w = *state;
    int slow = reader(w, "welcome");
    int quick = reader(w, "welcome");
    int64_t told = 0;
    while (!w->server.reader[0].blocked) {
        tell(w, 1);
        assert_int_equal(number(quick), told++);
        assert_true(told < 100000);
    }
    for (unsigned i = 0; i < 100; i++) {
        tell(w, 1);
        assert_int_equal(number(quick), told++);
    }
    int64_t got = 0;
    while (number(slow) == got)
        got++;
    assert_true(got > 0 && got < told - 100);
    for (int64_t i = told - STORED; i < told; i++) {
        int64_t found;
        loop_until(&w->loop, (found = number(slow)) >= 0);
        assert_int_equal(found, i);
    }
    tell(w, 1);
    assert_int_equal(number(slow), told);
    assert_int_equal(number(quick), told);
    (void)close(slow);
    (void)close(quick);
}

static void test_as_many_as_may(void **state)
{
    struct world *w = *state;
    int fd[FEED_READERS_MAX];
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        fd[i] = reader(w, "welcome");
    int late = reader(w, "full");
    assert_true(hears_end(late));
    (void)close(late);
    tell(w, 1);
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        assert_int_equal(number(fd[i]), 0);
    (void)close(fd[3]);
    loop_until(&w->loop, connected(w) == FEED_READERS_MAX - 1);
    fd[3] = reader(w, "welcome");
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        (void)close(fd[i]);
}

/* ---- readers with bad intentions ---- */

static void test_a_reader_that_writes(void **state)
{
    struct world *w = *state;
    int fd = reader(w, "welcome");
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    loop_until(&w->loop, connected(w) == 0);
    (void)close(fd);
    tell(w, 1);
}

static void test_another_user(void **state)
{
    struct world *w = *state;
    int status = -1;
    if (geteuid() != 0)
        skip(); /* only root can become another user */
    pid_t child = fork_child();
    if (child == 0) {
        char bytes[32];
        int fd = setuid(NOBODY) == 0 ? feed_connect(w->name) : -1;
        ssize_t len = fd >= 0 ? recv(fd, bytes, sizeof(bytes), 0) : 0;
        bool refused = len > 0 && span_is(span_of(bytes, (size_t)len), "untrusted");
        _exit(refused && recv(fd, bytes, sizeof(bytes), 0) == 0 ? 0 : 1);
    }
    loop_until(&w->loop, waitpid(child, &status, WNOHANG) == child);
    assert_int_equal(status, 0);
    assert_int_equal(w->greeted[FEED_UNTRUSTED], 1);
    assert_int_equal(connected(w), 0);
}

/* Without a descriptor for it, the connection waits, and the loop sleeps. It is accepted at the next message.
 */
static void test_no_descriptor(void **state)
{
    struct world *w = *state;
    struct rlimit before;
    int fd = feed_connect(w->name);
    assert_true(fd >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    loop_turn(&w->loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(w->server.paused);
    loop_turn(&w->loop);
    assert_int_equal(connected(w), 0);
    tell(w, 1);
    loop_until(&w->loop, hears(fd, "welcome"));
    (void)close(fd);
}

UNIT(feed)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_now_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_many_as_may, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_that_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptor, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
