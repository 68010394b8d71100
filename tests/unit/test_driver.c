/* Events report what happened, on the LAN, at the gateway and at the router. */

#include "driver_unit.h"

/* ---- LAN ---- */

static void react_echo(const struct event *event, struct actions *out)
{
    if (event->type == EVENT_LAN)
        act_reply(out, event, event->lan.bytes.len == 1 ? "r" : "reply");
}

static void test_start_comes_first(void **state)
{
    struct world *w = *state;
    uint64_t before_ms = clock_now_ms();
    ask(w, "early");
    start(w);
    loop_until(&w->driver->loop, core.count == 2);
    assert_int_equal(core.seen[0].event.type, EVENT_START);
    assert_in_range(core.seen[0].event.now_ms, before_ms, clock_now_ms());
    assert_int_equal(core.seen[1].event.type, EVENT_LAN);
}

static void test_lan(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    core.react = react_echo;
    start(w);
    ask(w, "question");
    loop_until(&w->driver->loop, hears(w->client, "reply", &from));
    const struct seen *seen = last_of(EVENT_LAN);
    assert_int_equal(getsockname(w->client, (struct sockaddr *)&local, &len), 0);
    assert_int_equal(seen->event.lan.from.address, loopback);
    assert_int_equal(seen->event.lan.from.port, ntohs(local.sin_port));
    assert_int_equal(seen->event.lan.to, loopback + 6);
    assert_true(seen->event.lan.interface > 0);
    assert_span_text(span_of(seen->bytes, seen->length), "question");
    assert_int_equal(ntohl(from.sin_addr.s_addr), loopback + 6);
    assert_int_equal(w->driver->lan.queue[0].datagram.interface, seen->event.lan.interface);
}

static void test_lan_batch(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    unsigned replies = 0;
    core.react = react_echo;
    start(w);
    for (unsigned i = 0; i < 50; i++)
        ask(w, "q");
    loop_until(&w->driver->loop, (replies += hears(w->client, "r", &from)) == 50);
    assert_int_equal(count_of(EVENT_LAN), 50);
}

/* ---- deadline ---- */

static void react_once(const struct event *event, struct actions *out)
{
    (void)out;
    core.deadline_ms = event->type == EVENT_START ? event->now_ms + 30 : CLOCK_NEVER;
}

static void test_deadline(void **state)
{
    struct world *w = *state;
    core.react = react_once;
    start(w);
    uint64_t due_ms = core.deadline_ms;
    loop_until(&w->driver->loop, core.count == 2);
    assert_int_equal(core.seen[1].event.type, EVENT_DEADLINE);
    assert_true(core.seen[1].event.now_ms >= due_ms);
}

static void react_soon_after_lan(const struct event *event, struct actions *out)
{
    (void)out;
    core.deadline_ms = event->type == EVENT_LAN ? event->now_ms : CLOCK_NEVER;
}

static void test_deadline_after_a_batch(void **state)
{
    struct world *w = *state;
    core.react = react_soon_after_lan;
    start(w);
    ask(w, "x");
    loop_until(&w->driver->loop, count_of(EVENT_DEADLINE) == 1);
}

/* ---- gateway ---- */

static void react_gateway(const struct event *event, struct actions *out)
{
    if (event->type == EVENT_START || event->type == EVENT_LAN)
        act_gateway(out, "request");
}

static void test_gateway(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    core.react = react_gateway;
    start(w);
    assert_true(hears(w->gateway, "request", &from));
    assert_int_equal(sendto(w->gateway, "response", 8, 0, (const struct sockaddr *)&from, sizeof(from)), 8);
    loop_until(&w->driver->loop, count_of(EVENT_GATEWAY) == 1);
    assert_span_text(span_of(last_of(EVENT_GATEWAY)->bytes, 8), "response");
    assert_int_equal(last_of(EVENT_GATEWAY)->event.gateway_local, loopback);
}

/* [C-08] */
static void test_gateway_refuses(void **state)
{
    struct world *w = *state;
    core.react = react_gateway;
    (void)close(w->gateway);
    w->gateway = -1;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_GATEWAY_ERROR) == 1);
    assert_int_equal(last_of(EVENT_GATEWAY_ERROR)->event.gateway_error, GATEWAY_PORT_UNREACHABLE);
    ask(w, "x");
    loop_until(&w->driver->loop, count_of(EVENT_GATEWAY_ERROR) == 2);
}

/* The error of a send within a step is reported in a later step. The fake core asserts that no step runs
 * inside another one. */
static void test_gateway_send_fails(void **state)
{
    struct world *w = *state;
    core.react = react_gateway;
    /* The broadcast address of lo: a datagram to it is refused with EACCES, even where there is no other
     * route. */
    w->driver->gateway.peer.sin_addr.s_addr = htonl(0x7FFFFFFF);
    w->driver->gateway.stale = true;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_GATEWAY_ERROR) == 1);
    assert_int_equal(last_of(EVENT_GATEWAY_ERROR)->event.gateway_error, GATEWAY_SEND_FAILED);
}

/* ---- router ---- */

static void react_open(const struct event *event, struct actions *out)
{
    if (event->type == EVENT_START) {
        act(out, ACTION_ROUTER_OPEN, 2, "");
    } else if (event->type == EVENT_ROUTER_OPEN) {
        act(out, ACTION_ROUTER_SEND, 2, "log");
        act(out, ACTION_ROUTER_SEND, 2, "in");
    } else if (event->type == EVENT_ROUTER_DATA) {
        act(out, ACTION_ROUTER_CLOSE, 2, "");
    }
}

static void test_router(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    core.react = react_open;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_OPEN) == 1 && accepts(w));
    assert_int_equal(last_of(EVENT_ROUTER_OPEN)->event.router.session, 2);
    assert_int_equal(last_of(EVENT_ROUTER_OPEN)->event.router.peer, loopback);
    assert_int_equal(last_of(EVENT_ROUTER_OPEN)->event.router.local, loopback);
    assert_true(hears(w->router, "login", &from));
    assert_int_equal(write(w->router, "done", 4), 4);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_DATA) == 1);
    assert_int_equal(last_of(EVENT_ROUTER_DATA)->event.router.session, 2);
    assert_span_text(span_of(last_of(EVENT_ROUTER_DATA)->bytes, 4), "done");
    /* The driver closed it, so there is no event. */
    char byte;
    loop_until(&w->driver->loop, read(w->router, &byte, 1) == 0);
    loop_turn(&w->driver->loop);
    assert_int_equal(count_of(EVENT_ROUTER_CLOSED), 0);
}

static void test_router_ends(void **state)
{
    struct world *w = *state;
    core.react = react_open;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_OPEN) == 1 && accepts(w));
    (void)shutdown(w->router, SHUT_WR);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_CLOSED) == 1);
    assert_int_equal(last_of(EVENT_ROUTER_CLOSED)->event.router.session, 2);
    assert_int_equal(last_of(EVENT_ROUTER_CLOSED)->event.router.failure, FAILURE_LOST);
}

static void test_router_refuses(void **state)
{
    struct world *w = *state;
    core.react = react_open;
    (void)close(w->listener);
    w->listener = -1;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_CLOSED) == 1);
    assert_int_equal(last_of(EVENT_ROUTER_CLOSED)->event.router.failure, FAILURE_REFUSED);
}

static void react_reopen(const struct event *event, struct actions *out)
{
    if (event->type == EVENT_START) {
        act(out, ACTION_ROUTER_CLOSE, 0, "");
        act(out, ACTION_ROUTER_SEND, 0, "to nobody");
        act(out, ACTION_ROUTER_OPEN, 0, "");
        act(out, ACTION_ROUTER_CLOSE, 0, "");
        act(out, ACTION_ROUTER_OPEN, 0, "");
        act(out, ACTION_ROUTER_OPEN, 0, "");
    }
}

static void test_router_closed_and_opened_again(void **state)
{
    struct world *w = *state;
    core.react = react_reopen;
    start(w);
    loop_until(&w->driver->loop, count_of(EVENT_ROUTER_OPEN) == 1);
    loop_turn(&w->driver->loop);
    assert_int_equal(core.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lan_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_after_a_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gateway, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gateway_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gateway_send_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_router, setup, teardown),
        cmocka_unit_test_setup_teardown(test_router_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_router_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_router_closed_and_opened_again, setup, teardown),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
