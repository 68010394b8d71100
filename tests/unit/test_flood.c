/* The sources of a flood: each sends a large part of all datagrams, and more than any client needs. [L4] */

#include "udp_unit.h"

enum { ONE = 0x7F000002, OTHER = 0x7F000003, TWO = 0x7F000101 };

static void test_a_flood(void **state)
{
    struct flood f = {0};
    (void)state;
    for (unsigned i = 1; i <= FLOOD_HEARD; i++)
        assert_int_equal(flood_count(&f, ONE, 1000 + i / 100), FLOOD_HEAR);
    for (unsigned i = FLOOD_HEARD + 1; i < FLOOD_LEAD; i++)
        assert_int_equal(flood_count(&f, ONE, 1000 + i / 100), FLOOD_IGNORE);
    assert_int_equal(flood_count(&f, ONE, 1000), FLOOD_SHUT);
}

/* After a start every client may request all of its mappings. */
static void test_slowly_is_no_flood(void **state)
{
    struct flood f = {0};
    (void)state;
    for (unsigned i = 0; i < 10 * FLOOD_LEAD; i++)
        assert_int_equal(flood_count(&f, ONE, 1000 + (uint64_t)i * FLOOD_WINDOW_MS / (FLOOD_HEARD - 1)),
                         FLOOD_HEAR);
}

static void test_many_together_are_no_flood(void **state)
{
    struct flood f = {0};
    (void)state;
    for (unsigned i = 0; i < 10 * FLOOD_LEAD; i++)
        assert_int_equal(flood_count(&f, OTHER + i % 500, 1000), FLOOD_HEAR);
}

static void test_a_flood_among_others(void **state)
{
    struct flood f = {0};
    enum flood_verdict verdict = FLOOD_HEAR;
    (void)state;
    /* Two of three datagrams are the flooder's. The datagrams of others are always read. */
    for (unsigned count = 0; verdict != FLOOD_SHUT; count++) {
        assert_in_range(count, 0, 4 * FLOOD_LEAD);
        verdict = flood_count(&f, count % 3 == 0 ? OTHER + count % 7 : ONE, 1000);
        assert_true(count % 3 != 0 || verdict == FLOOD_HEAR);
    }
}

/* Each of two floods is found, in whatever order they come, among datagrams from invented sources. */
static void test_several_floods(void **state)
{
    struct flood f = {0};
    bool found[2] = {false, false};
    (void)state;
    for (unsigned count = 0; !found[0] || !found[1]; count++) {
        assert_in_range(count, 0, 8 * FLOOD_LEAD);
        uint32_t source = count % 3 == 0 ? OTHER + count : count % 3 == 1 ? ONE : TWO;
        enum flood_verdict verdict = flood_count(&f, source, 1000);
        if (verdict == FLOOD_SHUT)
            found[source == TWO] = true;
        assert_true(count % 3 != 0 || verdict == FLOOD_HEAR);
    }
}

static void floods(struct world *w, int flooder)
{
    unsigned before = w->server.flood.blocks;
    for (unsigned sent = 0; w->server.flood.blocks == before; sent += UDP_BATCH) {
        assert_in_range(sent, 0, 8 * FLOOD_LEAD);
        for (unsigned i = 0; i < UDP_BATCH; i++)
            ask(w, flooder, loopback, "flood", 5);
        loop_turn(&w->loop);
        w->received = 0;
    }
}

/* Datagrams of both flooders are dropped, and those of all other sources are read. The loop has the timer
 * that ends this. */
static void test_the_kernel_shuts_them_out(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    char bytes[8];
    int flooder[2] = {client_from(ONE), client_from(TWO)};
    int other = client_from(OTHER);
    floods(w, flooder[0]);
    assert_int_equal(w->server.flooder, ONE);
    floods(w, flooder[1]);
    assert_int_equal(w->server.flooder, TWO);
    assert_int_equal(w->server.floods, 2);
    assert_true(uv_is_active((uv_handle_t *)&w->server.window));

    w->echo = true;
    for (unsigned i = 0; i < 2; i++)
        ask(w, flooder[i], loopback, "flood", 5);
    ask(w, other, loopback, "asked", 5);
    loop_until(&w->loop, answer(other, bytes, sizeof(bytes), &from) == 5);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->last.address, OTHER);
    (void)close(flooder[0]);
    (void)close(flooder[1]);
    (void)close(other);
}

/* Ends a window: the timer fires at once. */
static void window_ends(struct world *w)
{
    uv_timer_start(&w->server.window, w->server.window.timer_cb, 0, FLOOD_WINDOW_MS);
    loop_turn(&w->loop);
}

/* A flood ends when its sample shows that for a second. Each flood ends for itself, and then the host whose
 * address it had is served. */
static void test_each_flood_ends_for_itself(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    char bytes[8];
    int flooder[2] = {client_from(ONE), client_from(TWO)};
    floods(w, flooder[0]);
    floods(w, flooder[1]);
    uv_timer_stop(&w->server.window);
    for (unsigned window = 0; window < 2 * FLOOD_QUIET_WINDOWS; window++) {
        for (unsigned sent = 0; w->server.flood.blocked[0].samples < FLOOD_QUIET_SAMPLES; sent++) {
            assert_in_range(sent, 0, 16 * FLOOD_LEAD);
            ask(w, flooder[0], loopback, "flood", 5);
            uv_run(&w->loop, UV_RUN_NOWAIT);
        }
        assert_int_equal(w->server.flood.blocks, window < FLOOD_QUIET_WINDOWS ? 2 : 1);
        assert_int_equal(w->received, 0);
        window_ends(w);
    }
    assert_int_equal(w->server.flood.blocked[0].source, ONE);
    w->echo = true;
    ask(w, flooder[1], loopback, "sorry", 5);
    loop_until(&w->loop, answer(flooder[1], bytes, sizeof(bytes), &from) == 5);
    for (unsigned window = 0; window < FLOOD_QUIET_WINDOWS; window++)
        window_ends(w);
    assert_int_equal(w->server.flood.blocks, 0);
    assert_false(uv_is_active((uv_handle_t *)&w->server.window));
    ask(w, flooder[0], loopback, "sorry", 5);
    loop_until(&w->loop, answer(flooder[0], bytes, sizeof(bytes), &from) == 5);
    (void)close(flooder[0]);
    (void)close(flooder[1]);
}

/* The flood of more sources than can be blocked is ignored, and the others are heard. */
static void test_more_floods_than_can_be_blocked(void **state)
{
    struct world *w = *state;
    (void)state;
    for (uint32_t i = 0; i < FLOOD_SOURCES; i++)
        assert_true(flood_block(&w->server.flood, w->server.fd, ONE + 16 * i));
    assert_false(flood_block(&w->server.flood, w->server.fd, TWO));
}

/* One host invents so many sources that none of them sends much. A host with a mapping is heard each time. */
static unsigned heard_of_one;

static bool is_one(void *context, uint32_t address)
{
    (void)context;
    return address == ONE;
}

static void count_of_one(void *context, const struct udp_datagram *datagram)
{
    struct world *w = context;
    w->received++;
    heard_of_one += datagram->address == ONE;
}

static void test_known_hosts_are_heard_in_a_crowd(void **state)
{
    static const struct udp_handlers crowd_handlers = {
        .known = is_one, .received = count_of_one, .batch_done = on_batch};
    struct world *w = *state;
    int source[2 * FLOOD_SOURCES];
    int known = client_from(ONE);
    unsigned sent = 0;
    unsigned before = 0;
    w->server.handlers = &crowd_handlers;
    heard_of_one = 0;
    for (uint32_t i = 0; i < ARRAY_LEN(source); i++)
        source[i] = client_from(0x7F000200 + i);
    for (unsigned turn = 0; turn < 3 * UDP_CROWD / UDP_BATCH; turn++) {
        if (turn == 2 * UDP_CROWD / UDP_BATCH)
            before = w->received;
        for (uint32_t i = 0; i < UDP_BATCH; i++)
            ask(w, source[i % ARRAY_LEN(source)], loopback, "crowd", 5);
        if (turn % 2 == 0) {
            ask(w, known, loopback, "asked", 5);
            sent++;
        }
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_in_range(w->received - before, 1, UDP_CROWD / 4);
    loop_until(&w->loop, heard_of_one == sent);
    for (uint32_t i = 0; i < ARRAY_LEN(source); i++)
        (void)close(source[i]);
    (void)close(known);
}

static void test_a_client_that_waits_for_answers_is_read(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    char bytes[8];
    int client = client_from(ONE);
    w->echo = true;
    for (unsigned i = 0; i < 2 * FLOOD_LEAD; i++) {
        ask(w, client, loopback, "asked", 5);
        loop_until(&w->loop, answer(client, bytes, sizeof(bytes), &from) == 5);
        w->received = 0;
    }
    assert_int_equal(w->server.floods, 0);
    (void)close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood),
        cmocka_unit_test(test_slowly_is_no_flood),
        cmocka_unit_test(test_many_together_are_no_flood),
        cmocka_unit_test(test_a_flood_among_others),
        cmocka_unit_test(test_several_floods),
        cmocka_unit_test_setup_teardown(test_the_kernel_shuts_them_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_flood_ends_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_floods_than_can_be_blocked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known_hosts_are_heard_in_a_crowd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_waits_for_answers_is_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
