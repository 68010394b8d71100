/* What clients were advertised, and for how long a mapping is kept for them. */
#include "core/promise.h"
#include "parts_unit.h"

/* ---- what it wants, and when ---- */

static void test_what_it_wants(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        enum promise_want want;
    } rows[] = {
        {"advertised", {.wanted = true, .promise = {.kept_until_ms = NOW + 1}}, PROMISE_WANTS_NOTHING},
        {"its time is over", {.wanted = true, .promise = {.kept_until_ms = NOW}}, PROMISE_WANTS_END},
        {"its time is over, but it is kept alive",
         {.wanted = true, .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 1}},
         PROMISE_WANTS_NOTHING},
        {"nothing was ever advertised, and no client waits", {.wanted = true}, PROMISE_WANTS_END},
        {"its time is over, but a client waits for it",
         {.wanted = true, .promise = {.kept_until_ms = NOW}, .job = {.kind = JOB_MAP}},
         PROMISE_WANTS_NOTHING},
        {"its time is over, and a client waits for its end",
         {.wanted = true, .promise = {.kept_until_ms = NOW}, .job = {.kind = JOB_DELETE}},
         PROMISE_WANTS_END},
        {"it has ended already", {.promise = {.kept_until_ms = NOW}}, PROMISE_WANTS_NOTHING},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_number(rows[i].name, "what it wants", promise_wants(&rows[i].mapping, NOW), rows[i].want);
}

static void test_when_it_is_due(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        uint64_t due_ms;
    } rows[] = {
        {"advertised for less than it is kept",
         {.wanted = true, .promise = {.advertised_until_ms = NOW + 5, .kept_until_ms = NOW + 9}},
         NOW + 5},
        {"what was advertised is over",
         {.wanted = true, .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 9}},
         NOW + 9},
        {"kept no longer",
         {.wanted = true, .promise = {.advertised_until_ms = NOW + 9, .kept_until_ms = NOW + 5}},
         NOW + 5},
        {"all is over",
         {.wanted = true, .promise = {.advertised_until_ms = NOW - 1, .kept_until_ms = NOW}},
         UINT64_MAX},
        {"not wanted", {.promise = {.advertised_until_ms = NOW + 5, .kept_until_ms = NOW + 9}}, UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_ms(rows[i].name, "the time", promise_due_ms(&rows[i].mapping, NOW), rows[i].due_ms);
}

/* ---- what it says ---- */

/* A mapping that is kept alive is active, but no client uses it, so its port at the gateway may be
 * released. */
static void test_kept_and_in_use(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        bool lives;
        bool in_use;
    } rows[] = {
        {"advertised", {.promise = {.advertised_until_ms = NOW + 1, .kept_until_ms = NOW + 1}}, true, true},
        {"kept alive", {.promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 1}}, true, false},
        {"over", {.promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW}}, false, false},
        {"over, and a client waits for it", {.job = {.kind = JOB_MAP}}, false, true},
        {"over, and a client waits for its end", {.job = {.kind = JOB_DELETE}}, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_number(rows[i].name, "kept", promise_lives(&rows[i].mapping, NOW), rows[i].lives);
        check_number(rows[i].name, "in use", promise_is_in_use(&rows[i].mapping, NOW), rows[i].in_use);
    }
}

/* A mapping is kept for as long as the client requested, but for two hours at most. The client was late if it
 * requests again after the advertised lifetime and before that end. */
static void test_a_client_that_comes_late(void **state)
{
    static const struct {
        const char *name;
        uint32_t asked_s;
        uint64_t keep_until_ms; /* it was advertised a minute at NOW - 60 s, which is over now */
        bool late;
    } rows[] = {
        {"it asked for less", 59, NOW - 1000, false},
        {"it asked for what it was advertised", 60, NOW, false},
        {"it asked for a second more", 61, NOW + 1000, true},
        {"it asked for an hour", 3600, NOW + 3540000, true},
        {"it asked for two hours", 7200, NOW + 7140000, true},
        {"it asked for more than two hours", 7201, NOW + 7140000, true},
        {"it asked for all the time there is", UINT32_MAX, NOW + 7140000, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mapping mapping = {.promise = {.advertised_ms = NOW - 60000, .advertised_until_ms = NOW},
                                  .job = {.asked_s = rows[i].asked_s}};
        check_ms(rows[i].name, "kept until", promise_keep_alive_until_ms(&mapping), rows[i].keep_until_ms);
        check_number(rows[i].name, "late", promise_was_outlived(&mapping, NOW), rows[i].late);
        check_number(rows[i].name, "late before its end", promise_was_outlived(&mapping, NOW - 1), false);
        check_ms(rows[i].name, "the lifetime", promise_lifetime_ms(&mapping), 60000);
    }
    struct mapping refused = {.promise = {.advertised_ms = NOW - 60000}, .job = {.asked_s = 3600}};
    assert_false(promise_was_outlived(&refused, NOW)); /* the client got an answer that the mapping is over */
}

/* ---- what happens to it ---- */

static uint16_t given(struct promise promise, struct lease lease, uint32_t asked_s)
{
    uint16_t m = mapping_find(t, A, NATPMP_TCP, 6881);
    if (m == 0)
        m = mapping_new(t, A, NATPMP_TCP, 6881);
    mapping_at(t, m)->promise = promise;
    mapping_at(t, m)->lease = lease;
    mapping_at(t, m)->job.asked_s = asked_s;
    return m;
}

static void check_promise(const char *name, uint16_t m, struct promise expected)
{
    const struct promise *promise = &mapping_at(t, m)->promise;
    check_ms(name, "advertised", promise->advertised_ms, expected.advertised_ms);
    check_ms(name, "advertised until", promise->advertised_until_ms, expected.advertised_until_ms);
    check_ms(name, "kept until", promise->kept_until_ms, expected.kept_until_ms);
    check_number(name, "the port", promise->port, expected.port);
    check_number(name, "adopted", promise->adopted, expected.adopted);
}

static const struct promise before = {.advertised_ms = NOW - 9,
                                      .advertised_until_ms = NOW + 9,
                                      .kept_until_ms = NOW + 99,
                                      .port = 41000,
                                      .adopted = true};
static const struct lease lease = {.external_port = 41001, .ends_ms = NOW + 50};

static void test_advertised(void **state)
{
    static const struct {
        const char *name;
        uint32_t asked_s;
        uint32_t lifetime_s;
        bool kept_alive;
        uint64_t ends_ms;
    } rows[] = {
        {"not kept alive", 3600, 60, false, NOW + 60000},
        {"kept alive", 3600, 60, true, NOW + 3600000},
        {"kept alive for two hours", 10000, 60, true, NOW + 7200000},
        {"advertised for longer than two hours", 10000, 9000, true, NOW + 9000000},
        {"for all the time there is", UINT32_MAX, UINT32_MAX, false, NOW + UINT32_MAX * UINT64_C(1000)},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint16_t m = given(before, lease, rows[i].asked_s);
        promise_on_advertised(t, m, rows[i].lifetime_s, rows[i].kept_alive, NOW);
        check_promise(rows[i].name, m,
                      (struct promise){.advertised_ms = NOW,
                                       .advertised_until_ms = NOW + rows[i].lifetime_s * UINT64_C(1000),
                                       .kept_until_ms = rows[i].ends_ms,
                                       .port = 41001});
    }
}

/* An adopted mapping lasts as long as the rule's comment says, but not longer than the lease that the gateway
 * then grants. */
static void test_granted(void **state)
{
    static const struct {
        const char *name;
        bool adopted;
        uint64_t lease_ends_ms;
        uint64_t ends_ms;
    } rows[] = {
        {"adopted, and the lease is shorter", true, NOW + 98, NOW + 98},
        {"adopted, and the lease is longer", true, NOW + 100, NOW + 99},
        {"advertised by this run", false, NOW + 98, NOW + 99},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct promise promise = {
            .advertised_until_ms = NOW + 99, .kept_until_ms = NOW + 99, .adopted = rows[i].adopted};
        uint16_t m = given(promise, (struct lease){.ends_ms = rows[i].lease_ends_ms}, 0);
        promise_on_granted(t, m);
        check_promise(
            rows[i].name, m,
            (struct promise){.advertised_until_ms = rows[i].ends_ms, .kept_until_ms = rows[i].ends_ms});
    }
}

/* Each of the other events, and the fields that it changes. */
static void test_what_else_happens(void **state)
{
    (void)state;
    uint16_t m = given(before, lease, 3600);
    struct promise expected = before;

    expected.port = 41001;
    promise_on_repeated(t, m);
    check_promise("repeated", m, expected);

    expected.port = 41002;
    promise_on_found(t, m, 41002);
    check_promise("found", m, expected);

    expected.advertised_until_ms = 0;
    promise_on_refused(t, m);
    check_promise("refused: it may be kept", m, expected);

    expected.advertised_until_ms = expected.kept_until_ms = NOW + 7;
    expected.adopted = true;
    mapping_at(t, m)->promise.adopted = false;
    promise_on_adopted(t, m, NOW + 7);
    check_promise("adopted", m, expected);

    expected.kept_until_ms = 0;
    promise_stop(t, m);
    check_promise("the program ends: it is still known what was advertised", m, expected);

    expected.advertised_until_ms = 0;
    mapping_at(t, m)->promise.kept_until_ms = NOW;
    promise_end(t, m);
    check_promise("nothing is advertised any more", m, expected);
}

UNIT(promise)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_wants),
        cmocka_unit_test(test_when_it_is_due),
        cmocka_unit_test(test_kept_and_in_use),
        cmocka_unit_test(test_a_client_that_comes_late),
        TEST(test_advertised),
        TEST(test_granted),
        TEST(test_what_else_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
