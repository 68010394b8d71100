/* The half of a mapping at the gateway: what happens to it. */
#include "base/prng.h"
#include "core/lease.h"
#include "parts_unit.h"

enum { ROUTER_PORT = 7000 };

/* ---- grants ---- */

static uint16_t new_mapping(void)
{
    uint16_t m = mapping_new(t, A, NATPMP_TCP, 6881);
    mapping_set_router_port(t, m, ROUTER_PORT);
    mapping_set_wanted(t, m, true);
    job_set_lifetime(t, m, 3600);
    return m;
}

static struct lease *lease_of(uint16_t m)
{
    return &mapping_at(t, m)->lease;
}

/* Granted after 100 ms. */
static struct upstream_outcome grant_of(uint16_t external_port, uint32_t lifetime_s)
{
    return (struct upstream_outcome){.external_port = external_port,
                                     .lifetime_s = lifetime_s,
                                     .asked_ms = NOW - 100,
                                     .gone_ms = NOW + lifetime_s * UINT64_C(1000)};
}

static void grant(uint16_t m, uint16_t external_port)
{
    struct upstream_outcome o = grant_of(external_port, 60);
    lease_on_granted(t, m, &o, NOW);
}

static void test_granted(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    lease_begin(t, m, true);
    lease_on_conflict(t, m);
    lease_on_refused(t, m, NATPMP_NETWORK_FAILURE, NOW - 5000);
    grant(m, 41000);
    const struct lease *lease = lease_of(m);
    assert_int_equal(lease->state, LEASE_GRANTED);
    assert_int_equal(lease->granted_s, 60);
    assert_int_equal(lease->granted_ms, NOW);
    assert_int_equal(lease->ends_ms, NOW + 59900); /* it began when the gateway was asked */
    assert_int_equal(lease->sure_ms, NOW + 59900);
    assert_int_equal(lease->gone_ms, NOW + 60000);
    assert_int_equal(lease->external_port, 41000);
    assert_int_equal(lease->failures + lease->conflicts, 0);
    assert_false(lease->due || lease->slow);
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41000), m);
    grant(m, 41001);
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41000), 0);
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41001), m);
}

/* A lease of more than a week is treated as one of a week. */
static void test_a_lease_without_end(void **state)
{
    static const struct {
        uint32_t lifetime_s;
        uint32_t granted_s;
    } rows[] = {{604799, 604799}, {604800, 604800}, {604801, 604800}, {UINT32_MAX, 604800}};
    (void)state;
    uint16_t m = new_mapping();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_outcome o = grant_of(41000, rows[i].lifetime_s);
        lease_on_granted(t, m, &o, NOW);
        assert_int_equal(lease_of(m)->granted_s, rows[i].granted_s);
        assert_int_equal(lease_of(m)->ends_ms, NOW - 100 + rows[i].granted_s * UINT64_C(1000));
    }
}

/* A renewal waits 200 ms for the gateway. A gateway that was too slow once counts as slow from then on. */
static void test_a_slow_gateway(void **state)
{
    static const struct {
        uint64_t took_ms;
        bool slow;
    } rows[] = {{200, false}, {201, true}, {0, true}};
    (void)state;
    uint16_t m = new_mapping();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_outcome o = {
            .external_port = 41000, .lifetime_s = 60, .asked_ms = NOW - rows[i].took_ms};
        lease_on_granted(t, m, &o, NOW);
        assert_int_equal(lease_of(m)->slow, rows[i].slow);
    }
}

/* ---- requests ---- */

/* Each client has one request at the gateway at a time, and a deletion counts, too. The end of a lease is
 * certain only until the request may have changed it. */
static void test_asked(void **state)
{
    static const struct {
        const char *name;
        uint32_t lifetime_s;
        uint64_t sure_ms;
        bool releasing;
    } rows[] = {
        {"for longer", 3600, NOW + 59900, false},
        {"for less", 10, NOW + 10000, false},
        {"a deletion", 0, NOW, true},
    };
    (void)state;
    uint16_t m = new_mapping();
    const uint16_t *asking = &t->client[mapping_at(t, m)->client].asking;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        grant(m, 41000);
        lease_on_asked(t, m, rows[i].lifetime_s, NOW);
        check_ms(rows[i].name, "sure until", lease_of(m)->sure_ms, rows[i].sure_ms);
        check_ms(rows[i].name, "the end", lease_of(m)->ends_ms, NOW + 59900);
        check_number(rows[i].name, "releasing", lease_of(m)->releasing, rows[i].releasing);
        check_number(rows[i].name, "asking", lease_of(m)->asking, true);
        check_number(rows[i].name, "the client's requests", *asking, 1);
        lease_on_answered(t, m);
        check_number(rows[i].name, "asking after the answer", lease_of(m)->asking, false);
        check_number(rows[i].name, "the client's requests after it", *asking, 0);
    }
}

/* The gateway may have granted what no client waits for any more. */
static void test_withdrawn(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    lease_on_asked(t, m, 3600, NOW);
    lease_on_withdrawn(t, m, NOW);
    assert_int_equal(lease_of(m)->state, LEASE_UNSURE);
    assert_int_equal(lease_of(m)->ends_ms, NOW + 3600000);
    assert_false(lease_of(m)->asking);
    assert_int_equal(t->client[mapping_at(t, m)->client].asking, 0);
    job_set_lifetime(t, m, 60);
    lease_on_asked(t, m, 60, NOW);
    lease_on_withdrawn(t, m, NOW);
    assert_int_equal(lease_of(m)->ends_ms, NOW + 3600000); /* of the two the longer one */
}

static void test_unanswered(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    lease_on_unanswered(t, m, NOW);
    assert_int_equal(lease_of(m)->state, LEASE_UNSURE); /* it may have been granted */
    assert_int_equal(lease_of(m)->ends_ms, NOW + 3600000);
    assert_int_equal(lease_of(m)->retry_ms, NOW + 1000);
    lease_on_unanswered(t, m, NOW);
    assert_int_equal(lease_of(m)->retry_ms, NOW + 2000);
    grant(m, 41000);
    lease_on_unanswered(t, m, NOW + 1);
    assert_int_equal(lease_of(m)->state, LEASE_GRANTED); /* it is as it was */
    assert_int_equal(lease_of(m)->ends_ms, NOW + 59900);
    assert_int_equal(lease_of(m)->retry_ms, NOW + 1001);
}

static void test_it_begins_anew(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    struct lease *lease = lease_of(m);
    struct lease before = {
        .conflicts = 2, .moves = 1, .moved_from = 41000, .result = 3, .failures = 4, .retry_ms = NOW + 5};
    *lease = before;
    lease_begin(t, m, false); /* the gateway was asked a moment ago */
    assert_int_equal(lease->conflicts + lease->moves + lease->moved_from + lease->result, 0);
    assert_int_equal(lease->failures, 4);
    assert_int_equal(lease->retry_ms, NOW + 5);
    assert_false(lease->due);
    *lease = before;
    lease_begin(t, m, true);
    assert_int_equal(lease->conflicts + lease->moves + lease->moved_from + lease->result, 0);
    assert_int_equal(lease->failures + lease->retry_ms, 0);
    assert_true(lease->due);
}

/* ---- grants that cannot be used ---- */

static void test_a_conflict(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    assert_int_equal(lease_on_conflict(t, m), 1);
    assert_int_equal(lease_of(m)->state, LEASE_NONE);
    assert_int_equal(lease_on_conflict(t, m), 2);
    lease_on_conflict_solved(t, m, NOW);
    assert_int_equal(lease_of(m)->retry_ms, NOW + 250);
    assert_int_equal(lease_on_conflict(t, m), 1);
    grant(m, 41000);
    assert_int_equal(lease_on_conflict(t, m), 1);       /* in a row: the grant ended the row before */
    assert_int_equal(lease_of(m)->state, LEASE_UNSURE); /* it had a port before */
    assert_int_equal(lease_of(m)->external_port, 41000);
}

/* Another router port may get another external port, up to three times. If the gateway granted the same port
 * for two of them, it has no other port. */
static void test_unusable(void **state)
{
    static const struct {
        const char *name;
        uint16_t external_port;
        bool moves;
    } rows[] = {
        {"the first", 41000, true},   {"the same port again", 41000, false}, {"another port", 41001, true},
        {"a third one", 41002, true}, {"a fourth one", 41003, false},
    };
    (void)state;
    uint16_t m = new_mapping();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_outcome o = grant_of(rows[i].external_port, 60);
        check_number(rows[i].name, "moves", lease_on_unusable(t, m, &o, &strategy_normal), rows[i].moves);
        check_number(rows[i].name, "the state", lease_of(m)->state, LEASE_UNSURE);
        check_number(rows[i].name, "the port", lease_of(m)->external_port, 0);
        check_ms(rows[i].name, "the end", lease_of(m)->ends_ms, NOW + 59900);
        check_ms(rows[i].name, "gone", lease_of(m)->gone_ms, NOW + 60000);
    }
    assert_int_equal(lease_of(m)->moves, 3);
}

static void test_unusable_at_a_symmetric_gateway(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    struct upstream_outcome o = grant_of(41000, 60);
    assert_false(lease_on_unusable(t, m, &o, &strategy_symmetric));
    assert_int_equal(lease_of(m)->moves, 0);
    assert_int_equal(lease_of(m)->external_port, 41000); /* by this number it is released */
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41000), m);
}

/* ---- unsolicited replies ---- */

static void test_unsolicited(void **state)
{
    static const struct {
        const char *name;
        struct lease lease;
        bool wanted;
        uint16_t external_port;
        uint32_t lifetime_s;
        bool news;
        enum lease_state state;
        bool recovers;
    } rows[] = {
        {"a grant that is known", {.state = LEASE_GRANTED}, true, 41000, 60, false, LEASE_GRANTED, false},
        {"a grant of another port", {.state = LEASE_GRANTED}, true, 41001, 60, true, LEASE_UNSURE, true},
        {"a deletion of what is granted", {.state = LEASE_GRANTED}, true, 41000, 0, true, LEASE_UNSURE, true},
        {"the same, and it has ended", {.state = LEASE_GRANTED}, false, 41000, 0, true, LEASE_UNSURE, false},
        {"a grant while unsure", {.state = LEASE_UNSURE}, true, 41001, 60, false, LEASE_UNSURE, false},
        {"a deletion while unsure", {.state = LEASE_UNSURE}, true, 0, 0, false, LEASE_UNSURE, false},
        {"a grant of what is awaited", {.state = LEASE_NONE}, true, 41001, 60, false, LEASE_NONE, false},
        {"a grant of what has ended", {.state = LEASE_NONE}, false, 41001, 60, true, LEASE_UNSURE, false},
        {"a deletion of what has ended", {.state = LEASE_NONE}, false, 0, 0, false, LEASE_NONE, false},
        {"a grant of what ends", {.state = LEASE_UNSURE}, false, 41001, 60, false, LEASE_UNSURE, false},
    };
    (void)state;
    uint16_t m = new_mapping();
    struct lease *lease = lease_of(m);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_outcome o = grant_of(rows[i].external_port, rows[i].lifetime_s);
        lease_on_gone(t, m);
        lease_recovered(t, m);
        if (rows[i].lease.state != LEASE_NONE)
            grant(m, 41000);
        lease->state = rows[i].lease.state;
        mapping_set_wanted(t, m, rows[i].wanted);
        check_number(rows[i].name, "news", lease_on_unsolicited(t, m, &o, NOW), rows[i].news);
        check_number(rows[i].name, "the state", lease->state, rows[i].state);
        check_number(rows[i].name, "recovers", lease->recover, rows[i].recovers);
        check_number(rows[i].name, "recovering", t->recovering, rows[i].recovers);
        check_number(rows[i].name, "due", lease->due, false);
    }
}

/* A grant of a mapping that has ended: the gateway has a lease that no client wants, and the record leaves
 * quarantine to release it. */
static void test_a_late_grant_of_what_has_ended(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    struct upstream_outcome o = grant_of(41000, 60);
    mapping_set_wanted(t, m, false);
    mapping_quarantine(t, m, NOW);
    assert_true(lease_on_unsolicited(t, m, &o, NOW));
    assert_false(mapping_is_quarantined(t, m));
    assert_int_equal(lease_of(m)->ends_ms, NOW + 60000);
}

/* A client waits: it gets success only after the gateway was asked again. */
static void test_a_contradiction_while_a_client_waits(void **state)
{
    static const struct natpmp_request request = {.lifetime_s = 3600};
    (void)state;
    uint16_t m = new_mapping();
    struct upstream_outcome o = grant_of(41001, 60);
    grant(m, 41000);
    job_begin_map(t, m, &request, false, NOW);
    assert_true(lease_on_unsolicited(t, m, &o, NOW));
    assert_true(lease_of(m)->due);
}

/* A very late reply contains nothing new. But if it contradicts the tables, nothing is advertised from
 * memory. */
static void test_late(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    grant(m, 41000);
    lease_on_late(t, m, 41000);
    assert_int_equal(lease_left_ms(mapping_at(t, m), NOW), 59900);
    lease_on_late(t, m, 41001);
    assert_int_equal(lease_left_ms(mapping_at(t, m), NOW), 0);
    assert_true(lease_lives(mapping_at(t, m), NOW));
}

/* ---- the gateway lost its state ---- */

static void test_the_state_is_lost(void **state)
{
    static const struct {
        const char *name;
        bool wanted;
        bool asking;
        enum job_kind kind;
        enum lease_state state;
        bool due;
    } rows[] = {
        {"no client waits", true, false, JOB_NONE, LEASE_UNSURE, false},
        {"a client waits for it", true, false, JOB_MAP, LEASE_UNSURE, true},
        {"a client waits for its end", false, true, JOB_DELETE, LEASE_UNSURE, false},
        {"not wanted: there is nothing to release", false, false, JOB_NONE, LEASE_NONE, false},
    };
    (void)state;
    uint16_t m = new_mapping();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        grant(m, 41000);
        mapping_set_wanted(t, m, rows[i].wanted);
        lease_of(m)->asking = rows[i].asking;
        lease_set_due(t, m);
        mapping_at(t, m)->job.kind = (uint8_t)rows[i].kind;
        lease_on_state_lost(t, m);
        check_number(rows[i].name, "the state", lease_of(m)->state, rows[i].state);
        check_number(rows[i].name, "due", lease_of(m)->due, rows[i].due);
        check_number(rows[i].name, "the port", lease_of(m)->external_port,
                     rows[i].state == LEASE_NONE ? 0 : 41000);
    }
}

static void test_adopted(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    lease_on_adopted(t, m, 0, NOW + 5);
    assert_int_equal(lease_of(m)->state, LEASE_UNSURE);
    assert_int_equal(lease_of(m)->ends_ms, NOW + 5);
    assert_int_equal(lease_of(m)->external_port, 0);
    lease_on_adopted(t, m, 41000, NOW + 5);
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41000), m);
    lease_on_adopted(t, m, 0, NOW + 6); /* the rule's comment does not say it: what is known stays */
    assert_int_equal(lease_of(m)->external_port, 41000);
    lease_on_port_lost(t, m);
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41000), 0);
    assert_int_equal(lease_of(m)->state, LEASE_UNSURE);
}

/* ---- what is to be done ---- */

static void test_recovering_is_counted(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    uint16_t other = mapping_new(t, B, NATPMP_TCP, 1);
    lease_retry_at(t, m, NOW + 5);
    lease_recover(t, m);
    assert_int_equal(lease_of(m)->retry_ms, 0);
    lease_retry_at(t, m, NOW + 5);
    lease_recover(t, m); /* it does already: the pause is of this attempt */
    assert_int_equal(lease_of(m)->retry_ms, NOW + 5);
    assert_int_equal(t->recovering, 1);
    lease_recover(t, other);
    assert_int_equal(t->recovering, 2);
    lease_recovered(t, m);
    lease_recovered(t, m);
    assert_int_equal(t->recovering, 1);
    lease_recovered(t, other);
    assert_int_equal(t->recovering, 0);
}

static void test_the_end(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    lease_retry_at(t, m, NOW + 5);
    lease_end(t, m);
    assert_false(mapping_at(t, m)->wanted);
    assert_int_equal(lease_of(m)->retry_ms, 0); /* it is released at once */
    lease_retry_at(t, m, NOW + 5);
    lease_end(t, m);
    assert_int_equal(lease_of(m)->retry_ms, NOW + 5); /* the deletion failed before */
}

static void test_pauses(void **state)
{
    static const uint64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    static const uint64_t soon_ms[] = {250, 500, 1000, 2000, 4000, 4000, 4000};
    (void)state;
    uint16_t m = new_mapping();
    for (unsigned i = 0; i < 300; i++) {
        unsigned row = i < ARRAY_LEN(pauses_ms) ? i : ARRAY_LEN(pauses_ms) - 1;
        lease_on_refused(t, m, NATPMP_OUT_OF_RESOURCES, NOW);
        check_ms("refused again", "the next try", lease_of(m)->retry_ms, NOW + pauses_ms[row]);
        lease_retry_soon(t, m, NOW);
        check_ms("while a port is released", "the next try", lease_of(m)->retry_ms, NOW + soon_ms[row]);
    }
    assert_int_equal(lease_of(m)->result, NATPMP_OUT_OF_RESOURCES);
}

static void test_the_pair(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    struct lease *lease = lease_of(m);
    grant(m, 41000);
    lease_set_pair(t, m, PAIR_ASKED);
    assert_int_equal(lease->pair, PAIR_ASKED);
    lease_rejoin(t, m, NOW);
    assert_int_equal(lease->pair, PAIR_REJOINS);
    assert_int_equal(lease->rejoined_ms, NOW);
    lease->retry_ms = NOW + 5;
    lease_on_not_released(t, m);
    assert_int_equal(lease->state, LEASE_UNSURE);
    assert_int_equal(lease->retry_ms, 0);
    assert_true(lease->due);
    lease_note_pair(t, m, true);
    assert_true(lease->pair_noted);
    lease_note_pair(t, m, false);
    assert_false(lease->pair_noted);
}

/* Three changes within half an hour are often; the time counts from the first one. */
static void test_rotations(void **state)
{
    static const struct {
        const char *name;
        uint64_t at_ms;
        unsigned often;
        uint64_t since_ms;
    } rows[] = {
        {"the first change", NOW, 0, NOW},
        {"the second one", NOW + 1, 0, NOW},
        {"the third one", NOW + 1799999, 3, NOW},
        {"half an hour after the first", NOW + 1800000, 0, NOW + 1800000},
        {"the next", NOW + 1800001, 0, NOW + 1800000},
        {"once more three", NOW + 1800002, 3, NOW + 1800000},
        {"a fourth one", NOW + 1800003, 3, NOW + 1800000},
    };
    (void)state;
    uint16_t m = new_mapping();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t since_ms = 0;
        check_number(rows[i].name, "often", lease_count_rotation(t, m, rows[i].at_ms, &since_ms),
                     rows[i].often);
        check_ms(rows[i].name, "since", since_ms, rows[i].since_ms);
    }
    assert_int_equal(lease_of(m)->rotations, 3);
}

/* ---- at random ---- */

/* One event of those that change the state or the external port. */
static void happen(uint16_t m, unsigned what, uint16_t port)
{
    struct upstream_outcome o = grant_of(port, 60);
    struct upstream_outcome deletion = grant_of(port, 0);
    switch (what) {
    case 0:
        lease_on_granted(t, m, &o, NOW);
        break;
    case 1:
        lease_on_conflict(t, m);
        break;
    case 2:
        lease_on_unusable(t, m, &o, &strategy_symmetric);
        break;
    case 3:
        lease_on_unusable(t, m, &o, &strategy_normal);
        break;
    case 4:
        lease_on_unanswered(t, m, NOW);
        break;
    case 5:
        lease_on_gone(t, m);
        break;
    case 6:
        lease_on_port_lost(t, m);
        break;
    case 7:
        lease_on_unsolicited(t, m, &o, NOW);
        break;
    case 8:
        lease_on_unsolicited(t, m, &deletion, NOW);
        break;
    case 9:
        lease_on_state_lost(t, m);
        break;
    case 10:
        lease_on_adopted(t, m, port, NOW + 5);
        break;
    case 11:
        mapping_set_wanted(t, m, !mapping_at(t, m)->wanted);
        break;
    case 12:
        lease_recovered(t, m);
        break;
    case 13:
        lease_recover(t, m);
        break;
    default:
        if (lease_of(m)->asking)
            lease_on_withdrawn(t, m, NOW);
        else
            lease_on_asked(t, m, 60, NOW);
        break;
    }
}

/* Without a lease there is no external port; the port and the index by it agree; and the two counters count.
 */
static void check_books(void)
{
    unsigned ports = 0;
    unsigned recovering = 0;
    unsigned asking = 0;
    for (uint16_t m = 1; m <= t->used_mappings; m++) {
        const struct lease *lease = lease_of(m);
        assert_true(lease->state != LEASE_NONE || lease->external_port == 0);
        if (lease->external_port != 0)
            assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, lease->external_port), m);
        ports += lease->external_port != 0;
        recovering += lease->recover;
        asking += lease->asking;
    }
    assert_int_equal(t->by_external_port.count, ports);
    assert_int_equal(t->recovering, recovering);
    assert_int_equal(t->client[client_find(t, A)].asking, asking);
}

static void test_at_random_the_books_agree(void **state)
{
    enum { LEASES = 3, STEPS = 20000, WHATS = 15 };
    struct prng prng = prng_seeded(1);
    (void)state;
    for (unsigned i = 1; i <= LEASES; i++)
        mapping_new(t, A, NATPMP_TCP, (uint16_t)i);
    for (unsigned i = 0; i < STEPS; i++) {
        uint16_t m = (uint16_t)(prng_below(&prng, LEASES) + 1);
        happen(m, prng_below(&prng, WHATS), (uint16_t)(i + 1));
        check_books();
    }
}

UNIT(lease_events)
{
    const struct CMUnitTest tests[] = {
        TEST(test_granted),
        TEST(test_a_lease_without_end),
        TEST(test_a_slow_gateway),
        TEST(test_asked),
        TEST(test_withdrawn),
        TEST(test_unanswered),
        TEST(test_it_begins_anew),
        TEST(test_a_conflict),
        TEST(test_unusable),
        TEST(test_unusable_at_a_symmetric_gateway),
        TEST(test_unsolicited),
        TEST(test_a_late_grant_of_what_has_ended),
        TEST(test_a_contradiction_while_a_client_waits),
        TEST(test_late),
        TEST(test_the_state_is_lost),
        TEST(test_adopted),
        TEST(test_recovering_is_counted),
        TEST(test_the_end),
        TEST(test_pauses),
        TEST(test_the_pair),
        TEST(test_rotations),
        TEST(test_at_random_the_books_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
