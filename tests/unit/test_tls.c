/* Which peers TLS accepts as the router, which it refuses, and that the split of the bytes does not
 * matter. */

#include <sys/resource.h>

#include <wolfssl/options.h>

#include "tls_unit.h"

enum { ANY = 4096 };

/* ---- a small client ---- */

struct client {
    struct tls *tls;
    int fd;
    size_t piece; /* the most bytes in one call */
    uint8_t bytes[4096];
};

static bool send_all(void *owner, struct span bytes)
{
    struct client *c = owner;
    return send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len;
}

static bool feed(struct client *c)
{
    ssize_t len = recv(c->fd, c->bytes, c->piece, 0);
    if (len <= 0)
        return false;
    tls_feed(c->tls, span_of(c->bytes, (size_t)len));
    return true;
}

static void open_client(struct client *c, struct tls_context *context, int fd, size_t piece)
{
    c->fd = fd;
    c->piece = piece;
    c->tls = tls_new(context, send_all, c);
    assert_non_null(c->tls);
}

static void close_client(struct client *c)
{
    tls_free(c->tls);
    (void)close(c->fd);
}

/* FAILURE_NONE: the peer was accepted. FAILURE_LOST: it closed, while the library waits for more. */
static enum failure shake(struct client *c)
{
    enum tls_status status = tls_handshake(c->tls);
    while (status == TLS_WAITING) {
        if (!feed(c))
            return FAILURE_LOST;
        status = tls_handshake(c->tls);
    }
    return status == TLS_DONE ? FAILURE_NONE : tls_failure(c->tls);
}

static void check_echo(struct client *c)
{
    char text[16] = "";
    size_t len = 0;
    assert_true(tls_write(c->tls, BYTES("hello\n")));
    while (len < strlen("olleh\n")) {
        size_t got = 0;
        enum tls_status status = tls_read(c->tls, (uint8_t *)text + len, sizeof(text) - len, &got);
        if (status == TLS_WAITING)
            assert_true(feed(c));
        else
            assert_int_equal(status, TLS_DONE);
        len += got;
    }
    assert_memory_equal(text, "olleh\n", len);
}

static int connect_to(const struct server *server)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(server->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static enum failure talk(const struct server *server, const struct tls_settings *settings, size_t piece)
{
    struct tls_context *context = make_context(settings);
    struct client client;
    open_client(&client, context, connect_to(server), piece);
    enum failure failure = shake(&client);
    if (failure == FAILURE_NONE)
        check_echo(&client);
    close_client(&client);
    tls_context_free(context);
    return failure;
}

/* ---- which peers are accepted ---- */

#define SERVER "-cert $d/server.pem -key $d/router.key "
#define NAMED "-cert $d/names.pem -key $d/router.key "
#define NO_CERTIFICATE "-nocert -tls1_2 -cipher ADH:@SECLEVEL=0"

struct row {
    const char *options; /* s_server's */
    const char *ca;
    const char *name;
    const char *fingerprint; /* of this certificate */
    bool insecure;
    enum failure expected;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
        struct tls_settings settings = {.name = row->name, .insecure = row->insecure};
        struct server server = start_server(row->options);
        if (row->ca != NULL)
            settings.ca_file = in_folder(row->ca);
        if (row->fingerprint != NULL) {
            fingerprint_of(row->fingerprint, fingerprint);
            settings.fingerprint = fingerprint;
        }
        enum failure failure = talk(&server, &settings, ANY);
        stop_server(&server);
        if (failure != row->expected)
            fail_msg("row %zu (%s): %d instead of %d", i, row->options, (int)failure, (int)row->expected);
    }
}

static void test_by_ca(void **state)
{
    static const struct row rows[] = {
        {.options = SERVER, .ca = "ca.pem", .expected = FAILURE_NONE},
        {.options = "-cert $d/chain.pem -key $d/router.key", .ca = "ca.pem", .expected = FAILURE_NONE},
        {.options = "-cert $d/ec.pem -key $d/ec.key", .ca = "ca.pem", .expected = FAILURE_NONE},
        {.options = SERVER, .ca = "bundle.pem", .expected = FAILURE_NONE},
        {.options = "-cert $d/self.pem -key $d/router.key", .ca = "self.pem", .expected = FAILURE_NONE},
        {.options = "-cert $d/large.pem -key $d/large.key", .ca = "large.pem", .expected = FAILURE_NONE},
        {.options = "-tls1_2 -cert $d/large.pem -key $d/large.key",
         .ca = "large.pem",
         .expected = FAILURE_NONE},
        {.options = SERVER, .ca = "other.pem", .expected = FAILURE_TLS_UNTRUSTED},
        {.options = "-cert $d/chain.pem -key $d/router.key",
         .ca = "other.pem",
         .expected = FAILURE_TLS_UNTRUSTED},
        {.options = "-cert $d/self.pem -key $d/router.key",
         .ca = "ca.pem",
         .expected = FAILURE_TLS_UNTRUSTED},
        {.options = "-cert $d/self.pem -key $d/router.key",
         .name = "self",
         .expected = FAILURE_TLS_UNTRUSTED},
        {.options = "-cert $d/client.pem -key $d/router.key",
         .ca = "ca.pem",
         .expected = FAILURE_TLS_UNTRUSTED},
        {.options = "-cert $d/past.pem -key $d/router.key", .ca = "ca.pem", .expected = FAILURE_TLS_OUTDATED},
        {.options = "-cert $d/future.pem -key $d/router.key",
         .ca = "ca.pem",
         .expected = FAILURE_TLS_OUTDATED},
        {.options = "-tls1_2 -cert $d/past.pem -key $d/router.key",
         .ca = "ca.pem",
         .expected = FAILURE_TLS_OUTDATED},
        {.options = NO_CERTIFICATE, .ca = "ca.pem", .expected = FAILURE_TLS_REFUSED},
    };
    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_by_name(void **state)
{
    static const struct row rows[] = {
        {.options = SERVER, .ca = "ca.pem", .name = "router", .expected = FAILURE_NONE},
        {.options = SERVER, .ca = "ca.pem", .name = "Router", .expected = FAILURE_NONE},
        {.options = SERVER, .ca = "ca.pem", .name = "router.lan", .expected = FAILURE_TLS_WRONG_NAME},
        {.options = SERVER, .ca = "ca.pem", .name = "127.0.0.1", .expected = FAILURE_TLS_WRONG_NAME},
        {.options = NAMED, .ca = "ca.pem", .name = "router.lan", .expected = FAILURE_NONE},
        {.options = NAMED, .ca = "ca.pem", .name = "192.168.88.1", .expected = FAILURE_NONE},
        {.options = NAMED, .ca = "ca.pem", .name = "fd00:0::1", .expected = FAILURE_NONE},
        {.options = NAMED, .ca = "ca.pem", .name = "fd00::2", .expected = FAILURE_TLS_WRONG_NAME},
        {.options = NAMED, .ca = "ca.pem", .name = "192.168.88.10", .expected = FAILURE_TLS_WRONG_NAME},
        /* RFC 6125 section 6.4.4: the common name counts only if there are no other names. */
        {.options = NAMED, .ca = "ca.pem", .name = "router", .expected = FAILURE_TLS_WRONG_NAME},
        {.options = "-tls1_2 " NAMED,
         .ca = "ca.pem",
         .name = "other.lan",
         .expected = FAILURE_TLS_WRONG_NAME},
        {.options = "-cert $d/wild.pem -key $d/router.key",
         .ca = "ca.pem",
         .name = "router.example",
         .expected = FAILURE_NONE},
        {.options = "-cert $d/wild.pem -key $d/router.key",
         .ca = "ca.pem",
         .name = "a.router.example",
         .expected = FAILURE_TLS_WRONG_NAME},
        {.options = SERVER, .ca = "other.pem", .name = "router", .expected = FAILURE_TLS_UNTRUSTED},
    };
    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_by_fingerprint(void **state)
{
    static const struct row rows[] = {
        {.options = SERVER, .fingerprint = "server", .expected = FAILURE_NONE},
        {.options = "-tls1_2 " SERVER, .fingerprint = "server", .expected = FAILURE_NONE},
        {.options = "-cert $d/chain.pem -key $d/router.key",
         .fingerprint = "server",
         .expected = FAILURE_NONE},
        {.options = "-cert $d/self.pem -key $d/router.key", .fingerprint = "self", .expected = FAILURE_NONE},
        {.options = "-cert $d/past.pem -key $d/router.key", .fingerprint = "past", .expected = FAILURE_NONE},
        {.options = SERVER, .fingerprint = "names", .expected = FAILURE_TLS_WRONG_PRINT},
        {.options = "-tls1_2 " SERVER, .fingerprint = "names", .expected = FAILURE_TLS_WRONG_PRINT},
        {.options = "-cert $d/self.pem -key $d/router.key",
         .fingerprint = "ca",
         .expected = FAILURE_TLS_WRONG_PRINT},
        /* The certificate has the right one, but only as its issuer's. */
        {.options = "-cert $d/chain.pem -key $d/router.key",
         .fingerprint = "ca",
         .expected = FAILURE_TLS_WRONG_PRINT},
        {.options = NO_CERTIFICATE, .fingerprint = "server", .expected = FAILURE_TLS_REFUSED},
    };
    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

/* A CA that came with the right certificate must not be trusted for the next connection. */
static void test_a_fingerprint_trusts_no_ca(void **state)
{
    struct server right = start_server("-cert $d/chain.pem -key $d/router.key");
    struct server wrong = start_server(NAMED);
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    const struct server *const servers[] = {&right, &wrong, &right};
    static const enum failure expected[] = {FAILURE_NONE, FAILURE_TLS_WRONG_PRINT, FAILURE_NONE};
    (void)state;
    fingerprint_of("server", fingerprint);
    struct tls_context *context = make_context(&(struct tls_settings){.fingerprint = fingerprint});
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        struct client client;
        open_client(&client, context, connect_to(servers[i]), ANY);
        assert_int_equal(shake(&client), expected[i]);
        close_client(&client);
    }
    tls_context_free(context);
    stop_server(&right);
    stop_server(&wrong);
}

static void test_insecure(void **state)
{
    static const struct row rows[] = {
        {.options = NO_CERTIFICATE, .insecure = true, .expected = FAILURE_NONE},
        {.options = "-nocert -cipher ALL:@SECLEVEL=0", .insecure = true, .expected = FAILURE_NONE},
        {.options = SERVER, .insecure = true, .expected = FAILURE_NONE},
        {.options = "-tls1_2 " SERVER, .insecure = true, .expected = FAILURE_NONE},
        {.options = "-cert $d/past.pem -key $d/router.key", .insecure = true, .expected = FAILURE_NONE},
    };
    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

/* The choices of RouterOS 6 and 7, and the others that the daemon offers. */
static void test_versions_and_suites(void **state)
{
    static const struct row rows[] = {
        {.options = "-tls1_2 " SERVER, .ca = "ca.pem", .expected = FAILURE_NONE},
#ifdef WOLFSSL_TLS13
        {.options = "-tls1_3 " SERVER, .ca = "ca.pem", .expected = FAILURE_NONE},
#endif
        {.options = "-tls1_2 -cert $d/ec.pem -key $d/ec.key", .ca = "ca.pem", .expected = FAILURE_NONE},
        {.options = "-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384 " SERVER,
         .ca = "ca.pem",
         .expected = FAILURE_NONE},
        {.options = "-tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384 " SERVER,
         .ca = "ca.pem",
         .expected = FAILURE_NONE},
        {.options = "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256 " SERVER,
         .ca = "ca.pem",
         .expected = FAILURE_NONE},
        {.options = "-ciphersuites TLS_AES_128_GCM_SHA256 " SERVER, .ca = "ca.pem", .expected = FAILURE_NONE},
        {.options = "-groups secp384r1 " SERVER, .ca = "ca.pem", .expected = FAILURE_NONE},
        {.options = "-tls1_1 -cipher ALL:@SECLEVEL=0 " SERVER,
         .ca = "ca.pem",
         .expected = FAILURE_TLS_REFUSED},
        {.options = "-tls1_2 -cipher AES128-SHA " SERVER, .ca = "ca.pem", .expected = FAILURE_TLS_REFUSED},
    };
    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- pieces ---- */

static void test_one_byte_at_a_time(void **state)
{
    static const char *const options[] = {("-tls1_2 " SERVER), SERVER, NO_CERTIFICATE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct tls_settings settings = {.ca_file = in_folder("ca.pem")};
        struct server server = start_server(options[i]);
        if (strcmp(options[i], NO_CERTIFICATE) == 0)
            settings = (struct tls_settings){.insecure = true};
        assert_int_equal(talk(&server, &settings, 1), FAILURE_NONE);
        stop_server(&server);
    }
}

/* Peers that answer in plain text or with garbage, whether they know TLS or not. */
static void test_not_tls(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum failure expected;
    } cases[] = {
        {"\x06!fatal\x0enot logged in\x00", 23, FAILURE_TLS_BROKEN},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, FAILURE_TLS_BROKEN},
        {"\x15\x03\x03\x00\x02\x02\x28", 7, FAILURE_TLS_REFUSED}, /* handshake_failure */
        {"\x15\x03\x03\x00\x02\x01\x00", 7, FAILURE_TLS_BROKEN},  /* close_notify, before a handshake */
        {"\x16\x03\x03\xff\xff", 5, FAILURE_TLS_BROKEN},          /* too long a record */
        {"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", 9, FAILURE_TLS_BROKEN}, /* ServerHelloDone first of all */
        {"\x17\x03\x03\x00\x04"
         "abcd",
         9, FAILURE_TLS_BROKEN}, /* data before any handshake */
    };
    struct tls_context *context = make_context(&(struct tls_settings){.insecure = true});
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(write(ends[1], cases[i].bytes, cases[i].len), cases[i].len);
        (void)shutdown(ends[1], SHUT_WR);
        open_client(&client, context, ends[0], ANY);
        enum failure failure = shake(&client);
        if (failure != cases[i].expected)
            fail_msg("case %zu: %d", i, (int)failure);
        close_client(&client);
        (void)close(ends[1]);
    }
    tls_context_free(context);
}

/* The length of the peer's certificates is bounded before anything is proven. */
static void test_endless_handshake(void **state)
{
    static const uint8_t hello_and_more[] = {0x16, 0x03, 0x03, 0x40, 0x00, 0x0b, 0xff, 0xff, 0xff};
    struct tls_context *context = make_context(&(struct tls_settings){.insecure = true});
    struct client client;
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    open_client(&client, context, ends[0], ANY);
    assert_int_equal(tls_handshake(client.tls), TLS_WAITING);
    tls_feed(client.tls, span_of(hello_and_more, sizeof(hello_and_more)));
    enum tls_status status = tls_handshake(client.tls);
    for (unsigned i = 0; i < 64 && status == TLS_WAITING; i++) {
        tls_feed(client.tls, span_of(client.bytes, sizeof(client.bytes)));
        status = tls_handshake(client.tls);
    }
    assert_int_equal(status, TLS_FAILED);
    assert_int_equal(tls_failure(client.tls), FAILURE_TLS_BROKEN);
    close_client(&client);
    (void)close(ends[1]);
    tls_context_free(context);
}

/* ---- ends ---- */

static void test_end_in_order(void **state)
{
    struct server server = start_server("-tls1_2 " SERVER);
    struct tls_context *context = make_context(&(struct tls_settings){.ca_file = in_folder("ca.pem")});
    struct client client;
    uint8_t byte;
    size_t len;
    (void)state;
    open_client(&client, context, connect_to(&server), ANY);
    assert_int_equal(shake(&client), FAILURE_NONE);
    tls_close(client.tls);
    /* s_server answers with its own. */
    enum tls_status status = TLS_WAITING;
    while (status == TLS_WAITING && feed(&client))
        status = tls_read(client.tls, &byte, 1, &len);
    assert_int_equal(status, TLS_CLOSED);
    close_client(&client);
    tls_context_free(context);
    stop_server(&server);
}

/* ---- contexts ---- */

static enum tls_problem problem_with(const char *ca_file)
{
    enum tls_problem problem;
    struct tls_context *context = tls_context_new(&(struct tls_settings){.ca_file = ca_file}, &problem);
    assert_null(context);
    return problem;
}

static void test_files_of_cas(void **state)
{
    (void)state;
    write_file(in_folder("empty.pem"), "");
    write_file(in_folder("words.pem"), "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
    assert_int_equal(problem_with(in_folder("missing.pem")), TLS_PROBLEM_UNREADABLE);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(problem_with(certificates), TLS_PROBLEM_UNREADABLE);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(problem_with("/dev/zero"), TLS_PROBLEM_UNREADABLE);
    assert_int_equal(errno, ENXIO);
    assert_int_equal(problem_with(in_folder("empty.pem")), TLS_PROBLEM_NO_CA);
    assert_int_equal(problem_with(in_folder("words.pem")), TLS_PROBLEM_NO_CA);
    assert_int_equal(problem_with(in_folder("router.key")), TLS_PROBLEM_NO_CA);
}

/* After its start the daemon may not open files any more; /dev/urandom is one. */
static void test_connections_open_no_file(void **state)
{
    struct server server = start_server(SERVER);
    struct tls_context *context = make_context(&(struct tls_settings){.ca_file = in_folder("ca.pem")});
    struct client client;
    struct rlimit limit;
    (void)state;
    int fd = connect_to(&server);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(open("/dev/urandom", O_RDONLY), -1);
    open_client(&client, context, fd, ANY);
    enum failure failure = shake(&client);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(failure, FAILURE_NONE);
    close_client(&client);
    tls_context_free(context);
    stop_server(&server);
}

UNIT(tls)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_ca),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_by_fingerprint),
        cmocka_unit_test(test_a_fingerprint_trusts_no_ca),
        cmocka_unit_test(test_insecure),
        cmocka_unit_test(test_versions_and_suites),
        cmocka_unit_test(test_one_byte_at_a_time),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_endless_handshake),
        cmocka_unit_test(test_end_in_order),
        cmocka_unit_test(test_files_of_cas),
        cmocka_unit_test(test_connections_open_no_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
