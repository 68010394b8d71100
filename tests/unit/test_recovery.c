/* The gateway lost its state: what is requested again, when, and when the clients must learn of it. */
#include "core/recovery.h"
#include "turn_unit.h"

enum { MINE = 1 };

static struct step at_ms(uint64_t now_ms)
{
    return (struct step){.now_ms = now_ms, .out = &out};
}

/* A client relies on it, and does not wait for an answer that would tell it. */
static void test_what_is_broken(void **state)
{
    static const struct {
        const char *name;
        struct given given;
        bool broken;
    } rows[] = {
        {"a client relies on it",
         {A, NATPMP_TCP, 1, 7000, .promise = {.kept_until_ms = NOW + 1, .port = 41000}},
         true},
        {"no client was ever advertised a port",
         {A, NATPMP_TCP, 1, 7000, .promise = {.kept_until_ms = NOW + 1}},
         false},
        {"its time is over",
         {A, NATPMP_TCP, 1, 7000, .promise = {.kept_until_ms = NOW, .port = 41000}},
         false},
        {"a client waits for the answer",
         {A, NATPMP_TCP, 1, 7000, .promise = {.kept_until_ms = NOW + 1, .port = 41000},
          .job = {.kind = JOB_MAP}},
         false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_proxy(&strategy_normal, &rows[i].given, 1);
        recovery_note_broken(p, MINE, &step);
        check_number(rows[i].name, "broken", p->promises_broken, rows[i].broken);
    }
}

static const struct given leases[] = {
    {A, NATPMP_TCP, 1, 7000, .wanted = true, .promise = {.kept_until_ms = NOW + 99000},
     .lease = {.state = LEASE_GRANTED, .granted_ms = NOW - 1}},
    {A, NATPMP_TCP, 2, 7001, .wanted = true, .lease = {.state = LEASE_GRANTED, .granted_ms = NOW}},
    {A, NATPMP_TCP, 3, 7002, .lease = {.state = LEASE_UNSURE, .granted_ms = NOW - 1, .asking = true}},
    {A, NATPMP_TCP, 4, 7003, .wanted = true, .lease = {.granted_ms = NOW - 1}},
};

/* Nothing that was granted before holds any more. It is requested again after a random delay of 5 s at most.
 */
static void test_a_loss(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, leases, ARRAY_LEN(leases));
    recovery_begin(p, NOW, &step);
    assert_int_equal(at(1)->lease.state, LEASE_UNSURE);
    assert_int_equal(at(2)->lease.state, LEASE_GRANTED); /* granted since */
    assert_int_equal(at(3)->lease.state, LEASE_UNSURE);
    assert_int_equal(at(4)->lease.state, LEASE_NONE);
    assert_true(list_has(&t->drive, t->to_drive, 1) && !list_has(&t->drive, t->to_drive, 2));
    assert_true(p->recover_ms >= NOW && p->recover_ms <= NOW + 5000);
    assert_int_equal(t->recovering, 0);
    assert_int_equal(recovery_due_ms(p), p->recover_ms);
    struct step then = at_ms(p->recover_ms);
    recovery_tick(p, &then);
    assert_true(at(1)->lease.recover);
    assert_false(at(2)->lease.recover || at(3)->lease.recover || at(4)->lease.recover);
    assert_int_equal(recovery_due_ms(p), then.now_ms + 10000);
}

/* The gateway restarts once more before all is requested again: the time stays. */
static void test_a_second_loss(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, leases, ARRAY_LEN(leases));
    recovery_begin(p, NOW, &step);
    uint64_t recover_ms = p->recover_ms;
    struct step later = at_ms(NOW + 1);
    recovery_begin(p, NOW + 1, &later);
    assert_int_equal(p->recover_ms, recover_ms);
    assert_int_equal(at(2)->lease.state, LEASE_UNSURE);
    assert_int_equal(out.count, 1); /* one line for the operator */
}

static void recover(uint64_t *ret_ms)
{
    recovery_begin(p, NOW, &step);
    struct step then = at_ms(p->recover_ms);
    recovery_tick(p, &then);
    *ret_ms = then.now_ms;
}

/* The clients keep their ports: they need not know. */
static void test_all_is_as_it_was(void **state)
{
    uint64_t begun_ms;
    (void)state;
    give_proxy(&strategy_normal, leases, ARRAY_LEN(leases));
    server_init(&p->server, NOW - 100000);
    recover(&begun_ms);
    lease_recovered(t, 1);
    struct step then = at_ms(begun_ms + 1);
    recovery_tick(p, &then);
    assert_int_equal(recovery_due_ms(p), UINT64_MAX);
    assert_int_equal(server_epoch_s(&p->server, NOW + 20000), 120);
}

/* One of them has another port, or none after ten seconds: the epoch is reset, once. */
static void test_something_is_broken(void **state)
{
    static const struct {
        const char *name;
        bool answered; /* the gateway answered in time */
        bool broken;   /* and granted another port */
        uint64_t after_ms;
        bool reset;
    } rows[] = {
        {"another port", true, true, 1, true},
        {"the same port", true, false, 1, false},
        {"no answer yet", false, false, 9999, false},
        {"another port, and others are awaited", false, true, 9999, false},
        {"no answer", false, false, 10000, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t begun_ms;
        give_proxy(&strategy_normal, leases, ARRAY_LEN(leases));
        server_init(&p->server, NOW - 100000);
        recover(&begun_ms);
        if (rows[i].answered)
            lease_recovered(t, 1);
        p->promises_broken = rows[i].broken;
        struct step then = at_ms(begun_ms + rows[i].after_ms);
        recovery_tick(p, &then);
        check_number(rows[i].name, "the epoch is reset", server_epoch_s(&p->server, then.now_ms) < 100,
                     rows[i].reset);
        check_number(rows[i].name, "broken", p->promises_broken, rows[i].broken && !rows[i].reset);
    }
}

/* Before all is requested again it is not known what is broken. */
static void test_it_waits_for_the_delay(void **state)
{
    (void)state;
    give_proxy(&strategy_normal, leases, ARRAY_LEN(leases));
    server_init(&p->server, NOW - 100000);
    recovery_begin(p, NOW, &step);
    p->recover_ms = NOW + 5;
    p->promises_broken = true;
    recovery_tick(p, &step);
    assert_true(p->promises_broken);
    assert_int_equal(server_epoch_s(&p->server, NOW), 100);
}

UNIT(recovery)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_what_is_broken),      PROXY_TEST(test_a_loss),
        PROXY_TEST(test_a_second_loss),       PROXY_TEST(test_all_is_as_it_was),
        PROXY_TEST(test_something_is_broken), PROXY_TEST(test_it_waits_for_the_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
