/* What the gateway's answers do to the parts of a mapping. Mapping 1 is the one that the gateway was asked
 * for; mapping 2 is another one. */
#include "core/on_gateway.h"
#include "turn_unit.h"

enum { MINE = 1, OTHER = 2 };

static void ask(uint16_t m, uint32_t lifetime_s)
{
    upstream_ask(&p->upstream, m, mapping_protocol(at(m)), at(m)->router_port, at(m)->router_port, lifetime_s,
                 &step);
    lease_on_asked(t, m, lifetime_s, NOW);
}

static void answer(uint16_t m, uint16_t result, uint16_t external_port, uint32_t lifetime_s)
{
    uint8_t bytes[NATPMP_REPLY_MAX];
    size_t len = natpmp_encode_map_reply(bytes, mapping_protocol(at(m)), result, 1000, at(m)->router_port,
                                         external_port, lifetime_s);
    upstream_receive(&p->upstream, span_of(bytes, len), &step);
    on_gateway(p, &step);
}

/* The gateway is asked, and answers at once. */
static void grant(uint16_t m, uint16_t external_port)
{
    ask(m, 60);
    answer(m, NATPMP_SUCCESS, external_port, 60);
}

static void refuse(uint16_t m, uint16_t result)
{
    ask(m, 60);
    answer(m, result, 0, 0);
}

static unsigned warnings(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_LOG && out.at[i].log.level == LOG_LEVEL_WARN;
    return count;
}

static bool is_touched(uint16_t m)
{
    return list_has(&t->drive, t->to_drive, m);
}

/* ---- grants ---- */

#define REQUESTED .wanted = true, .job = {.kind = JOB_MAP, .asked_s = 60}
#define HAS(port) .state = LEASE_GRANTED, .external_port = (port), .ends_ms = NOW + 60000
#define ADVERTISED(port_)                                                                                    \
    .promise = {.advertised_until_ms = NOW + 60000, .kept_until_ms = NOW + 60000, .port = (port_)}

static void test_a_grant(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, .wanted = true,
         .promise = {.advertised_until_ms = NOW + 90000, .kept_until_ms = NOW + 90000, .adopted = true}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, 1);
    lease_recover(t, MINE);
    grant(MINE, 41000);
    assert_int_equal(at(MINE)->lease.state, LEASE_GRANTED);
    assert_int_equal(at(MINE)->lease.external_port, 41000);
    assert_false(at(MINE)->lease.asking || at(MINE)->lease.recover);
    assert_int_equal(t->recovering, 0);
    assert_int_equal(at(MINE)->promise.kept_until_ms, NOW + 60000); /* no longer than the lease */
    assert_false(at(MINE)->promise.adopted);
    assert_true(is_touched(MINE));
}

/* Another mapping still has the port in the books although its lease has ended: it loses the port and is
 * looked at again. */
static void test_a_port_of_a_lease_that_has_ended(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, REQUESTED},
        {B, NATPMP_TCP, 1, 7001, .wanted = true,
         .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    grant(MINE, 41000);
    assert_int_equal(at(MINE)->lease.external_port, 41000);
    assert_int_equal(at(OTHER)->lease.external_port, 0);
    assert_true(is_touched(OTHER));
}

/* The same for the other protocol of that port, unless a symmetric gateway needs the number for a deletion.
 */
static void test_a_port_of_the_other_protocol(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 41000, REQUESTED},
        {A, NATPMP_UDP, 1, 7001, .lease = {.state = LEASE_UNSURE, .external_port = 41000, .ends_ms = NOW}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    grant(MINE, 41000);
    assert_int_equal(at(OTHER)->lease.external_port, 0);
    give_proxy(&strategy_symmetric, given, ARRAY_LEN(given));
    grant(MINE, 41000);
    assert_int_equal(at(OTHER)->lease.external_port, 41000);
}

/* ---- one port for two ---- */

static const struct conflict {
    const char *name;
    uint8_t conflicts;     /* in a row before this one */
    uint64_t confirmed_ms; /* how long ago the other mapping was granted the port */
    bool refused;
} conflicts[] = {
    {"the first one", 0, 10000, false},
    {"the second one", 1, 10000, false},
    {"the third one", 2, 10000, true},
    {"the other one was confirmed a moment ago", 0, 9999, true},
};

static void test_a_conflict(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, .wanted = true, .job = {.kind = JOB_MAP}},
        {B, NATPMP_TCP, 1, 7001, .wanted = true, ADVERTISED(41000), .lease = {HAS(41000)}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conflicts); i++) {
        const struct conflict *row = &conflicts[i];
        give_proxy(&strategy_normal, given, ARRAY_LEN(given));
        mapping_at(t, MINE)->lease.conflicts = row->conflicts;
        mapping_at(t, OTHER)->lease.granted_ms = NOW - row->confirmed_ms;
        grant(MINE, 41000);
        check_number(row->name, "refused", at(MINE)->job.refusal, row->refused ? NATPMP_OUT_OF_RESOURCES : 0);
        check_ms(row->name, "the next try", at(MINE)->lease.retry_ms, row->refused ? 0 : NOW + 1000);
        check_number(row->name, "without a client", at(MINE)->lease.recover, false);
        check_number(row->name, "the other one is renewed", at(OTHER)->lease.recover, true);
        check_number(row->name, "the other one is touched", is_touched(OTHER), true);
        check_number(row->name, "the other one's port", at(OTHER)->lease.external_port, 41000);
    }
}

static void test_a_conflict_while_the_other_one_is_asked(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, .wanted = true, ADVERTISED(0)},
        {B, NATPMP_TCP, 1, 7001, .wanted = true, ADVERTISED(41000), .lease = {HAS(41000)}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    ask(OTHER, 60);
    grant(MINE, 41000);
    assert_false(at(OTHER)->lease.recover); /* its answer will come */
    assert_true(at(MINE)->lease.recover);   /* no client waits for it: it is asked again nevertheless */
}

/* The other protocol of that port belongs to another client. The mapping moves to another router port, and
 * what was to recover is a new lease now. */
static void test_a_port_that_cannot_be_used(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, REQUESTED},
        {B, NATPMP_UDP, 1, 7001, .wanted = true, ADVERTISED(41000), .lease = {HAS(41000)}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    lease_recover(t, MINE);
    grant(MINE, 41000);
    assert_true(at(MINE)->moving);
    assert_int_equal(t->recovering, 0);
    assert_int_equal(at(MINE)->job.refusal, 0);
}

/* ---- TCP and UDP of one port ---- */

#define TCP A, NATPMP_TCP, 1, 7000, .wanted = true
#define UDP A, NATPMP_UDP, 1, 7000, .wanted = true

/* The operator hears once that they differ, whichever of them is granted next. */
static void test_they_differ(void **state)
{
    static const struct given given[] = {{TCP, ADVERTISED(0)},
                                         {UDP, ADVERTISED(41000), .lease = {HAS(41000)}}};
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    grant(MINE, 41001);
    assert_int_equal(warnings(), 1);
    assert_true(at(MINE)->lease.pair_noted && at(OTHER)->lease.pair_noted);
    grant(OTHER, 41000);
    grant(MINE, 41001);
    assert_int_equal(warnings(), 1);
    mapping_at(t, OTHER)->promise.port = 41001;
    lease_on_gone(t, OTHER);
    grant(OTHER, 41001);
    assert_false(at(MINE)->lease.pair_noted || at(OTHER)->lease.pair_noted);
}

/* The gateway changed one port: the companion is asked at once, whatever an earlier failure put off. */
static void test_the_companion_is_asked(void **state)
{
    static const struct given given[] = {
        {TCP, ADVERTISED(41000), .lease = {HAS(41000)}},
        {UDP, ADVERTISED(41000), .lease = {HAS(41000), .retry_ms = NOW + 30000}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    grant(MINE, 41001);
    assert_int_equal(at(MINE)->lease.pair, PAIR_ASKED);
    assert_true(at(OTHER)->lease.due);
    assert_int_equal(at(OTHER)->lease.retry_ms, 0);
    assert_true(is_touched(OTHER));
    assert_false(p->promises_broken); /* not before the companion's answer */
}

/* The companion's answer tells where the changed mapping stands. */
static void test_the_answer_about_the_companion(void **state)
{
    static const struct {
        const char *name;
        uint16_t advertised;  /* of the changed mapping */
        uint64_t rejoined_ms; /* when it was last made anew */
        uint16_t result;
        uint16_t external_port; /* of the companion */
        enum lease_pair pair;   /* of the changed mapping, afterwards */
        bool broken;
    } rows[] = {
        {"both changed", 41000, 0, NATPMP_SUCCESS, 41001, PAIR_SETTLED, true},
        {"the companion did not change", 41000, 0, NATPMP_SUCCESS, 41000, PAIR_REJOINS, false},
        {"the companion did not change, and it rejoined a moment ago", 41000, NOW - 1, NATPMP_SUCCESS, 41000,
         PAIR_SETTLED, true},
        {"the same, and its client was advertised its port", 41001, NOW - 1, NATPMP_SUCCESS, 41000,
         PAIR_SETTLED, false},
        {"the gateway refuses", 41000, 0, NATPMP_NETWORK_FAILURE, 0, PAIR_SETTLED, true},
        {"the gateway refuses, and its client was advertised its port", 41001, 0, NATPMP_NETWORK_FAILURE, 0,
         PAIR_SETTLED, false},
        {"nothing was ever advertised", 0, 0, NATPMP_NETWORK_FAILURE, 0, PAIR_SETTLED, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given[] = {
            {TCP, ADVERTISED(41000), .lease = {HAS(41000)}},
            {UDP, ADVERTISED(rows[i].advertised),
             .lease = {HAS(41001), .pair = PAIR_ASKED, .rejoined_ms = rows[i].rejoined_ms}},
        };
        give_proxy(&strategy_normal, given, ARRAY_LEN(given));
        ask(MINE, 60);
        answer(MINE, rows[i].result, rows[i].external_port, rows[i].external_port != 0 ? 60 : 0);
        check_number(rows[i].name, "the changed mapping", at(OTHER)->lease.pair, rows[i].pair);
        check_number(rows[i].name, "touched", is_touched(OTHER), true);
        check_number(rows[i].name, "broken", p->promises_broken, rows[i].broken);
    }
}

/* ---- refusals ---- */

/* The operator hears of a gateway that does not authorize mappings, and again if it did in between. */
static void test_not_authorized(void **state)
{
    static const struct given given[] = {{A, NATPMP_TCP, 1, 7000, REQUESTED}};
    (void)state;
    give_proxy(&strategy_normal, given, 1);
    refuse(MINE, NATPMP_NOT_AUTHORIZED);
    assert_int_equal(at(MINE)->job.refusal, NATPMP_NOT_AUTHORIZED);
    assert_int_equal(warnings(), 1);
    refuse(MINE, NATPMP_NOT_AUTHORIZED);
    assert_int_equal(warnings(), 1);
    grant(MINE, 41000);
    lease_on_gone(t, MINE);
    refuse(MINE, NATPMP_NOT_AUTHORIZED);
    assert_int_equal(warnings(), 2);
}

/* An error that passes is no proof that a lease is gone; one that does not pass is, unless the lease was
 * granted for longer by our own books. */
static const struct {
    const char *name;
    struct given given;
    uint16_t result;
    enum lease_state lease;
    enum natpmp_result refusal;
    bool kept; /* what its client was advertised */
    bool broken;
} refusals[] = {
    {"a new mapping, and the error may pass",
     {A, NATPMP_TCP, 1, 7000, REQUESTED},
     3,
     LEASE_NONE,
     0,
     false,
     false},
    {"a new mapping, and no port is left",
     {A, NATPMP_TCP, 1, 7000, REQUESTED},
     4,
     LEASE_NONE,
     4,
     false,
     false},
    {"the lease lives",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, ADVERTISED(41000), .lease = {HAS(41000)}},
     4,
     LEASE_GRANTED,
     4,
     true,
     false},
    {"the lease has ended, and the error may pass",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, ADVERTISED(41000),
      .lease = {.state = LEASE_GRANTED, .ends_ms = NOW}},
     3,
     LEASE_NONE,
     0,
     true,
     true},
    {"an adopted lease, and the error may pass",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 60000},
      .promise = {.kept_until_ms = NOW + 60000, .adopted = true}},
     3,
     LEASE_UNSURE,
     0,
     true,
     false},
    {"an adopted lease, and no port is left",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 60000},
      .promise = {.kept_until_ms = NOW + 60000, .adopted = true, .port = 41000}},
     4,
     LEASE_NONE,
     4,
     false,
     true},
    {"an adopted rule that never had a lease",
     {A, NATPMP_TCP, 1, 7000, .wanted = true, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 60000},
      .promise = {.kept_until_ms = NOW + 60000, .adopted = true}},
     4,
     LEASE_NONE,
     4,
     false,
     false},
    {"a lease whose deletion was not confirmed",
     {A, NATPMP_TCP, 1, 7000, REQUESTED,
      .lease =
          {.state = LEASE_UNSURE, .external_port = 41000, .granted_ms = NOW - 9000, .ends_ms = NOW + 60000}},
     4,
     LEASE_UNSURE,
     4,
     false,
     false},
};

static void test_what_a_refusal_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        give_proxy(&strategy_normal, &refusals[i].given, 1);
        lease_recover(t, MINE);
        refuse(MINE, refusals[i].result);
        check_number(refusals[i].name, "the lease", at(MINE)->lease.state, refusals[i].lease);
        check_number(refusals[i].name, "the refusal", at(MINE)->job.refusal, refusals[i].refusal);
        check_number(refusals[i].name, "kept", promise_lives(at(MINE), NOW), refusals[i].kept);
        check_number(refusals[i].name, "broken", p->promises_broken, refusals[i].broken);
        check_number(refusals[i].name, "recovering", t->recovering, refusals[i].refusal == NATPMP_SUCCESS);
        check_ms(refusals[i].name, "the next try", at(MINE)->lease.retry_ms, NOW + 1000);
    }
}

/* A deletion that the gateway refuses is repeated after half a minute; but a lease that was to be made anew
 * for its companion's sake is kept. */
static void test_a_deletion_that_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct given given;
        uint64_t retry_ms;
        enum lease_state lease;
        bool broken;
    } rows[] = {
        {"it has ended", {A, NATPMP_TCP, 1, 7000, .lease = {HAS(41000)}}, NOW + 30000, LEASE_GRANTED, false},
        {"it was to rejoin, and has ended",
         {A, NATPMP_TCP, 1, 7000, .lease = {HAS(41000), .pair = PAIR_REJOINS}},
         NOW + 30000,
         LEASE_GRANTED,
         false},
        {"it was to rejoin",
         {A, NATPMP_TCP, 1, 7000, .wanted = true, ADVERTISED(41001),
          .lease = {HAS(41000), .pair = PAIR_REJOINS}},
         0,
         LEASE_UNSURE,
         true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_proxy(&strategy_normal, &rows[i].given, 1);
        ask(MINE, 0);
        answer(MINE, NATPMP_NETWORK_FAILURE, 0, 0);
        check_ms(rows[i].name, "the next try", at(MINE)->lease.retry_ms, rows[i].retry_ms);
        check_number(rows[i].name, "the lease", at(MINE)->lease.state, rows[i].lease);
        check_number(rows[i].name, "broken", p->promises_broken, rows[i].broken);
    }
}

/* ---- silence ---- */

/* No retransmission is answered. Returns when the request was given up. */
static uint64_t wait_in_vain(uint16_t m)
{
    struct step later = step;
    while (at(m)->lease.asking) {
        later.now_ms = upstream_deadline_ms(&p->upstream);
        actions_clear(&out, LOG_LEVEL_DEBUG);
        upstream_tick(&p->upstream, &later);
        on_gateway(p, &later);
    }
    return later.now_ms;
}

/* If a client relies on a lease that has ended, nobody else asks for it. */
static void test_a_request_without_an_answer(void **state)
{
    static const struct {
        const char *name;
        uint64_t kept_ms;
        uint64_t lease_ms;
        bool recovers;
    } rows[] = {
        {"the lease lives", 600000, 600000, false},
        {"the lease has ended", 600000, 1000, true},
        {"nobody relies on it", 0, 1000, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given = {
            A,
            NATPMP_TCP,
            1,
            7000,
            .wanted = true,
            .promise = {.kept_until_ms = NOW + rows[i].kept_ms},
            .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW + rows[i].lease_ms}};
        give_proxy(&strategy_normal, &given, 1);
        ask(MINE, 60);
        uint64_t end_ms = wait_in_vain(MINE);
        check_number(rows[i].name, "recovers", at(MINE)->lease.recover, rows[i].recovers);
        check_ms(rows[i].name, "the next try", at(MINE)->lease.retry_ms, end_ms + 1000);
    }
}

/* It is repeated after half a minute. A daemon that is stopping has no time for that. */
static void test_a_deletion_without_an_answer(void **state)
{
    static const struct given given = {A, NATPMP_TCP, 1, 7000, .lease = {HAS(41000)}};
    (void)state;
    for (unsigned stopping = 0; stopping < 2; stopping++) {
        give_proxy(&strategy_normal, &given, 1);
        p->stopping = stopping != 0;
        ask(MINE, 0);
        uint64_t end_ms = wait_in_vain(MINE);
        assert_int_equal(at(MINE)->lease.retry_ms, stopping ? end_ms : end_ms + 30000);
        assert_int_equal(at(MINE)->lease.state, LEASE_GRANTED);
    }
}

/* ---- the external address ---- */

/* Clients that wait for the address are answered in this step. */
static void test_the_address_is_known(void **state)
{
    uint8_t bytes[NATPMP_REPLY_MAX];
    size_t len = natpmp_encode_address_reply(bytes, NATPMP_SUCCESS, 1000, 0x01020304);
    (void)state;
    upstream_start(&p->upstream, NOW);
    upstream_tick(&p->upstream, &step);
    upstream_receive(&p->upstream, span_of(bytes, len), &step);
    assert_false(p->address_flush);
    on_gateway(p, &step);
    assert_true(p->address_flush);
}

UNIT(on_gateway)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_a_grant),
        PROXY_TEST(test_a_port_of_a_lease_that_has_ended),
        PROXY_TEST(test_a_port_of_the_other_protocol),
        PROXY_TEST(test_a_conflict),
        PROXY_TEST(test_a_conflict_while_the_other_one_is_asked),
        PROXY_TEST(test_a_port_that_cannot_be_used),
        PROXY_TEST(test_they_differ),
        PROXY_TEST(test_the_companion_is_asked),
        PROXY_TEST(test_the_answer_about_the_companion),
        PROXY_TEST(test_not_authorized),
        PROXY_TEST(test_what_a_refusal_leaves),
        PROXY_TEST(test_a_deletion_that_is_refused),
        PROXY_TEST(test_a_request_without_an_answer),
        PROXY_TEST(test_a_deletion_without_an_answer),
        PROXY_TEST(test_the_address_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
