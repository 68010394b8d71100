/* The HTTP server: what a client gets, and what is left of it when it goes away. The limits of time are
 * tested in the lab. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "io/http.h"
#include "loop.h"

enum {
    ENDLESS = 1 << 24,
};

struct world {
    uv_loop_t loop;
    struct http_server *server;
    char path[64];
    char host[64];
    char argument[64];
    size_t left; /* of the content */
    bool fails;
    unsigned done;
    char answer[65536];
    size_t len;
};

static ssize_t on_read(void *state, char *ret_bytes, size_t capacity)
{
    struct world *w = state;
    size_t count = w->left < capacity ? w->left : capacity;
    if (w->fails && count < w->left)
        return -1;
    memset(ret_bytes, 'x', count);
    w->left -= count;
    return (ssize_t)count;
}

static void on_done(void *state)
{
    struct world *w = state;
    w->done++;
}

static struct http_reply on_asked(void *context, const struct http_request *request)
{
    static const struct http_header headers[] = {{"X-One", "1"}, {NULL, NULL}};
    struct world *w = context;
    const char *argument = http_argument(request, w->server, "a");
    assert_in_range(request->peer, INADDR_LOOPBACK, INADDR_LOOPBACK + 8);
    (void)snprintf(w->path, sizeof(w->path), "%s", request->path);
    (void)snprintf(w->host, sizeof(w->host), "%s", request->host == NULL ? "-" : request->host);
    (void)snprintf(w->argument, sizeof(w->argument), "%s", argument == NULL ? "-" : argument);
    struct http_reply reply = {.status = 200, .type = "text/plain", .headers = headers};
    if (w->left > 0) {
        reply.read = on_read;
        reply.done = on_done;
        reply.state = w;
    } else {
        reply.text = "hello";
    }
    return reply;
}

static int setup(void **state)
{
    static struct world world;
    int error = 0;
    memset(&world, 0, sizeof(world));
    assert_int_equal(uv_loop_init(&world.loop), 0);
    world.server = http_open(&world.loop, INADDR_LOOPBACK, 0, on_asked, &world, &error);
    assert_non_null(world.server);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    http_close(w->server);
    loop_end(&w->loop);
    return 0;
}

/* The first hosts have the addresses 127.0.0.1, 127.0.0.2 and so on. */
static int client_of(const struct world *w, uint32_t host, const char *request)
{
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + host)};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(http_port(w->server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

static int client(const struct world *w, const char *request)
{
    return client_of(w, 0, request);
}

/* True at the end of the answer. */
static bool read_some(struct world *w, int fd)
{
    ssize_t got = recv(fd, w->answer + w->len, sizeof(w->answer) - 1 - w->len, MSG_DONTWAIT);
    if (got > 0)
        w->len += (size_t)got;
    w->answer[w->len] = '\0';
    return got == 0 || (got < 0 && errno != EAGAIN);
}

static const char *answer(struct world *w, const char *request)
{
    int fd = client(w, request);
    w->len = 0;
    loop_until(&w->loop, read_some(w, fd));
    (void)close(fd);
    return w->answer;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void test_a_request(void **state)
{
    struct world *w = *state;
    const char *text = answer(w, "GET /a/b?a=1%202&b=3 HTTP/1.1\r\nHost: x.lan:80\r\n\r\n");
    assert_true(starts(text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(text, "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nhello"));
    assert_string_equal(w->path, "/a/b");
    assert_string_equal(w->host, "x.lan:80");
    assert_string_equal(w->argument, "1 2");
    (void)answer(w, "GET http://y.lan/a?a=3 HTTP/1.1\r\nHost: x.lan\r\n\r\n");
    assert_string_equal(w->path, "/a");
    assert_string_equal(w->host, "y.lan");
    assert_string_equal(w->argument, "3");
    (void)answer(w, "GET HTTP://y.lan:80 HTTP/1.1\r\nHost: x.lan\r\n\r\n");
    assert_string_equal(w->path, "/");
    assert_string_equal(w->host, "y.lan:80");
    text = answer(w, "HEAD / HTTP/1.0\r\n\r\n");
    assert_true(starts(text, "HTTP/1.") && strstr(text, " 200 OK\r\n") != NULL);
    assert_null(strstr(text, "hello"));
    assert_string_equal(w->host, "-");
    assert_string_equal(w->argument, "-");
}

static void test_what_is_refused(void **state)
{
    struct world *w = *state;
    char request[HTTP_REQUEST_MAX + 512];
    assert_true(starts(answer(w, "POST / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 405 "));
    assert_non_null(strstr(w->answer, "\r\nAllow: GET, HEAD\r\n"));
    assert_true(starts(answer(w, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"), "HTTP/1.1 413 "));
    assert_true(starts(answer(w, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
                       "HTTP/1.1 413 "));
    assert_true(starts(answer(w, "GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 "));
    (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n", HTTP_REQUEST_MAX,
                   0);
    assert_true(starts(answer(w, request), "HTTP/1.1 431 "));
    (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n",
                   HTTP_REQUEST_MAX - 100, 0);
    assert_true(starts(answer(w, request), "HTTP/1.1 200 "));
    w->path[0] = '\0';
    (void)answer(w, "\r\nno request\r\n\r\n");
    assert_string_equal(w->path, "");
}

static void test_content_in_pieces(void **state)
{
    struct world *w = *state;
    w->left = 30000;
    assert_non_null(strstr(answer(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "\r\n0\r\n\r\n"));
    assert_int_equal(w->left, 0);
    assert_int_equal(w->done, 1);
    w->left = 30000;
    w->fails = true;
    assert_null(strstr(answer(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "\r\n0\r\n\r\n"));
    assert_int_equal(w->done, 2);
}

/* What a client does not read is not made, and what was made is freed when the client goes away, or the
 * server. */
static void test_a_client_that_does_not_read(void **state)
{
    struct world *w = *state;
    w->left = ENDLESS;
    int first = client(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    loop_until(&w->loop, w->left < ENDLESS);
    size_t left;
    do { /* until the socket is full */
        left = w->left;
        for (unsigned i = 0; i < 20; i++)
            loop_turn(&w->loop);
    } while (w->left < left);
    assert_true(w->left > 0);
    (void)close(first);
    loop_until(&w->loop, w->done == 1);
    w->left = ENDLESS;
    int second = client(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    loop_until(&w->loop, w->left < ENDLESS);
    http_close(w->server);
    w->server = NULL;
    assert_int_equal(w->done, 2);
    (void)close(second);
}

/* Between two pieces of an answer the loop serves everything else, however fast a client reads. */
static void test_an_answer_takes_turns(void **state)
{
    struct world *w = *state;
    w->left = ENDLESS;
    int fd = client(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    loop_until(&w->loop, w->left < ENDLESS);
    for (unsigned i = 0; i < 20; i++) {
        size_t left = w->left;
        loop_turn(&w->loop);
        assert_true(left - w->left <= (size_t)16 * HTTP_REQUEST_MAX);
    }
    (void)close(fd);
}

/* One host has a part of the connections; it is answered again when it has closed them. */
static void test_many_clients(void **state)
{
    struct world *w = *state;
    int idle[HTTP_CONNECTIONS_PER_HOST_MAX];
    for (size_t i = 0; i < ARRAY_LEN(idle); i++)
        idle[i] = client(w, "GET / HT");
    int other = client(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    loop_until(&w->loop, read_some(w, other));
    assert_int_equal(w->len, 0);
    (void)close(other);
    for (size_t i = 0; i < ARRAY_LEN(idle); i++)
        (void)close(idle[i]);
    loop_until(&w->loop, starts(answer(w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 "));
}

/* All connections are taken, and end at once. Nothing else happens then, and the next client is served. */
static void test_all_end_at_once(void **state)
{
    struct world *w = *state;
    int idle[HTTP_CONNECTIONS_MAX];
    for (unsigned i = 0; i < ARRAY_LEN(idle); i++)
        idle[i] = client_of(w, i / HTTP_CONNECTIONS_PER_HOST_MAX, "GET / HT");
    for (unsigned i = 0; i < 20; i++)
        loop_turn(&w->loop);
    int next = client_of(w, 2, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    loop_turn(&w->loop);
    assert_false(read_some(w, next));
    for (size_t i = 0; i < ARRAY_LEN(idle); i++)
        (void)close(idle[i]);
    w->len = 0;
    loop_until(&w->loop, read_some(w, next));
    assert_true(starts(w->answer, "HTTP/1.1 200 "));
    (void)close(next);
}

static void test_the_port_is_taken(void **state)
{
    struct world *w = *state;
    int error = 0;
    assert_null(http_open(&w->loop, INADDR_LOOPBACK, http_port(w->server), on_asked, w, &error));
    assert_int_equal(error, -EADDRINUSE);
}

UNIT(http)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_content_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_does_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_takes_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_end_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_port_is_taken, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
