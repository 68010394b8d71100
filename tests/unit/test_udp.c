/* The server's socket: answers leave from the address of the request, in batches, and a full buffer blocks
 * nothing. */

#include "udp_unit.h"

/* [G-08] */
/* Predecessor fault 25: On a host with several addresses the reply leaves from another one than was asked. */
static void test_answers_from_the_asked_address(void **state)
{
    struct world *w = *state;
    int client = client_from(0x7F000009);
    w->echo = true;
    for (uint32_t address = loopback; address < loopback + 8; address++) {
        char bytes[8];
        struct sockaddr_in from = {0};
        ssize_t len = -1;
        ask(w, client, address, "asked", 5);
        loop_until(&w->loop, (len = answer(client, bytes, sizeof(bytes), &from)) >= 0);
        assert_int_equal(len, 5);
        assert_memory_equal(bytes, "asked", 5);
        assert_int_equal(ntohl(from.sin_addr.s_addr), address);
        assert_int_equal(ntohs(from.sin_port), w->port);
        assert_int_equal(w->last.local, address);
        assert_int_equal(w->last.address, 0x7F000009);
        assert_int_equal(w->last.interface, if_nametoindex("lo"));
    }
    (void)close(client);
}

static void test_bound_to_one_address(void **state)
{
    struct world *w = *state;
    struct world other = {0};
    struct sockaddr_in from = {0};
    char bytes[8];
    assert_int_equal(udp_server_open(&other.server, &w->loop, 0x7F000005, w->port, &handlers, &other),
                     -EADDRINUSE);
    assert_int_equal(udp_server_open(&other.server, &w->loop, 0x01020304, 0, &handlers, &other),
                     -EADDRNOTAVAIL);
    udp_server_close(&other.server);

    assert_int_equal(udp_server_open(&other.server, &w->loop, 0x7F000005, 0, &handlers, &other), 0);
    other.echo = true;
    other.port = udp_server_port(&other.server);
    int client = client_from(loopback);
    ask(&other, client, 0x7F000005, "x", 1);
    loop_until(&w->loop, answer(client, bytes, sizeof(bytes), &from) == 1);
    assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7F000005);
    udp_server_close(&other.server);
    (void)close(client);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void test_batches(void **state)
{
    struct world *w = *state;
    int client = client_from(loopback);
    unsigned answers = 0;
    w->echo = true;
    for (unsigned i = 0; i < UDP_BATCH + 8; i++) {
        uint8_t number = (uint8_t)i;
        ask(w, client, loopback, &number, 1);
    }
    loop_turn(&w->loop);
    assert_int_equal(w->received, UDP_BATCH);
    assert_int_equal(w->batches, 1);
    loop_turn(&w->loop);
    assert_int_equal(w->received, UDP_BATCH + 8);
    assert_int_equal(w->batches, 2);
    uint8_t byte;
    struct sockaddr_in from = {0};
    while (answer(client, &byte, 1, &from) == 1)
        assert_int_equal(byte, answers++);
    assert_int_equal(answers, UDP_BATCH + 8);
    (void)close(client);
}

static void test_sizes(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[DATAGRAM_MAX + 1];
    int client = client_from(loopback);
    ask(w, client, loopback, bytes, 0);
    ask(w, client, loopback, bytes, DATAGRAM_MAX + 1);
    ask(w, client, loopback, bytes, DATAGRAM_MAX);
    loop_until(&w->loop, w->received >= 2);
    assert_int_equal(w->received, 2);
    assert_int_equal(w->length[0], 0);
    assert_int_equal(w->length[1], DATAGRAM_MAX);
    (void)close(client);
}

/* The socket has a pending error, here that of a datagram to a closed port. It is cleared, and requests are
 * read as before. */
static void test_requests_are_read_after_a_socket_error(void **state)
{
    struct world *w = *state;
    struct world other = {0};
    struct sockaddr_in closed_port = at(loopback, 0);
    struct sockaddr_in nobody = {.sin_family = AF_UNSPEC};
    socklen_t len = sizeof(closed_port);
    int fd = client_from(loopback);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&closed_port, &len), 0);
    (void)close(fd);
    fd = client_from(loopback);
    struct sockaddr_in free_port = at(loopback, 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&free_port, &len), 0);
    (void)close(fd);
    /* The kernel's choice of a port is kept when the socket is connected and freed again. */
    assert_int_equal(
        udp_server_open(&other.server, &w->loop, loopback, ntohs(free_port.sin_port), &handlers, &other), 0);
    other.port = udp_server_port(&other.server);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    int client = client_from(loopback);
    for (unsigned i = 1; i <= 3; i++) {
        fd = other.server.fd;
        assert_int_equal(connect(fd, (const struct sockaddr *)&closed_port, sizeof(closed_port)), 0);
        assert_int_equal(send(fd, "x", 1, 0), 1);
        assert_int_equal(connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody)), 0);
        loop_turn(&w->loop);
        ask(&other, client, loopback, "asked", 5);
        loop_until(&w->loop, other.received == i);
    }
    udp_server_close(&other.server);
    (void)close(client);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void test_close_amid_a_batch(void **state)
{
    struct world *w = *state;
    int client = client_from(loopback);
    w->close_at_once = true;
    ask(w, client, loopback, "1", 1);
    ask(w, client, loopback, "2", 1);
    loop_until(&w->loop, w->received > 0);
    loop_turn(&w->loop);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->batches, 0);
    (void)close(client);
}

/* ---- a kernel that accepts no more ---- */

static int queue_numbers(struct world *w, unsigned count)
{
    int client = client_from(loopback);
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    assert_int_equal(getsockname(client, (struct sockaddr *)&local, &len), 0);
    for (unsigned i = 0; i < count; i++) {
        struct udp_datagram datagram = {
            .address = loopback, .port = ntohs(local.sin_port), .bytes = span_of(&i, sizeof(i))};
        udp_server_queue(&w->server, &datagram);
    }
    return client;
}

static void check_number(int client, unsigned expected)
{
    unsigned number;
    struct sockaddr_in from = {0};
    assert_int_equal(answer(client, &number, sizeof(number), &from), sizeof(number));
    assert_int_equal(number, expected);
}

static void test_full_send_buffer(void **state)
{
    struct world *w = *state;
    fault.error = EAGAIN;
    int client = queue_numbers(w, UDP_QUEUE_MAX + 7);
    assert_int_equal(w->server.dropped, 7);
    loop_turn(&w->loop);
    assert_int_equal(w->server.queued, UDP_QUEUE_MAX);
    fault.error = 0;
    loop_until(&w->loop, w->server.queued == 0);
    for (unsigned i = 0; i < UDP_QUEUE_MAX; i++)
        check_number(client, i);
    assert_int_equal(w->server.dropped, 7);
    assert_int_equal(w->server.queued_bytes, 0);
    (void)close(client);
}

static void test_full_queue_by_bytes(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[DATAGRAM_MAX];
    struct udp_datagram datagram = {.address = loopback, .port = 9, .bytes = span_of(bytes, sizeof(bytes))};
    fault.error = EAGAIN;
    for (unsigned i = 0; i < UDP_QUEUE_BYTES / DATAGRAM_MAX + 1; i++)
        udp_server_queue(&w->server, &datagram);
    assert_int_equal(w->server.queued, UDP_QUEUE_BYTES / DATAGRAM_MAX);
    assert_int_equal(w->server.dropped, 1);
    fault.error = 0;
    udp_server_flush(&w->server);
    assert_int_equal(w->server.queued, 0);
}

static void test_taken_in_part(void **state)
{
    struct world *w = *state;
    fault.error = EAGAIN;
    int client = queue_numbers(w, 40);
    fault.error = 0;
    fault.at_most = 3;
    udp_server_flush(&w->server);
    for (unsigned i = 0; i < 40; i++)
        check_number(client, i);
    (void)close(client);
}

static void test_one_that_cannot_go(void **state)
{
    struct world *w = *state;
    int client = queue_numbers(w, 10);
    fault.failing = 5;
    udp_server_flush(&w->server);
    assert_int_equal(w->server.dropped, 1);
    for (unsigned i = 0; i < 10; i++)
        if (i != 4)
            check_number(client, i);
    (void)close(client);
}

static void test_queue_moves_up(void **state)
{
    struct world *w = *state;
    int client = queue_numbers(w, 40);
    fault.budget = 5;
    udp_server_flush(&w->server);
    assert_int_equal(w->server.queued, 35);
    fault.budget = 33;
    udp_server_flush(&w->server);
    assert_int_equal(w->server.queued, 2);
    fault.budget = 0;
    loop_until(&w->loop, w->server.queued == 0);
    for (unsigned i = 0; i < 40; i++)
        check_number(client, i);
    (void)close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_from_the_asked_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bound_to_one_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests_are_read_after_a_socket_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_amid_a_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_send_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_queue_by_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_in_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_cannot_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_moves_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
