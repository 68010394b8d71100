/* Who floods: one that sends more than the others together and more than any client needs. */

#include "udp_unit.h"

enum { ONE = 0x7F000002, OTHER = 0x7F000003 };

static void test_a_flood(void **state)
{
    struct flood f = {0};
    (void)state;
    for (unsigned i = 1; i < FLOOD_LEAD; i++)
        assert_false(flood_count(&f, ONE, 1000 + i / 100));
    assert_true(flood_count(&f, ONE, 1000));
}

/* At start everybody may ask for all that it has. */
static void test_slowly_is_no_flood(void **state)
{
    struct flood f = {0};
    (void)state;
    for (unsigned i = 0; i < 10 * FLOOD_LEAD; i++)
        assert_false(flood_count(&f, ONE, 1000 + (uint64_t)i * FLOOD_WINDOW_MS / (FLOOD_LEAD - 1)));
}

static void test_many_together_are_no_flood(void **state)
{
    struct flood f = {0};
    (void)state;
    for (unsigned i = 0; i < 10 * FLOOD_LEAD; i++)
        assert_false(flood_count(&f, OTHER + i % 500, 1000));
}

static void test_a_flood_among_others(void **state)
{
    struct flood f = {0};
    unsigned count = 0;
    (void)state;
    /* Of three datagrams two are its own. */
    while (!flood_count(&f, count % 3 == 0 ? OTHER + count % 7 : ONE, 1000))
        assert_in_range(++count, 1, 4 * FLOOD_LEAD);
    assert_int_equal(f.suspect, ONE);
}

/* The flooder is not heard any more, whoever else asks is; the timer that opens again is the loop's. */
static void test_the_kernel_shuts_it_out(void **state)
{
    struct world *w = *state;
    struct sockaddr_in from = {0};
    char bytes[8];
    int flooder = client_from(ONE);
    int other = client_from(OTHER);
    while (!w->server.shut) {
        for (unsigned i = 0; i < UDP_BATCH; i++)
            ask(w, flooder, loopback, "flood", 5);
        w->received = 0;
        loop_turn(&w->loop);
    }
    assert_int_equal(w->server.flooder, ONE);
    assert_int_equal(w->server.floods, 1);
    assert_true(uv_is_active((uv_handle_t *)&w->server.reopen));
    while (uv_run(&w->loop, UV_RUN_NOWAIT), w->received > 0)
        w->received = 0; /* what was queued before */

    w->echo = true;
    ask(w, flooder, loopback, "flood", 5);
    ask(w, other, loopback, "asked", 5);
    loop_until(&w->loop, answer(other, bytes, sizeof(bytes), &from) == 5);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->last.address, OTHER);

    uv_timer_start(&w->server.reopen, w->server.reopen.timer_cb, 0, 0);
    loop_until(&w->loop, !w->server.shut);
    ask(w, flooder, loopback, "sorry", 5);
    loop_until(&w->loop, answer(flooder, bytes, sizeof(bytes), &from) == 5);
    (void)close(flooder);
    (void)close(other);
}

static void test_who_waits_for_answers_is_heard(void **state)
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
        cmocka_unit_test_setup_teardown(test_who_waits_for_answers_is_heard, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
