/* Which leases the core may still advertise although the gateway does not have them any more. */
#include "bytes.h"
#include "unit.h"
#include "world.h"

enum { INTERNAL = 6000, START_MS = 100000 };

static struct world *w;

static int start(void **state)
{
    struct world_options options = world_defaults(1);

    (void)state;
    options.gateway.profile = GATEWAY_PROTON;
    options.gateway.rotate_percent = 100;
    w = world_new(&options);
    w->now_ms = START_MS;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_free(w);
    return 0;
}

/* The gateway receives a request for the UDP mapping that was sent then. Returns the granted port. */
static uint16_t request(uint64_t sent_ms, uint32_t lifetime_s)
{
    uint8_t bytes[12] = {0, 1};
    const struct gateway_lease *lease;

    put16(bytes + 4, INTERNAL);
    put32(bytes + 8, lifetime_s);
    gateway_receive(&w->gateway, w->now_ms, sent_ms, span_of(bytes, sizeof(bytes)));
    lease = gateway_find(&w->gateway, w->now_ms, false, INTERNAL);
    return lease ? lease->external_port : 0;
}

/* The core receives a success that the gateway sent at said_ms. Its epoch is that of seems_said_ms. */
static void hear(uint64_t said_ms, uint64_t seems_said_ms, uint16_t external_port)
{
    uint8_t bytes[16] = {0, 129};

    put32(bytes + 4, gateway_epoch_s(&w->gateway, seems_said_ms));
    put16(bytes + 8, INTERNAL);
    put16(bytes + 10, external_port);
    put32(bytes + 12, 60);
    inv_from_gateway(w, said_ms, span_of(bytes, sizeof(bytes)));
}

static void hear_address(uint64_t said_ms, uint32_t epoch_s)
{
    uint8_t bytes[12] = {0, 128};

    put32(bytes + 4, epoch_s);
    inv_from_gateway(w, said_ms, span_of(bytes, sizeof(bytes)));
}

static bool excused(uint16_t external_port)
{
    return inv_lease_is_excused(w, false, INTERNAL, external_port);
}

/* Requests carry no number, so a reply with the old port that looks new revives it. */
static void test_a_port_that_changed(void **state)
{
    uint16_t first = request(START_MS, 60);
    uint16_t second;

    (void)state;
    hear(START_MS, START_MS, first);
    w->now_ms = START_MS + 1000;
    second = request(w->now_ms, 60);
    assert_int_not_equal(second, first);
    assert_true(excused(first));
    assert_false(excused((uint16_t)(first ^ second ^ 1)));
    hear_address(w->now_ms, gateway_epoch_s(&w->gateway, w->now_ms)); /* No epoch shows it. */
    assert_true(excused(first));
    hear(w->now_ms, w->now_ms, second);
    assert_false(excused(first));
    w->now_ms = START_MS + 9000;
    hear(w->now_ms, w->now_ms, request(w->now_ms, 60));
    assert_false(excused(second));
    hear(START_MS + 1000, START_MS + 1000, second);
    assert_false(excused(second)); /* By its epoch the reply is late. */
    hear(START_MS + 1000, START_MS + 8000, second);
    assert_true(excused(second));
}

/* The second reply with such an epoch decides that the gateway restarted, if it was sent after that. */
static void test_a_restart(void **state)
{
    (void)state;
    for (unsigned early_ms = 0; early_ms <= 1; early_ms++) {
        uint16_t port = request(w->now_ms, 60);

        hear(w->now_ms, w->now_ms, port);
        w->now_ms += 2000;
        gateway_reboot(&w->gateway, w->now_ms);
        hear_address(w->now_ms - early_ms, 0);
        assert_true(excused(port));
        hear_address(w->now_ms - early_ms, 0);
        assert_int_equal(excused(port), early_ms > 0);
        w->now_ms += 60000;
    }
}

/* After a second reboot within two seconds the epoch fits as it did after the first one. */
static void test_two_restarts_in_a_row(void **state)
{
    (void)state;
    for (unsigned apart_ms = 1999; apart_ms <= 2000; apart_ms++) {
        hear(w->now_ms, w->now_ms, request(w->now_ms, 60));
        w->now_ms += 60000;
        gateway_reboot(&w->gateway, w->now_ms);
        request(w->now_ms, 60);
        w->now_ms += apart_ms;
        uint16_t port = request(w->now_ms, 60);
        gateway_reboot(&w->gateway, w->now_ms);
        hear_address(w->now_ms, 0);
        hear_address(w->now_ms, 0);
        assert_int_equal(excused(port), apart_ms < 2000);
        w->now_ms += 60000;
    }
}

static void test_a_lease_that_ended(void **state)
{
    uint16_t port = request(START_MS, 60);

    (void)state;
    w->now_ms = START_MS + 60000 + GATEWAY_LATE_MS - 1;
    assert_true(excused(port));
    gateway_expire(&w->gateway, w->now_ms);
    assert_true(excused(port));
    w->now_ms++;
    assert_false(excused(port));
}

/* A retransmission of a deletion that was sent before the request for the mapping ends it. */
static void test_a_deletion_that_came_late(void **state)
{
    uint16_t port = request(START_MS, 60);

    (void)state;
    w->now_ms += 10;
    request(START_MS - 10, 0);
    assert_true(excused(port));
    hear(w->now_ms, w->now_ms, 0);
    assert_false(excused(port));
}

/* Only the lease of the late grant itself is excused. */
static void test_a_late_grant(void **state)
{
    (void)state;
    w->now_ms = START_MS + 2000;
    hear(START_MS, START_MS, 41000);
    assert_int_equal(inv_grant_late_ms(w, false, INTERNAL, 41000), 0);
    w->now_ms++;
    hear(START_MS, START_MS, 41000);
    assert_int_equal(inv_grant_late_ms(w, false, INTERNAL, 41000), 2001);
    assert_int_equal(inv_grant_late_ms(w, true, INTERNAL, 41000), 0);
    assert_int_equal(inv_grant_late_ms(w, false, INTERNAL + 1, 41000), 0);
    assert_int_equal(inv_grant_late_ms(w, false, INTERNAL, 41001), 0);
    w->now_ms += 10000;
    assert_int_equal(inv_grant_late_ms(w, false, INTERNAL, 41000), 2001);
    w->now_ms++;
    assert_int_equal(inv_grant_late_ms(w, false, INTERNAL, 41000), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

UNIT(invariants_gateway)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_port_that_changed),       TEST(test_a_restart),
        TEST(test_two_restarts_in_a_row),     TEST(test_a_lease_that_ended),
        TEST(test_a_deletion_that_came_late), TEST(test_a_late_grant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
