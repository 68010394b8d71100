/* Deletions by clients. */
#include "core/deletion.h"
#include "turn_unit.h"

static const struct reply_path path = {.to = {A, 40000}};

static void wait_for(uint16_t *list)
{
    struct pending_reply reply = {.path = path};
    assert_true(pending_add(t, list, &reply));
}

/* The result codes that were sent, as decimal digits; 9: none. */
static unsigned replies(void)
{
    unsigned results = 9;
    for (unsigned i = 0; i < out.count; i++)
        if (out.at[i].type == ACTION_LAN_SEND)
            results = results * 10 + natpmp_decode_reply(out.at[i].lan.bytes).result;
    return results;
}

/* ---- the begin ---- */

static void test_it_begins(void **state)
{
    static const struct given given = {A,
                                       NATPMP_TCP,
                                       1,
                                       7000,
                                       .wanted = true,
                                       .promise = {.advertised_until_ms = NOW + 5, .kept_until_ms = NOW + 5},
                                       .lease = {.retry_ms = NOW + 5}};
    (void)state;
    give_proxy(&strategy_normal, &given, 1);
    mapping_set_moving(t, 1, true);
    mapping_at(t, 1)->rule.retry_ms = NOW + 5;
    deletion_begin(p, 1, &step);
    assert_false(at(1)->wanted || at(1)->moving);
    assert_int_equal(at(1)->job.kind, JOB_DELETE);
    assert_int_equal(at(1)->promise.advertised_until_ms + at(1)->promise.kept_until_ms, 0);
    assert_int_equal(at(1)->rule.retry_ms, 0); /* whatever failed before */
    assert_int_equal(at(1)->lease.retry_ms, 0);
    assert_true(list_has(&t->drive, t->to_drive, 1));
    assert_true(p->address_flush); /* a request for the address waited for the mapping */
    p->address_flush = false;
    struct step later = {.now_ms = NOW + 1, .out = &out};
    deletion_begin(p, 1, &later);
    assert_int_equal(at(1)->job.since_ms, NOW); /* a copy of the request */
    assert_false(p->address_flush);
}

static void test_a_record_in_quarantine_wakes(void **state)
{
    static const struct given given = {A, NATPMP_TCP, 1, 7000, .quarantined_ms = NOW};
    (void)state;
    give_proxy(&strategy_normal, &given, 1);
    deletion_begin(p, 1, &step);
    assert_false(mapping_is_quarantined(t, 1));
}

static void test_when_it_is_done(void **state)
{
    (void)state;
    struct mapping mapping = {.wanted = false};
    assert_true(deletion_is_done(&mapping));
    mapping.wanted = true;
    assert_false(deletion_is_done(&mapping));
    mapping.wanted = false;
    mapping.rule.state = RULE_UNSURE;
    assert_false(deletion_is_done(&mapping));
}

/* ---- before the first snapshot ---- */

/* A rule of an earlier run is found: was its deletion requested before? */
static void test_a_deletion_that_was_kept(void **state)
{
    static const struct {
        const char *name;
        enum job_kind kind;
        struct given all; /* the record of a deletion of all mappings */
        bool begins;
        bool delete_all;
    } rows[] = {
        {"nothing was requested", JOB_NONE, {0}, false, false},
        {"its deletion", JOB_DELETE, {0}, true, false},
        {"it was requested after its deletion", JOB_MAP, {0}, false, false},
        {"the deletion of all", JOB_NONE, {A, NATPMP_TCP, 0, 0, .job = {.kind = JOB_DELETE}}, true, true},
        {"both", JOB_DELETE, {A, NATPMP_TCP, 0, 0, .job = {.kind = JOB_DELETE}}, true, true},
        {"it was requested after the deletion of all",
         JOB_MAP,
         {A, NATPMP_TCP, 0, 0, .job = {.kind = JOB_DELETE}},
         false,
         false},
        {"the deletion of all of the other protocol",
         JOB_NONE,
         {A, NATPMP_UDP, 0, 0, .job = {.kind = JOB_DELETE}},
         false,
         false},
        {"another client's deletion of all",
         JOB_NONE,
         {B, NATPMP_TCP, 0, 0, .job = {.kind = JOB_DELETE}},
         false,
         false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given[] = {{A, NATPMP_TCP, 1, 7000, .job = {.kind = (uint8_t)rows[i].kind}},
                                rows[i].all};
        give_proxy(&strategy_normal, given, ARRAY_LEN(given));
        check_number(rows[i].name, "begins", deletion_begin_kept(p, 1, &step), rows[i].begins);
        check_number(rows[i].name, "the job", at(1)->job.kind, rows[i].begins ? JOB_DELETE : rows[i].kind);
        check_number(rows[i].name, "of all", at(1)->job.delete_all, rows[i].delete_all);
    }
}

/* ---- the answer ---- */

static void test_the_answer(void **state)
{
    static const struct {
        const char *name;
        enum rule_state rule;
        bool adopting; /* the first snapshot is not complete */
        uint64_t waited_ms;
        unsigned replies;
    } rows[] = {
        {"the rule is gone", RULE_ABSENT, false, 0, 90},
        {"the rule stands", RULE_REMOVING, false, 11999, 9},
        {"the rule stands after 12 s", RULE_REMOVING, false, 12000, 93},
        {"a rule of an earlier run may stand", RULE_ABSENT, true, 11999, 9},
        {"it may stand after 12 s", RULE_ABSENT, true, 12000, 93},
    };
    static const struct given given = {A, NATPMP_TCP, 1, 7000, .wanted = false};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_proxy(&strategy_normal, &given, 1);
        job_begin_delete(t, 1, NOW - rows[i].waited_ms);
        wait_for(&mapping_at(t, 1)->job.pending);
        mapping_at(t, 1)->rule.state = (uint8_t)rows[i].rule;
        p->adopting = rows[i].adopting;
        deletion_settle(p, 1, &step);
        check_number(rows[i].name, "replies", replies(), rows[i].replies);
        check_number(rows[i].name, "the job", at(1)->job.kind, rows[i].replies == 9 ? JOB_DELETE : JOB_NONE);
    }
}

/* ---- all mappings of a client and protocol ---- */

static const struct given four[] = {
    {A, NATPMP_TCP, 1, 7000, .job = {.delete_all = true}},
    {A, NATPMP_TCP, 2, 7001, .job = {.delete_all = true}},
    {A, NATPMP_TCP, 3, 7002, .job = {.delete_all = true}},
    {A, NATPMP_UDP, 1, 7000, .job = {.delete_all = true}},
};

static void give_four(void)
{
    give_proxy(&strategy_normal, four, ARRAY_LEN(four));
    wait_for(&t->client[1].delete_all_pending[NATPMP_TCP]);
}

/* The last one that is gone answers with success. */
static void test_all_are_gone(void **state)
{
    (void)state;
    give_four();
    deletion_progress(p, 2, NATPMP_SUCCESS, &step);
    deletion_progress(p, 1, NATPMP_SUCCESS, &step);
    assert_int_equal(replies(), 9);
    deletion_progress(p, 3, NATPMP_SUCCESS, &step);
    assert_int_equal(replies(), 90);
    assert_true(at(4)->job.delete_all);
}

/* The first failure answers at once, and nothing of the others does any more. */
static void test_one_is_not_gone(void **state)
{
    (void)state;
    give_four();
    deletion_progress(p, 2, NATPMP_NETWORK_FAILURE, &step);
    assert_int_equal(replies(), 93);
    assert_false(at(1)->job.delete_all || at(2)->job.delete_all || at(3)->job.delete_all);
    assert_true(at(4)->job.delete_all);
}

/* The record of a deletion that was kept waits for the others. */
static void test_a_kept_deletion_of_all(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, .job = {.delete_all = true}},
        {A, NATPMP_TCP, 0, 0, .wanted = false},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    job_begin_delete(t, 2, NOW);
    wait_for(&mapping_at(t, 2)->job.pending);
    mapping_at(t, 1)->rule.state = RULE_REMOVING;
    deletion_settle(p, 2, &step);
    assert_int_equal(replies(), 9);
    mapping_at(t, 1)->rule.state = RULE_ABSENT;
    deletion_progress(p, 1, NATPMP_SUCCESS, &step);
    assert_int_equal(t->drive.first, 2);
    deletion_settle(p, 2, &step);
    assert_int_equal(replies(), 90);
}

UNIT(deletion)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_it_begins),
        PROXY_TEST(test_a_record_in_quarantine_wakes),
        cmocka_unit_test(test_when_it_is_done),
        PROXY_TEST(test_a_deletion_that_was_kept),
        PROXY_TEST(test_the_answer),
        PROXY_TEST(test_all_are_gone),
        PROXY_TEST(test_one_is_not_gone),
        PROXY_TEST(test_a_kept_deletion_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
