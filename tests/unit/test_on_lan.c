/* What a request from the LAN does to the parts of a mapping. */
#include "core/on_lan.h"
#include "turn_unit.h"

enum { MINE = 1 };

static void request_map(uint32_t lifetime_s)
{
    static uint8_t bytes[NATPMP_REQUEST_MAX];
    size_t len = natpmp_encode_map_request(bytes, NATPMP_TCP, 6881, 6881, lifetime_s);
    struct event event = {
        .type = EVENT_LAN,
        .now_ms = NOW,
        .lan = {.from = {A, 40000}, .to = 0xc0a85801, .bytes = span_of(bytes, len)},
    };
    p->config.mappings_max = 8;
    p->config.client_mappings_max = 2;
    on_lan(p, &event, &step);
}

static unsigned replies(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_LAN_SEND;
    return count;
}

/* ---- a request that repeats one that was answered a moment ago ---- */

#define LEASE                                                                                                \
    .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW + 60000, .sure_ms = NOW + 1}
#define HOUR .job = {.asked_s = 3600}

/* For ten seconds, or a quarter of the lifetime if that is less. */
static void test_a_repeated_request(void **state)
{
    static const struct {
        const char *name;
        struct given given;
        bool again;
    } rows[] = {
        {"it was advertised a minute",
         {.wanted = true,
          LEASE,
          HOUR,
          .promise = {.advertised_ms = NOW - 9999, .advertised_until_ms = NOW + 50001}},
         true},
        {"ten seconds ago",
         {.wanted = true,
          LEASE,
          HOUR,
          .promise = {.advertised_ms = NOW - 10000, .advertised_until_ms = NOW + 50000}},
         false},
        {"it was advertised 20 s",
         {.wanted = true,
          LEASE,
          HOUR,
          .promise = {.advertised_ms = NOW - 4999, .advertised_until_ms = NOW + 15001}},
         true},
        {"five seconds ago",
         {.wanted = true,
          LEASE,
          HOUR,
          .promise = {.advertised_ms = NOW - 5000, .advertised_until_ms = NOW + 15000}},
         false},
        {"for another lifetime",
         {.wanted = true,
          LEASE,
          .job = {.asked_s = 3601},
          .promise = {.advertised_ms = NOW - 1, .advertised_until_ms = NOW + 59999}},
         false},
        {"the lease is not sure any more",
         {.wanted = true,
          HOUR,
          .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW + 60000, .sure_ms = NOW},
          .promise = {.advertised_ms = NOW - 1, .advertised_until_ms = NOW + 59999}},
         false},
        {"it was refused in between",
         {.wanted = true, LEASE, HOUR, .promise = {.advertised_ms = NOW - 1, .advertised_until_ms = 0}},
         false},
        {"it has ended in between",
         {.wanted = false,
          LEASE,
          HOUR,
          .promise = {.advertised_ms = NOW - 1, .advertised_until_ms = NOW + 59999}},
         false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given = rows[i].given;
        given.client = A;
        given.protocol = NATPMP_TCP;
        given.internal_port = 6881;
        given.router_port = 7000;
        give_proxy(&strategy_normal, &given, 1);
        request_map(3600);
        check_number(rows[i].name, "the job", at(MINE)->job.kind, JOB_MAP);
        check_number(rows[i].name, "again", at(MINE)->job.again, rows[i].again);
        check_number(rows[i].name, "the gateway is asked", at(MINE)->lease.due, !rows[i].again);
        check_number(rows[i].name, "touched", list_has(&t->drive, t->to_drive, MINE), true);
    }
}

/* ---- a request that was refused a moment ago ---- */

static void test_a_refused_request(void **state)
{
    static const struct {
        const char *name;
        bool wanted;
        uint64_t refused_until_ms;
        bool begins;
    } rows[] = {
        {"a moment ago", false, NOW + 1, false},
        {"two seconds ago", false, NOW, true},
        {"a moment ago, and then a rule was adopted", true, NOW + 1, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given = {
            A,
            NATPMP_TCP,
            6881,
            7000,
            .wanted = rows[i].wanted,
            .job = {.refusal = NATPMP_OUT_OF_RESOURCES, .refused_until_ms = rows[i].refused_until_ms}};
        give_proxy(&strategy_normal, &given, 1);
        request_map(3600);
        check_number(rows[i].name, "replies", replies(), !rows[i].begins);
        check_number(rows[i].name, "the job", at(MINE)->job.kind, rows[i].begins ? JOB_MAP : JOB_NONE);
    }
}

/* ---- a new request ---- */

/* Whatever failed before is tried again at once. */
static void test_nothing_is_put_off(void **state)
{
    static const struct given given = {
        A, NATPMP_TCP, 6881, 7000, .wanted = true, HOUR, .lease = {.retry_ms = NOW + 5}};
    (void)state;
    give_proxy(&strategy_normal, &given, 1);
    mapping_at(t, MINE)->rule.retry_ms = NOW + 5;
    request_map(60);
    assert_int_equal(at(MINE)->rule.retry_ms + at(MINE)->lease.retry_ms, 0);
    assert_int_equal(at(MINE)->job.asked_s, 60);
    assert_int_equal(at(MINE)->job.suggested_port, 6881);
    mapping_at(t, MINE)->rule.retry_ms = NOW + 5;
    request_map(120); /* a copy, for another lifetime */
    assert_int_equal(at(MINE)->rule.retry_ms, NOW + 5);
    assert_int_equal(at(MINE)->job.asked_s, 120);
}

/* No mapping is requested for longer than a day. */
static void test_the_longest_lifetime(void **state)
{
    (void)state;
    request_map(UINT32_MAX);
    assert_int_equal(at(MINE)->job.asked_s, 86400);
    assert_true(at(MINE)->wanted);
}

/* A client that came late once is recognized as long as nobody waits for its mapping. */
static void test_a_late_client(void **state)
{
    static const struct {
        const char *name;
        enum lease_hold hold;
        enum job_kind kind;
        uint64_t until_ms;
        bool late;
    } rows[] = {
        {"after its lifetime", LEASE_HOLD_AUTO, JOB_NONE, NOW, true},
        {"in time", LEASE_HOLD_AUTO, JOB_NONE, NOW + 1, false},
        {"a copy of its request", LEASE_HOLD_AUTO, JOB_MAP, NOW, false},
        {"no client is kept alive", LEASE_HOLD_OFF, JOB_NONE, NOW, false},
        {"each client is kept alive", LEASE_HOLD_ALWAYS, JOB_NONE, NOW, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given = {
            A,
            NATPMP_TCP,
            6881,
            7000,
            .wanted = true,
            .promise = {.advertised_ms = NOW - 60000, .advertised_until_ms = rows[i].until_ms},
            .job = {.asked_s = 3600, .kind = (uint8_t)rows[i].kind}};
        give_proxy(&strategy_normal, &given, 1);
        p->config.lease_hold = rows[i].hold;
        request_map(3600);
        check_number(rows[i].name, "late", t->client[at(MINE)->client].late, rows[i].late);
    }
}

UNIT(on_lan)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_a_repeated_request), PROXY_TEST(test_a_refused_request),
        PROXY_TEST(test_nothing_is_put_off), PROXY_TEST(test_the_longest_lifetime),
        PROXY_TEST(test_a_late_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
