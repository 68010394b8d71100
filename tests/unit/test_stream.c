/* A stream opens, carries bytes in order, and ends with one reason. */

#include "stream_unit.h"

/* ---- bytes ---- */

static void test_there_and_back(void **state)
{
    struct world *w = *state;
    char bytes[16];
    open_both(w);
    assert_int_equal(w->address, 0x7F000001);
    send_bytes(w, BYTES("hello"));
    /* Bytes that the kernel accepts are in the kernel when the call returns. */
    assert_int_equal(read(w->peer, bytes, sizeof(bytes)), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(write(w->peer, "answer", 6), 6);
    loop_until(&w->loop, w->received == 6);
    assert_memory_equal(w->bytes, "answer", 6);
    assert_int_equal(resolved, 0);
}

/* The stream's own socket: the one whose port the peer sees. */
static int stream_fd(const struct world *w)
{
    struct sockaddr_in ours = {0};
    socklen_t len = sizeof(ours);
    assert_int_equal(getpeername(w->peer, (struct sockaddr *)&ours, &len), 0);
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in local = {0};
        len = sizeof(local);
        if (getsockname(fd, (struct sockaddr *)&local, &len) == 0 && local.sin_port == ours.sin_port)
            return fd;
    }
    fail_msg("no socket has port %d", (int)ntohs(ours.sin_port));
    return -1;
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void test_options(void **state)
{
    struct world *w = *state;
    open_both(w);
    int fd = stream_fd(w);
    assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    assert_true(option(fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), STREAM_KEEPALIVE_S);
}

/* A small buffer, so that the kernel does not accept all that a test sends. */
static void shrink_buffer(const struct world *w)
{
    const int room = 4096;
    assert_int_equal(setsockopt(stream_fd(w), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
}

static void test_send_from_the_callback(void **state)
{
    struct world *w = *state;
    char bytes[16];
    w->send_when_opened = true;
    open_both(w);
    assert_int_equal(read(w->peer, bytes, sizeof(bytes)), 5);
}

static void test_much_in_order(void **state)
{
    struct world *w = *state;
    static uint8_t sent[900000];
    static uint8_t got[sizeof(sent)];
    size_t len = 0;
    open_both(w);
    shrink_buffer(w);
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i * 31 >> 7);
    for (size_t at = 0; at < sizeof(sent);) {
        size_t part = 1 + at % 7919;
        part = part < sizeof(sent) - at ? part : sizeof(sent) - at;
        send_bytes(w, span_of(sent + at, part));
        at += part;
    }
    while (len < sizeof(got)) {
        ssize_t part = read(w->peer, got + len, sizeof(got) - len);
        len += part > 0 ? (size_t)part : 0;
        loop_turn(&w->loop);
        assert_int_equal(w->closed, 0);
    }
    assert_memory_equal(got, sent, sizeof(sent));
}

static void test_peer_takes_nothing(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[65536];
    open_both(w);
    shrink_buffer(w);
    for (unsigned i = 0; i < 1000 && w->closed == 0; i++) {
        send_bytes(w, span_of(bytes, sizeof(bytes)));
        if (i % 10 == 0)
            loop_turn(&w->loop);
    }
    check_end(w, FAILURE_HERE);
}

/* ---- ends ---- */

static void test_eof(void **state)
{
    struct world *w = *state;
    open_both(w);
    assert_int_equal(write(w->peer, "last", 4), 4);
    (void)close(w->peer);
    w->peer = -1;
    check_end(w, FAILURE_LOST);
    assert_int_equal(w->received, 4);
}

static void test_reset(void **state)
{
    struct world *w = *state;
    const struct linger at_once = {.l_onoff = 1};
    open_both(w);
    assert_int_equal(setsockopt(w->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)close(w->peer);
    w->peer = -1;
    check_end(w, FAILURE_LOST);
}

static void test_refused(void **state)
{
    struct world *w = *state;
    (void)close(w->listener);
    w->listener = -1;
    open_to(w, "127.0.0.1", w->port);
    check_end(w, FAILURE_REFUSED);
    assert_int_equal(w->opened, 0);
}

static void test_no_descriptors(void **state)
{
    struct world *w = *state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    open_to(w, "127.0.0.1", w->port);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check_end(w, FAILURE_HERE);
}

/* ---- closing ---- */

static void test_close_at_once(void **state)
{
    struct world *w = *state;
    open_to(w, "127.0.0.1", w->port);
    close_stream(w);
    open_to(w, "none.test", w->port);
    close_stream(w);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->opened + w->closed, 0);
}

static void test_close_while_connecting(void **state)
{
    struct world *w = *state;
    open_to(w, "127.0.0.1", w->port);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    if (w->opened == 0) {
        close_stream(w);
        loop_until(&w->loop, !uv_loop_alive(&w->loop));
        assert_int_equal(w->opened, 0);
    }
    assert_int_equal(w->closed, 0);
}

static void test_close_when_opened(void **state)
{
    struct world *w = *state;
    w->close_when_opened = true;
    w->send_when_opened = true;
    open_both(w);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->closed, 0);
    char bytes[16];
    assert_int_equal(read(w->peer, bytes, sizeof(bytes)), 5);
    assert_int_equal(read(w->peer, bytes, sizeof(bytes)), 0);
}

static void test_close_when_received(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[3 * STREAM_INPUT_MAX];
    w->close_when_received = true;
    open_both(w);
    assert_int_equal(write(w->peer, bytes, sizeof(bytes)), sizeof(bytes));
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->received, STREAM_INPUT_MAX);
    assert_int_equal(w->closed, 0);
}

static void test_close_with_a_queue(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[900000];
    open_both(w);
    shrink_buffer(w);
    for (unsigned i = 0; i < 5; i++)
        send_bytes(w, span_of(bytes, sizeof(bytes)));
    close_stream(w);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send_from_the_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_much_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eof, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_while_connecting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_when_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_when_received, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_with_a_queue, setup, teardown),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
