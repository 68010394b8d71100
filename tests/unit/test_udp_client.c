/* The client's socket survives errors, missing routes and a change of route. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io/udp_client.h"
#include "loop.h"

static const uint32_t loopback = 0x7F000001;

/* In the place of the C library's: what happens between two system calls. */
static struct {
    int stranger;       /* sends to the socket before it is connected; 0: nobody */
    int receive_errors; /* so many calls find nothing, for ... */
    int receive_error;  /* ... this reason */
} fault;

int fake_connect(int fd, const struct sockaddr *address, socklen_t len) __asm__("connect");
int fake_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in local = {0};
    socklen_t local_len = sizeof(local);
    if (fault.stranger > 0 && getsockname(fd, (struct sockaddr *)&local, &local_len) == 0)
        (void)sendto(fault.stranger, "strange", 7, 0, (const struct sockaddr *)&local, sizeof(local));
    return (int)syscall(SYS_connect, fd, address, len);
}

int fake_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                  struct timespec *timeout) __asm__("recvmmsg");
int fake_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    if (fault.receive_errors > 0) {
        fault.receive_errors--;
        errno = fault.receive_error;
        return -1;
    }
    return (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
}

struct world {
    uv_loop_t loop;
    struct udp_client client;
    unsigned received;
    unsigned batches;
    uint8_t bytes[UDP_CLIENT_DATAGRAM_MAX];
    size_t length;
    unsigned failed;
    enum gateway_trouble error;
    bool in_call;
    bool close_at_once;
};

static void on_received(void *context, struct span bytes)
{
    struct world *w = context;
    assert_false(w->in_call);
    w->received++;
    w->length = bytes.len;
    memcpy(w->bytes, bytes.data, bytes.len);
    if (w->close_at_once)
        udp_client_close(&w->client);
}

static void on_failed(void *context, enum gateway_trouble error)
{
    struct world *w = context;
    assert_false(w->in_call);
    w->failed++;
    w->error = error;
}

static void on_batch_done(void *context)
{
    struct world *w = context;
    w->batches++;
}

static const struct udp_client_handlers handlers = {
    .received = on_received, .batch_done = on_batch_done, .failed = on_failed};

static void connect_by(struct world *w, uint32_t address, uint16_t port, struct udp_way way)
{
    w->in_call = true;
    udp_client_open(&w->client, &w->loop, address, port, &way, &handlers, w);
    w->in_call = false;
}

static void connect_to(struct world *w, uint32_t address, uint16_t port)
{
    connect_by(w, address, port, (struct udp_way){0});
}

static void say(struct world *w, const char *text)
{
    w->in_call = true;
    udp_client_queue(&w->client, span_text(text));
    udp_client_flush(&w->client);
    w->in_call = false;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    udp_client_close(&w->client);
    loop_end(&w->loop);
    free(w);
    return 0;
}

/* ---- the peer ---- */

static int peer_at(uint32_t address, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in local = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&local, sizeof(local)), 0);
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &len), 0);
    return ntohs(local.sin_port);
}

/* The port of a socket that is closed already. */
static uint16_t connect_to_nobody(struct world *w)
{
    int peer = peer_at(loopback, 0);
    uint16_t port = port_of(peer);
    (void)close(peer);
    connect_to(w, loopback, port);
    return port;
}

/* The peer must receive `text`. Returns the sender's address. */
static struct sockaddr_in hear(int fd, const char *text)
{
    char bytes[64];
    struct sockaddr_in from = {0};
    socklen_t from_len = sizeof(from);
    ssize_t len = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
    return from;
}

static void reply(int fd, const struct sockaddr_in *to, const void *bytes, size_t len)
{
    assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)), len);
}

/* ---- tests ---- */

static void test_there_and_back(void **state)
{
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    assert_int_equal(udp_client_local(&w->client), loopback);
    say(w, "hello");
    struct sockaddr_in from = hear(peer, "hello");
    reply(peer, &from, "answer", 6);
    loop_until(&w->loop, w->received == 1);
    assert_int_equal(w->length, 6);
    assert_memory_equal(w->bytes, "answer", 6);
    assert_int_equal(w->failed, 0);
    (void)close(peer);
}

static void test_sizes(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[UDP_CLIENT_DATAGRAM_MAX + 1];
    int peer = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    say(w, "x");
    struct sockaddr_in from = hear(peer, "x");
    reply(peer, &from, bytes, UDP_CLIENT_DATAGRAM_MAX + 1);
    reply(peer, &from, bytes, UDP_CLIENT_DATAGRAM_MAX);
    loop_until(&w->loop, w->received > 0);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->length, UDP_CLIENT_DATAGRAM_MAX);
    reply(peer, &from, bytes, 0);
    loop_until(&w->loop, w->received == 2);
    assert_int_equal(w->length, 0);
    (void)close(peer);
}

/* [C-12] */
static void test_other_sources_are_ignored(void **state)
{
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    int stranger = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    say(w, "x");
    struct sockaddr_in from = hear(peer, "x");
    (void)sendto(stranger, "lie", 3, 0, (const struct sockaddr *)&from, sizeof(from));
    reply(peer, &from, "truth", 5);
    loop_until(&w->loop, w->received > 0);
    assert_int_equal(w->received, 1);
    assert_memory_equal(w->bytes, "truth", 5);
    (void)close(peer);
    (void)close(stranger);
}

/* Until it is connected the socket takes datagrams from anybody. */
static void test_strangers_before_the_connection_are_not_heard(void **state)
{
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    int stranger = peer_at(loopback, 0);
    fault.stranger = stranger;
    connect_by(w, loopback, port_of(peer), (struct udp_way){.source = loopback});
    fault.stranger = 0;
    say(w, "asked");
    struct sockaddr_in from = hear(peer, "asked");
    reply(peer, &from, "answer", 6);
    loop_until(&w->loop, w->received > 0);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->length, 6);
    assert_memory_equal(w->bytes, "answer", 6);
    (void)close(stranger);
    (void)close(peer);
}

/* The loop said that there is something, and there is nothing yet: that is no error. */
static void test_nothing_to_receive_is_no_error(void **state)
{
    static const int errors[] = {EAGAIN, EINTR};
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
        fault.receive_error = errors[i];
        fault.receive_errors = 2;
        say(w, "asked");
        struct sockaddr_in from = hear(peer, "asked");
        reply(peer, &from, "answer", 6);
        loop_until(&w->loop, w->received == i + 1);
        assert_int_equal(w->failed, 0);
    }
    (void)close(peer);
}

static void test_refused(void **state)
{
    struct world *w = *state;
    uint16_t port = connect_to_nobody(w);
    for (unsigned i = 1; i <= 3; i++) {
        say(w, "anybody?");
        loop_until(&w->loop, w->failed >= i);
        assert_int_equal(w->error, GATEWAY_PORT_UNREACHABLE);
    }
    assert_int_equal(w->failed, 3);
    int peer = peer_at(loopback, port);
    say(w, "now?");
    (void)hear(peer, "now?");
    (void)close(peer);
}

static void test_an_old_error_costs_no_datagram(void **state)
{
    struct world *w = *state;
    uint16_t port = connect_to_nobody(w);
    say(w, "lost");
    int peer = peer_at(loopback, port);
    /* The error of the first datagram is reported when the second one is sent. */
    say(w, "kept");
    struct sockaddr_in from = hear(peer, "kept");
    reply(peer, &from, "answer", 6);
    loop_until(&w->loop, w->received == 1 && w->failed > 0);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, GATEWAY_PORT_UNREACHABLE);
    (void)close(peer);
}

static void test_silence_changes_the_port(void **state)
{
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    say(w, "1");
    struct sockaddr_in first = hear(peer, "1");
    say(w, "2");
    assert_int_equal(hear(peer, "2").sin_port, first.sin_port);

    w->client.unanswered_ms -= UDP_SILENCE_MS;
    say(w, "3");
    struct sockaddr_in second = hear(peer, "3");
    assert_int_not_equal(second.sin_port, first.sin_port);
    say(w, "4");
    assert_int_equal(hear(peer, "4").sin_port, second.sin_port);

    reply(peer, &second, "heard", 5);
    loop_until(&w->loop, w->received == 1);
    assert_int_equal(w->client.unanswered_ms, 0);
    say(w, "5");
    assert_int_equal(hear(peer, "5").sin_port, second.sin_port);
    (void)close(peer);
}

/* More than one batch, more than the queue has room for, and in order. */
static void test_many_at_once(void **state)
{
    enum { MANY = UDP_CLIENT_QUEUE_MAX + UDP_CLIENT_BATCH + 1 };
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    char text[8];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        udp_client_queue(&w->client, span_text(text));
    }
    udp_client_flush(&w->client);
    struct sockaddr_in from = {0};
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        from = hear(peer, text);
    }
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        reply(peer, &from, text, strlen(text));
    }
    loop_until(&w->loop, w->received == MANY);
    assert_memory_equal(w->bytes, "96", 2);
    assert_true(w->batches >= MANY / UDP_CLIENT_BATCH && w->batches < MANY);
    assert_int_equal(w->failed, 0);
    (void)close(peer);
}

static void test_an_old_error_costs_no_datagram_of_many(void **state)
{
    struct world *w = *state;
    uint16_t port = connect_to_nobody(w);
    say(w, "lost");
    int peer = peer_at(loopback, port);
    udp_client_queue(&w->client, span_text("1"));
    udp_client_queue(&w->client, span_text("2"));
    udp_client_flush(&w->client);
    (void)hear(peer, "1");
    (void)hear(peer, "2");
    loop_until(&w->loop, w->failed > 0);
    loop_turn(&w->loop);
    assert_int_equal(w->failed, 1);
    (void)close(peer);
}

static void test_close_from_a_callback(void **state)
{
    struct world *w = *state;
    int peer = peer_at(loopback, 0);
    connect_to(w, loopback, port_of(peer));
    w->close_at_once = true;
    say(w, "x");
    struct sockaddr_in from = hear(peer, "x");
    reply(peer, &from, "1", 1);
    reply(peer, &from, "2", 1);
    loop_until(&w->loop, w->received > 0);
    loop_turn(&w->loop);
    assert_int_equal(w->received, 1);
    assert_int_equal(udp_client_local(&w->client), 0);
    (void)close(peer);
}

static void test_no_descriptors(void **state)
{
    struct world *w = *state;
    struct rlimit limit;
    int peer = peer_at(loopback, 0);
    uint16_t port = port_of(peer);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    connect_to(w, loopback, port);
    say(w, "lost");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    loop_until(&w->loop, w->failed == 1);
    assert_int_equal(w->error, GATEWAY_SEND_FAILED);
    say(w, "sent");
    (void)hear(peer, "sent");
    (void)close(peer);
}

/* ---- routes ---- */

static bool have_network;

static void need_network(void)
{
    if (!have_network) {
        print_message("no network namespace of its own is allowed here\n");
        skip();
    }
}

static void test_no_route_at_start(void **state)
{
    struct world *w = *state;
    need_network();
    connect_to(w, 0x0A090909, 5351);
    assert_int_equal(udp_client_local(&w->client), 0);
    assert_int_equal(w->failed, 0);
    say(w, "lost");
    loop_until(&w->loop, w->failed > 0);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, GATEWAY_NO_ROUTE);

    shell("ip address add 10.9.9.9/32 dev lo");
    int peer = peer_at(0x0A090909, 5351);
    say(w, "sent");
    struct sockaddr_in from = hear(peer, "sent");
    assert_int_equal(udp_client_local(&w->client), ntohl(from.sin_addr.s_addr));
    reply(peer, &from, "answer", 6);
    loop_until(&w->loop, w->received == 1);
    (void)close(peer);
    shell("ip address del 10.9.9.9/32 dev lo");
}

static void test_source_follows_the_route(void **state)
{
    struct world *w = *state;
    need_network();
    shell("ip route add 10.2.0.1/32 dev home0 src 192.168.88.2");
    connect_to(w, 0x0A020001, 5351);
    say(w, "by the default route");
    assert_int_equal(udp_client_local(&w->client), 0xC0A85802);
    shell("ip route replace 10.2.0.1/32 dev home0 src 10.2.0.2");
    say(w, "not long enough");
    assert_int_equal(udp_client_local(&w->client), 0xC0A85802);
    w->client.unanswered_ms -= UDP_SILENCE_MS;
    say(w, "through the tunnel");
    assert_int_equal(udp_client_local(&w->client), 0x0A020002);

    shell("ip route replace unreachable 10.2.0.1/32");
    say(w, "lost");
    loop_until(&w->loop, w->failed == 1);
    assert_int_equal(w->error, GATEWAY_NO_ROUTE);
    shell("ip route del unreachable 10.2.0.1/32; ip route replace 10.2.0.1/32 dev home0 src 192.168.88.2");
    say(w, "again");
    assert_int_equal(udp_client_local(&w->client), 0xC0A85802);
    shell("ip route del 10.2.0.1/32");
}

/* The address need not exist at the start, and may disappear and come back. */
static void test_a_source_of_its_own(void **state)
{
    struct world *w = *state;
    need_network();
    int peer = peer_at(0x7F000001, 5351);
    connect_by(w, 0x7F000001, 5351, (struct udp_way){.source = 0x0A080808});
    say(w, "lost");
    loop_until(&w->loop, w->failed == 1);
    assert_int_equal(w->error, GATEWAY_NO_SOURCE);
    for (unsigned i = 0; i < 2; i++) {
        shell("ip address add 10.8.8.8/32 dev lo");
        say(w, "sent");
        struct sockaddr_in from = hear(peer, "sent");
        assert_int_equal(ntohl(from.sin_addr.s_addr), 0x0A080808);
        reply(peer, &from, "answer", 6);
        loop_until(&w->loop, w->received == i + 1);
        shell("ip address del 10.8.8.8/32 dev lo");
        w->client.stale = true;
        w->failed = 0;
        say(w, "lost again");
        loop_until(&w->loop, w->failed == 1);
        assert_int_equal(w->error, GATEWAY_NO_SOURCE);
    }
    (void)close(peer);
}

/* An interface that is made anew has another number, and the socket follows it. */
static void test_a_device_of_its_own(void **state)
{
    struct world *w = *state;
    need_network();
    connect_by(w, 0x0A070001, 5351, (struct udp_way){.device = "tunnel0"});
    for (unsigned i = 0; i < 2; i++) {
        w->failed = 0;
        say(w, "lost");
        loop_until(&w->loop, w->failed == 1);
        assert_int_equal(w->error, GATEWAY_NO_SOURCE);
        shell("ip link add tunnel0 type veth peer name tunnel1 && ip address add 10.7.0.2/24 dev tunnel0 && "
              "ip link set tunnel0 up && ip link set tunnel1 up && ip neigh add 10.7.0.1 lladdr "
              "02:00:00:00:00:01 dev "
              "tunnel0 && ip route add 10.7.0.1/32 dev home0 metric 1");
        say(w, "sent");
        /* The longer route would lead another way. */
        assert_int_equal(udp_client_local(&w->client), 0x0A070002);
        shell("ip link del tunnel0 && ip route del 10.7.0.1/32 dev home0");
        w->client.stale = true;
    }
}

static void test_forbidden_here(void **state)
{
    struct world *w = *state;
    need_network();
    shell("ip route add prohibit 10.4.0.1/32");
    connect_to(w, 0x0A040001, 5351);
    say(w, "lost");
    loop_until(&w->loop, w->failed > 0);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, GATEWAY_SEND_FAILED);
}

/* A process in a network namespace of its own, which the link away0 leads to and which forwards packets. */
static pid_t start_router(void)
{
    int ready[2];
    char byte;
    char command[512];
    assert_int_equal(pipe(ready), 0);
    pid_t router = fork_child();
    assert_true(router >= 0);
    if (router == 0) {
        if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    int pid = (int)router;
    (void)snprintf(
        command, sizeof(command),
        "ip link set away1 netns %d && ip address add 10.5.0.2/30 dev away0 && ip link set away0 up && "
        "ip route add 10.6.0.0/16 via 10.5.0.1 && "
        "nsenter -t %d -n sh -c 'ip address add 10.5.0.1/30 dev away1 && ip link set away1 up && "
        "ip route add unreachable 10.6.0.0/16 && echo 1 >/proc/sys/net/ipv4/ip_forward'",
        pid, pid);
    shell(command);
    return router;
}

static void test_no_route_beyond_the_router(void **state)
{
    struct world *w = *state;
    need_network();
    pid_t router = start_router();
    connect_to(w, 0x0A060001, 5351);
    assert_int_equal(udp_client_local(&w->client), 0x0A050002);
    say(w, "lost on the way");
    loop_until(&w->loop, w->failed > 0);
    assert_int_equal(w->error, GATEWAY_NO_ROUTE);
    assert_int_equal(w->failed, 1);
    (void)kill(router, SIGKILL);
    (void)waitpid(router, NULL, 0);
}

static void make_links(void)
{
    have_network = network_enter();
    if (have_network) {
        shell("ip link add home0 type veth peer name home1 && ip address add 192.168.88.2/24 dev home0 && "
              "ip address add 10.2.0.2/32 dev home0 && ip link set home0 up && ip link set home1 up && "
              "ip link add away0 type veth peer name away1");
    }
}

UNIT(udp_client)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_sources_are_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strangers_before_the_connection_are_not_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_receive_is_no_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_old_error_costs_no_datagram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_old_error_costs_no_datagram_of_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_changes_the_port, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_from_a_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_route_at_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_source_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_device_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_source_follows_the_route, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forbidden_here, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_route_beyond_the_router, setup, teardown),
    };
    make_links();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
