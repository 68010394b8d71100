/* A stream finds its peer, whatever the name server and the routes do. */

#include "stream_unit.h"

/* ---- names ---- */

static void test_name(void **state)
{
    struct world *w = *state;
    open_to(w, "router.test", w->port);
    loop_until(&w->loop, w->opened == 1);
    assert_int_equal(w->address, 0x7F000001);
    assert_int_equal(resolved, 1);
    /* The next connection resolves the name anew, because it may have another address by then. */
    stream_close(w->stream);
    open_to(w, "router.test", w->port);
    loop_until(&w->loop, w->opened == 2);
    assert_int_equal(resolved, 2);
}

static void test_each_address_in_turn(void **state)
{
    struct world *w = *state;
    open_to(w, "second.test", w->port);
    loop_until(&w->loop, w->opened == 1);
    assert_int_equal(w->address, 0x7F000001);
    assert_int_equal(w->closed, 0);
}

static void test_all_addresses_refuse(void **state)
{
    struct world *w = *state;
    (void)close(w->listener);
    w->listener = -1;
    open_to(w, "second.test", w->port);
    check_end(w, FAILURE_REFUSED);
}

static void test_no_such_name(void **state)
{
    struct world *w = *state;
    open_to(w, "none.test", w->port);
    check_end(w, FAILURE_RESOLVE);
}

static void test_resolver_hangs(void **state)
{
    struct world *w = *state;
    open_to(w, "slow.test", w->port);
    assert_int_equal(sem_wait(&resolver_busy), 0);
    loop_turn(&w->loop);
    skew_s += STREAM_RESOLVE_TIMEOUT_MS / 1000 - 1;
    loop_turn(&w->loop);
    assert_int_equal(w->closed, 0);
    skew_s += 1;
    loop_until(&w->loop, w->closed == 1);
    assert_int_equal(w->end, FAILURE_RESOLVE);
    /* No stream gets its late answer. */
    assert_int_equal(sem_post(&resolver_may_go), 0);
    check_end(w, FAILURE_RESOLVE);
    assert_int_equal(w->opened, 0);
}

static void test_close_while_resolving(void **state)
{
    struct world *w = *state;
    open_to(w, "slow.test", w->port);
    assert_int_equal(sem_wait(&resolver_busy), 0);
    close_stream(w);
    /* Waits for the only thread, and is cancelled before its turn. */
    open_to(w, "queued.test", w->port);
    close_stream(w);
    open_to(w, "queued.test", w->port);
    assert_int_equal(sem_post(&resolver_may_go), 0);
    loop_until(&w->loop, w->opened == 1);
    assert_int_equal(resolved, 2);
    assert_int_equal(w->closed, 0);
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

static void test_ipv6(void **state)
{
    struct world *w = *state;
    need_network();
    const struct sockaddr_in6 local = {
        .sin6_family = AF_INET6, .sin6_port = htons(w->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&local, sizeof(local)) != 0) {
        print_message("no IPv6 here\n");
        skip();
    }
    assert_int_equal(listen(listener, 1), 0);
    open_to(w, "::1", w->port);
    loop_until(&w->loop, w->opened == 1);
    assert_int_equal(w->address, 0);
    (void)close(listener);
}

static void test_unreachable(void **state)
{
    struct world *w = *state;
    need_network();
    open_to(w, "10.9.9.9", 8728);
    check_end(w, FAILURE_UNREACHABLE);
}

static void test_no_answer(void **state)
{
    struct world *w = *state;
    need_network();
    open_to(w, "10.8.8.8", 8728);
    loop_turn(&w->loop);
    skew_s += STREAM_CONNECT_TIMEOUT_MS / 1000 - 1;
    loop_turn(&w->loop);
    assert_int_equal(w->closed, 0);
    skew_s += 1;
    check_end(w, FAILURE_TIMEOUT);
}

static void test_next_address_after_no_answer(void **state)
{
    struct world *w = *state;
    need_network();
    open_to(w, "silent.test", w->port);
    loop_until(&w->loop, resolved == 1);
    for (unsigned i = 0; i < 4; i++)
        loop_turn(&w->loop);
    assert_int_equal(w->opened, 0);
    skew_s += STREAM_CONNECT_TIMEOUT_MS / 1000;
    loop_until(&w->loop, w->opened == 1);
    assert_int_equal(w->closed, 0);
}

static void test_close_between_addresses(void **state)
{
    struct world *w = *state;
    need_network();
    open_to(w, "silent.test", w->port);
    loop_until(&w->loop, resolved == 1);
    for (unsigned i = 0; i < 4; i++)
        loop_turn(&w->loop);
    close_stream(w);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->opened + w->closed, 0);
    assert_int_equal(accept(w->listener, NULL, NULL), -1);
}

static void make_links(void)
{
    have_network = network_enter();
    if (have_network) {
        /* A neighbour that does not exist. */
        shell("ip link add far0 type veth peer name far1 && ip address add 10.8.8.1/24 dev far0 && "
              "ip link set far0 up && ip link set far1 up && "
              "ip neigh add 10.8.8.8 lladdr 02:00:00:00:00:01 nud permanent dev far0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_address_in_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_addresses_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_such_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_while_resolving, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ipv6, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unreachable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next_address_after_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_between_addresses, setup, teardown),
    };
    make_links();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
