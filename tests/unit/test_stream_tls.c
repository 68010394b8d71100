/* A stream over TLS opens after the handshake, carries bytes in order and ends with the right reason. */

#include <sys/ioctl.h>

#include "stream_unit.h"
#include "tls_unit.h"

#define SERVER "-cert $d/server.pem -key $d/router.key "

/* ---- between the stream and s_server: forwards what the test allows, and counts ---- */

struct relay {
    struct server server;
    int up;
    size_t limit; /* of the server's bytes */
    size_t from_server;
    size_t from_stream;
    uint8_t last[64]; /* of the stream's bytes, the last ones */
    size_t last_len;
};

static void relay_open(struct relay *r, const char *options)
{
    memset(r, 0, sizeof(*r));
    r->up = -1;
    r->limit = SIZE_MAX;
    r->server = start_server(options);
}

static void relay_connect(struct relay *r, struct world *w)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(r->server.port)};
    loop_until(&w->loop, (w->peer = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    r->up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(r->up, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(r->up, F_SETFL, O_NONBLOCK), 0);
}

static void write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            (void)poll(&room, 1, TURN_LIMIT_MS);
            continue;
        }
        if (put < 0)
            return; /* the peer is gone, which the test notices */
        bytes += put;
        len -= (size_t)put;
    }
}

/* True if any byte was forwarded. */
static bool relay_turn(struct relay *r, struct world *w)
{
    static uint8_t bytes[65536];
    size_t room = r->limit - r->from_server < sizeof(bytes) ? r->limit - r->from_server : sizeof(bytes);
    ssize_t down = room == 0 ? 0 : read(r->up, bytes, room);
    if (down > 0) {
        write_all(w->peer, bytes, (size_t)down);
        r->from_server += (size_t)down;
    }
    ssize_t up = read(w->peer, bytes, sizeof(bytes));
    if (up > 0) {
        write_all(r->up, bytes, (size_t)up);
        r->from_stream += (size_t)up;
        r->last_len = (size_t)up < sizeof(r->last) ? (size_t)up : sizeof(r->last);
        memcpy(r->last, bytes + (size_t)up - r->last_len, r->last_len);
    }
    return down > 0 || up > 0;
}

static void relay_close(struct relay *r, struct world *w)
{
    (void)close(r->up);
    (void)close(w->peer);
    r->up = -1;
    w->peer = -1;
}

/* ---- the stream ---- */

static void open_tls_to(struct world *w, uint16_t port, struct tls_context *tls)
{
    w->stream = stream_open(&w->loop, "127.0.0.1", port, tls, &handlers, w);
    assert_non_null(w->stream);
}

static struct tls_context *by_ca(const char *name)
{
    return make_context(&(struct tls_settings){.ca_file = in_folder(name)});
}

/* The context must outlive the stream. */
static void end_tls(struct world *w, struct tls_context *tls)
{
    if (w->stream != NULL)
        close_stream(w);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    tls_context_free(tls);
}

/* ---- bytes ---- */

static void test_there_and_back(void **state)
{
    struct world *w = *state;
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, w->opened == 1);
    assert_int_equal(w->address, 0x7F000001);
    send_bytes(w, BYTES("hello\n"));
    loop_until(&w->loop, w->received == 6);
    assert_memory_equal(w->bytes, "olleh\n", 6);
    end_tls(w, tls);
    assert_int_equal(w->closed, 0);
    stop_server(&server);
}

static void test_send_from_the_callback(void **state)
{
    struct world *w = *state;
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    w->send_when_opened = true;
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, w->opened == 1);
    send_bytes(w, BYTES("\n"));
    loop_until(&w->loop, w->received == 6);
    assert_memory_equal(w->bytes, "nigol\n", 6);
    end_tls(w, tls);
    stop_server(&server);
}

static void test_much(void **state)
{
    enum { LINES = 100, LINE = 8000 };
    struct world *w = *state;
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    static uint8_t line[LINE];
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, w->opened == 1);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (unsigned i = 0; i < LINES; i++)
        send_bytes(w, span_of(line, sizeof(line)));
    loop_until(&w->loop, w->received == (size_t)LINES * LINE);
    assert_int_equal(w->closed, 0);
    end_tls(w, tls);
    stop_server(&server);
}

static void test_peer_takes_nothing(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[65536];
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, w->opened == 1);
    (void)kill(server.pid, SIGSTOP);
    for (unsigned i = 0; i < 1000 && w->closed == 0; i++) {
        send_bytes(w, span_of(bytes, sizeof(bytes)));
        if (i % 10 == 0)
            loop_turn(&w->loop);
    }
    check_end(w, FAILURE_HERE);
    tls_context_free(tls);
    stop_server(&server);
}

/* ---- before the stream is open ---- */

static void test_why_it_did_not_open(void **state)
{
    static const struct {
        const char *options;
        const char *ca;
        const char *name;
        enum failure expected;
    } cases[] = {
        {SERVER, "other.pem", NULL, FAILURE_TLS_UNTRUSTED},
        {SERVER, "ca.pem", "other", FAILURE_TLS_WRONG_NAME},
        {SERVER, NULL, NULL, FAILURE_TLS_WRONG_PRINT},
        {"-cert $d/past.pem -key $d/router.key", "ca.pem", NULL, FAILURE_TLS_OUTDATED},
        {"-nocert -tls1_2 -cipher ADH:@SECLEVEL=0", "ca.pem", NULL, FAILURE_TLS_REFUSED},
    };
    static const uint8_t no_fingerprint[TLS_FINGERPRINT_SIZE];
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_settings settings = {.name = cases[i].name};
        struct server server = start_server(cases[i].options);
        if (cases[i].ca != NULL)
            settings.ca_file = in_folder(cases[i].ca);
        else
            settings.fingerprint = no_fingerprint;
        struct tls_context *tls = make_context(&settings);
        w->closed = 0;
        open_tls_to(w, server.port, tls);
        check_end(w, cases[i].expected);
        assert_int_equal(w->opened, 0);
        tls_context_free(tls);
        stop_server(&server);
    }
}

static void test_plain_text(void **state)
{
    struct world *w = *state;
    struct tls_context *tls = by_ca("ca.pem");
    open_tls_to(w, w->port, tls);
    loop_until(&w->loop, (w->peer = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    assert_int_equal(write(w->peer, "\x06!fatal\x0enot logged in\x00", 23), 23);
    check_end(w, FAILURE_TLS_BROKEN);
    assert_int_equal(w->opened, 0);
    tls_context_free(tls);
}

/* A RouterOS API without TLS takes the first bytes for a long word, and waits for the rest. */
static void test_silence(void **state)
{
    struct world *w = *state;
    struct tls_context *tls = by_ca("ca.pem");
    uint8_t hello[1024];
    open_tls_to(w, w->port, tls);
    loop_until(&w->loop, (w->peer = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    loop_until(&w->loop, read(w->peer, hello, sizeof(hello)) > 0);
    assert_int_equal(hello[0], 0x16);
    skew_s = STREAM_TLS_TIMEOUT_MS / 1000 - 2;
    loop_turn(&w->loop);
    loop_turn(&w->loop);
    assert_int_equal(w->closed, 0);
    skew_s = STREAM_TLS_TIMEOUT_MS / 1000 + 1;
    check_end(w, FAILURE_TLS_BROKEN);
    assert_int_equal(w->opened, 0);
    tls_context_free(tls);
}

/* Returns how many bytes the server sends until the stream is open. */
static size_t handshake_length(struct world *w, struct tls_context *tls, const char *options)
{
    struct relay relay;
    relay_open(&relay, options);
    w->opened = 0;
    open_tls_to(w, w->port, tls);
    relay_connect(&relay, w);
    loop_until(&w->loop, (relay_turn(&relay, w), w->opened == 1));
    size_t length = relay.from_server;
    close_stream(w);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    relay_close(&relay, w);
    stop_server(&relay.server);
    return length;
}

static void cut_after(struct world *w, struct tls_context *tls, struct relay *relay, size_t limit, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};
    w->opened = 0;
    w->closed = 0;
    relay->limit = limit;
    relay->from_server = 0;
    open_tls_to(w, w->port, tls);
    relay_connect(relay, w);
    loop_until(&w->loop, (relay_turn(relay, w), relay->from_server == limit));
    if (reset)
        (void)setsockopt(w->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    relay_close(relay, w);
    loop_until(&w->loop, w->closed == 1);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    if (w->end != FAILURE_TLS_BROKEN || w->opened != 0)
        fail_msg("cut after %zu: end %d, opened %u", limit, (int)w->end, w->opened);
}

static void test_cut_in_the_handshake(void **state)
{
    static const char *const options[] = {"-tls1_2 " SERVER, "-num_tickets 0 " SERVER};
    struct world *w = *state;
    struct tls_context *tls = by_ca("ca.pem");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct relay relay;
        size_t length = handshake_length(w, tls, options[i]);
        assert_in_range(length, 500, 5000);
        relay_open(&relay, options[i]);
        for (size_t limit = 0; limit < length; limit += 1 + limit / 4)
            cut_after(w, tls, &relay, limit, limit % 2 == 1);
        cut_after(w, tls, &relay, length - 1, false);
        stop_server(&relay.server);
    }
    tls_context_free(tls);
}

/* ---- ends ---- */

static void test_close_tells_the_peer(void **state)
{
    struct world *w = *state;
    struct relay relay;
    struct tls_context *tls = by_ca("ca.pem");
    relay_open(&relay, "-tls1_2 " SERVER);
    open_tls_to(w, w->port, tls);
    relay_connect(&relay, w);
    loop_until(&w->loop, (relay_turn(&relay, w), w->opened == 1));
    size_t before = relay.from_stream;
    close_stream(w);
    loop_until(&w->loop, (relay_turn(&relay, w), relay.from_stream > before));
    /* One record of type alert. */
    assert_int_equal(relay.last[0], 0x15);
    assert_int_equal(relay.last_len, relay.from_stream - before);
    end_tls(w, tls);
    relay_close(&relay, w);
    stop_server(&relay.server);
}

static void test_peer_closes(void **state)
{
    struct world *w = *state;
    /* s_server closes on request. */
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, w->opened == 1);
    send_bytes(w, BYTES("CLOSE\n"));
    check_end(w, FAILURE_LOST);
    tls_context_free(tls);
    stop_server(&server);
}

static void test_peer_dies(void **state)
{
    struct world *w = *state;
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, w->opened == 1);
    stop_server(&server);
    loop_until(&w->loop, w->closed == 1);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    /* It depends on whether s_server had read everything. */
    assert_true(w->end == FAILURE_LOST || w->end == FAILURE_LOST);
    tls_context_free(tls);
}

/* An attacker in between changes bytes that he cannot read. */
static void test_damage(void **state)
{
    struct world *w = *state;
    struct relay relay;
    struct tls_context *tls = by_ca("ca.pem");
    uint8_t record[256];
    ssize_t len = 0;
    relay_open(&relay, "-tls1_2 " SERVER);
    open_tls_to(w, w->port, tls);
    relay_connect(&relay, w);
    loop_until(&w->loop, (relay_turn(&relay, w), w->opened == 1));
    send_bytes(w, BYTES("hello\n"));
    relay.limit = relay.from_server;
    loop_until(&w->loop, (relay_turn(&relay, w), (len = read(relay.up, record, sizeof(record))) > 0));
    record[len - 1] ^= 1;
    write_all(w->peer, record, (size_t)len);
    check_end(w, FAILURE_HERE);
    assert_int_equal(w->received, 0);
    tls_context_free(tls);
    relay_close(&relay, w);
    stop_server(&relay.server);
}

static void test_close_when_opened(void **state)
{
    struct world *w = *state;
    struct server server = start_server(SERVER);
    struct tls_context *tls = by_ca("ca.pem");
    w->close_when_opened = true;
    w->send_when_opened = true;
    open_tls_to(w, server.port, tls);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->opened, 1);
    assert_int_equal(w->closed, 0);
    tls_context_free(tls);
    stop_server(&server);
}

/* Two records have arrived, but the first one must be the last that is read. */
static void test_close_when_received(void **state)
{
    enum { RECORDS = 2 * (5 + 8 + 4 + 16) }; /* RFC 5288 section 3 */
    struct world *w = *state;
    struct relay relay;
    struct tls_context *tls = by_ca("ca.pem");
    int waiting = 0;
    relay_open(&relay, "-tls1_2 " SERVER);
    open_tls_to(w, w->port, tls);
    relay_connect(&relay, w);
    loop_until(&w->loop, (relay_turn(&relay, w), w->opened == 1));
    relay.limit = relay.from_server;
    w->close_when_received = true;
    send_bytes(w, BYTES("one\ntwo\n"));
    loop_until(&w->loop,
               (relay_turn(&relay, w), ioctl(relay.up, FIONREAD, &waiting) == 0 && waiting == RECORDS));
    relay.limit = SIZE_MAX;
    loop_until(&w->loop, (relay_turn(&relay, w), !uv_loop_alive(&w->loop)));
    assert_int_equal(w->received, 4);
    assert_int_equal(w->closed, 0);
    tls_context_free(tls);
    relay_close(&relay, w);
    stop_server(&relay.server);
}

static void test_close_in_the_handshake(void **state)
{
    struct world *w = *state;
    struct tls_context *tls = by_ca("ca.pem");
    open_tls_to(w, w->port, tls);
    loop_until(&w->loop, (w->peer = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    end_tls(w, tls);
    assert_int_equal(w->closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send_from_the_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_much, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_why_it_did_not_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_in_the_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_tells_the_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_when_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_when_received, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_in_the_handshake, setup, teardown),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
