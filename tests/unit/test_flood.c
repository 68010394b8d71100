/* The source of a flood: one that sends more than all others together, and more than any client needs. */

#include "udp_unit.h"

enum { ONE = 0x7F000002, OTHER = 0x7F000003 };

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
    assert_int_equal(f.suspect, ONE);
}

/* Datagrams of the flooder are dropped, and those of all other sources are read. The loop has the timer that
 * ends this. */
static void test_the_kernel_shuts_it_out(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    char bytes[8];
    int flooder = client_from(ONE);
    int other = client_from(OTHER);
    unsigned heard = 0;
    unsigned sent = 0;
    while (!w->server.shut) {
        for (unsigned i = 0; i < UDP_BATCH; i++)
            ask(w, flooder, loopback, "flood", 5);
        sent += UDP_BATCH;
        loop_turn(&w->loop);
        heard += w->received;
        w->received = 0;
    }
    assert_true(sent >= FLOOD_LEAD);
    assert_in_range(heard, 1, sent - FLOOD_LEAD + FLOOD_HEARD);
    assert_int_equal(w->server.flooder, ONE);
    assert_int_equal(w->server.floods, 1);
    assert_true(uv_is_active((uv_handle_t *)&w->server.reopen));

    w->echo = true;
    ask(w, flooder, loopback, "flood", 5);
    ask(w, other, loopback, "asked", 5);
    loop_until(&w->loop, answer(other, bytes, sizeof(bytes), &from) == 5);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->last.address, OTHER);
    (void)close(flooder);
    (void)close(other);
}

static void time_is_over(struct world *w)
{
    uv_timer_start(&w->server.reopen, w->server.reopen.timer_cb, 0, 0);
    do
        loop_turn(&w->loop);
    while (uv_timer_get_due_in(&w->server.reopen) == 0 && uv_is_active((uv_handle_t *)&w->server.reopen));
}

/* Ending it for a short time would fill the buffer. */
static void test_it_stays_shut_out_while_it_goes_on(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    char bytes[8];
    int flooder = client_from(ONE);
    while (!w->server.shut) {
        for (unsigned i = 0; i < UDP_BATCH; i++)
            ask(w, flooder, loopback, "flood", 5);
        loop_turn(&w->loop);
        w->received = 0;
    }
    time_is_over(w);
    uv_timer_stop(&w->server.reopen); /* the window lasts until the next datagram */
    assert_true(w->server.shut);
    for (unsigned sent = 0; w->server.samples < FLOOD_LEAD / FLOOD_SAMPLE; sent++) {
        assert_in_range(sent, 0, 16 * FLOOD_LEAD);
        ask(w, flooder, loopback, "flood", 5);
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(w->received, 0);
    time_is_over(w);
    assert_true(w->server.shut);
    assert_in_range(uv_timer_get_due_in(&w->server.reopen), FLOOD_WINDOW_MS + 1, FLOOD_SHUT_MS);
    time_is_over(w);
    time_is_over(w);
    assert_false(w->server.shut);
    assert_int_equal(w->server.floods, 1);
    w->echo = true;
    ask(w, flooder, loopback, "sorry", 5);
    loop_until(&w->loop, answer(flooder, bytes, sizeof(bytes), &from) == 5);
    (void)close(flooder);
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
        cmocka_unit_test_setup_teardown(test_the_kernel_shuts_it_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_stays_shut_out_while_it_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_waits_for_answers_is_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
