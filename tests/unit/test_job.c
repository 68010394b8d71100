/* The clients' request in work. The first table is the specification of the answer to a MAP request: from
 * what is known to what the client gets. */
#include "core/job.h"
#include "core/job_answer.h"
#include "parts_unit.h"

/* ---- the answer ---- */

/* The facts that most rows have in common: the mapping is wanted, its rule is on the router, and the client
 * requested an hour. */
#define RULE_HOLDS .wanted_here = true, .rule_forwards = true
#define HOUR .asked_s = 3600, .comment_s = 3600

#define WAITS JOB_WAITS, 0
#define NEEDS_GRANT JOB_NEEDS_GRANT, 0
#define SUCCEEDS(seconds) JOB_SUCCEEDS, (seconds)
#define REPEATS(seconds) JOB_REPEATS, (seconds)
#define REFUSED(code) JOB_REFUSED, (code)

static const struct answer {
    const char *name;
    struct job_facts known;
    enum job_verdict verdict;
    unsigned number; /* of a success: the lifetime in seconds; of a refusal: the result code */
} answers[] = {
    /* Success needs both halves of the mapping: the rule on the router and the lease at the gateway. */
    {"nothing is known yet", {.wanted_here = true, HOUR, .grant_due = true}, WAITS},
    {"both halves are there", {RULE_HOLDS, HOUR, .lease_left_ms = 60000}, SUCCEEDS(60)},
    {"the rule is there, and the gateway has not granted",
     {RULE_HOLDS, HOUR, .grant_due = true},
     NEEDS_GRANT},
    {"the gateway granted, and the rule is not there",
     {.wanted_here = true, HOUR, .lease_left_ms = 60000},
     WAITS},
    {"it is not wanted where it stands", {.rule_forwards = true, HOUR, .lease_left_ms = 60000}, WAITS},
    {"not wanted there, and no lease", {.rule_forwards = true, HOUR}, NEEDS_GRANT},
    {"a short lease ended while the router was unreachable", {RULE_HOLDS, HOUR}, NEEDS_GRANT},
    {"neither half is there", {.wanted_here = true, HOUR}, WAITS},

    /* The lifetime is what is left of the lease, rounded up to whole seconds: a lease that was granted a
     * moment ago is advertised as the gateway granted it. */
    {"a lease that was granted a moment ago", {RULE_HOLDS, HOUR, .lease_left_ms = 59001}, SUCCEEDS(60)},
    {"exactly 59 s are left", {RULE_HOLDS, HOUR, .lease_left_ms = 59000}, SUCCEEDS(59)},
    {"the last millisecond of a lease", {RULE_HOLDS, HOUR, .lease_left_ms = 1}, SUCCEEDS(1)},
    {"a lease that has ended", {RULE_HOLDS, HOUR, .lease_left_ms = 0}, NEEDS_GRANT},

    /* It is never more than the client requested, nor more than the rule's comment contains for the next
     * run. */
    {"the lease is longer than was asked for",
     {RULE_HOLDS, .asked_s = 120, .comment_s = 3600, .lease_left_ms = 3600000},
     SUCCEEDS(120)},
    {"the comment says less than was asked for",
     {RULE_HOLDS, .asked_s = 7200, .comment_s = 3600, .lease_left_ms = 7200000},
     SUCCEEDS(3600)},
    {"the comment says one second less than the lease",
     {RULE_HOLDS, .asked_s = 60, .comment_s = 59, .lease_left_ms = 60000},
     SUCCEEDS(59)},
    {"the same from memory",
     {RULE_HOLDS, .asked_s = 120, .comment_s = 90, .lease_left_ms = 200999, .grant_due = true,
      .waited_ms = 200},
     SUCCEEDS(90)},
    {"from memory, and less was asked for",
     {RULE_HOLDS, .asked_s = 80, .comment_s = 90, .lease_left_ms = 200999, .grant_due = true,
      .waited_ms = 200},
     SUCCEEDS(80)},

    /* A renewal waits 200 ms for the gateway. Then the client is advertised what is still valid, rounded
     * down, so that nothing is advertised that does not exist. */
    {"a renewal: the gateway is asked", {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .grant_due = true}, WAITS},
    {"a renewal after 199 ms",
     {RULE_HOLDS, HOUR, .lease_left_ms = 45999, .grant_due = true, .waited_ms = 199},
     WAITS},
    {"a renewal after exactly 200 ms",
     {RULE_HOLDS, HOUR, .lease_left_ms = 45999, .grant_due = true, .waited_ms = 200},
     SUCCEEDS(45)},
    {"one second is left",
     {RULE_HOLDS, HOUR, .lease_left_ms = 1000, .grant_due = true, .waited_ms = 200},
     SUCCEEDS(1)},
    {"less than one second is left",
     {RULE_HOLDS, HOUR, .lease_left_ms = 999, .grant_due = true, .waited_ms = 200},
     WAITS},
    {"nothing is left", {RULE_HOLDS, HOUR, .grant_due = true, .waited_ms = 200}, NEEDS_GRANT},
    {"after 200 ms the rule is not there",
     {.wanted_here = true, HOUR, .lease_left_ms = 60000, .grant_due = true, .waited_ms = 200},
     WAITS},
    {"after 200 ms it is not wanted where it stands",
     {.rule_forwards = true, HOUR, .lease_left_ms = 60000, .grant_due = true, .waited_ms = 200},
     WAITS},

    /* The gateway may have restarted: nothing is advertised from memory, except what the gateway has granted
     * since then. */
    {"the epoch is doubted, and the gateway is asked",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .grant_due = true, .lease_doubted = true, .waited_ms = 200},
     WAITS},
    {"the epoch is doubted, and the gateway has granted",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .lease_doubted = true},
     SUCCEEDS(60)},
    {"the epoch is doubted until the end",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .grant_due = true, .lease_doubted = true, .waited_ms = 12000},
     REFUSED(NATPMP_NETWORK_FAILURE)},

    /* If a gateway changed one protocol of a port, the daemon asks about the other one first, so that the
     * client learns of both changes at once. It does not wait longer than for any renewal. */
    {"the other protocol is asked about first",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .pair_open = true, .waited_ms = 199},
     WAITS},
    {"the answer about the other protocol is late",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .pair_open = true, .waited_ms = 200},
     SUCCEEDS(60)},

    /* A lease that is about to be released for its companion's sake is not advertised. */
    {"it rejoins its companion",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .pair_open = true, .rejoins = true},
     WAITS},
    {"it rejoins, and 200 ms are over",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .pair_open = true, .rejoins = true, .waited_ms = 200},
     WAITS},
    {"it rejoins, and the client repeats its request",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .pair_open = true, .rejoins = true, .again = true,
      .advertised_left_ms = 60000},
     WAITS},
    {"it rejoins until the end",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .pair_open = true, .rejoins = true, .waited_ms = 12000},
     REFUSED(NATPMP_NETWORK_FAILURE)},
    {"it rejoins, and the old lease is gone",
     {RULE_HOLDS, HOUR, .pair_open = true, .rejoins = true},
     NEEDS_GRANT},

    /* A retransmission of a request that was answered a moment ago gets an answer with the same end, whatever
     * the daemon is requesting. */
    {"a repeated request",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .again = true, .advertised_left_ms = 58500},
     REPEATS(59)},
    {"a repeated request, and exactly 58 s are left",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .again = true, .advertised_left_ms = 58000},
     REPEATS(58)},
    {"a repeated request, and the lease ends sooner",
     {RULE_HOLDS, HOUR, .lease_left_ms = 20000, .again = true, .advertised_left_ms = 58000},
     REPEATS(20)},
    {"a repeated request is older than the new comment",
     {RULE_HOLDS, .asked_s = 3600, .comment_s = 30, .lease_left_ms = 60000, .again = true,
      .advertised_left_ms = 58000},
     REPEATS(58)},
    {"a repeated request while the gateway is asked",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .grant_due = true, .pair_open = true, .again = true,
      .advertised_left_ms = 58000},
     REPEATS(58)},
    {"a repeated request after its last millisecond",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .again = true, .advertised_left_ms = 1},
     REPEATS(1)},
    {"a repeated request after its lifetime",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .again = true, .advertised_left_ms = 0},
     SUCCEEDS(60)},
    {"after its lifetime, and the gateway is asked",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .grant_due = true, .again = true, .waited_ms = 199},
     WAITS},
    {"a repeated request, and the rule is gone",
     {.wanted_here = true, HOUR, .lease_left_ms = 60000, .again = true, .advertised_left_ms = 58000},
     WAITS},
    {"a repeated request, and the lease is gone",
     {RULE_HOLDS, HOUR, .again = true, .advertised_left_ms = 58000},
     NEEDS_GRANT},
    {"a repeated request, and the epoch is doubted",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .lease_doubted = true, .again = true,
      .advertised_left_ms = 58000, .waited_ms = 200},
     WAITS},

    /* After 12 s the client gets an answer in any case. */
    {"after 11,999 ms", {.wanted_here = true, HOUR, .grant_due = true, .waited_ms = 11999}, WAITS},
    {"after exactly 12,000 ms",
     {.wanted_here = true, HOUR, .grant_due = true, .waited_ms = 12000},
     REFUSED(NATPMP_NETWORK_FAILURE)},
    {"after 11,999 ms the rule is there alone", {RULE_HOLDS, HOUR, .waited_ms = 11999}, NEEDS_GRANT},
    {"after 12,000 ms the rule is there alone",
     {RULE_HOLDS, HOUR, .waited_ms = 12000},
     REFUSED(NATPMP_NETWORK_FAILURE)},
    {"after 12,000 ms the lease is there alone",
     {.wanted_here = true, HOUR, .lease_left_ms = 60000, .waited_ms = 12000},
     REFUSED(NATPMP_NETWORK_FAILURE)},
    {"the gateway's last word was that it has no port",
     {.wanted_here = true, HOUR, .grant_due = true, .no_resources = true, .waited_ms = 12000},
     REFUSED(NATPMP_OUT_OF_RESOURCES)},
    {"the gateway has no port, and the client may still wait",
     {.wanted_here = true, HOUR, .grant_due = true, .no_resources = true, .waited_ms = 11999},
     WAITS},
    {"after 12,000 ms both halves are there",
     {RULE_HOLDS, HOUR, .lease_left_ms = 60000, .no_resources = true, .waited_ms = 12000},
     SUCCEEDS(60)},
    {"after 12,000 ms there is less than one second left",
     {RULE_HOLDS, HOUR, .lease_left_ms = 999, .grant_due = true, .waited_ms = 12000},
     REFUSED(NATPMP_NETWORK_FAILURE)},
    {"after 12,000 ms there is one second left",
     {RULE_HOLDS, HOUR, .lease_left_ms = 1000, .grant_due = true, .waited_ms = 12000},
     SUCCEEDS(1)},

    /* A refusal comes before anything else, and at once. */
    {"refused at once",
     {.wanted_here = true, HOUR, .refusal = NATPMP_NOT_AUTHORIZED, .grant_due = true},
     REFUSED(NATPMP_NOT_AUTHORIZED)},
    {"refused although both halves are there",
     {RULE_HOLDS, HOUR, .refusal = NATPMP_OUT_OF_RESOURCES, .lease_left_ms = 60000},
     REFUSED(NATPMP_OUT_OF_RESOURCES)},
    {"refused although the request repeats an answered one",
     {RULE_HOLDS, HOUR, .refusal = NATPMP_NOT_AUTHORIZED, .lease_left_ms = 60000, .again = true,
      .advertised_left_ms = 58000},
     REFUSED(NATPMP_NOT_AUTHORIZED)},
    {"refused with its own code after 12 s",
     {.wanted_here = true, HOUR, .refusal = NATPMP_NOT_AUTHORIZED, .no_resources = true, .waited_ms = 12000},
     REFUSED(NATPMP_NOT_AUTHORIZED)},
};

static void test_the_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        const struct answer *row = &answers[i];
        struct job_decision decision = job_decide(&row->known);
        bool refused = row->verdict == JOB_REFUSED;
        check_number(row->name, "the verdict", decision.verdict, row->verdict);
        check_number(row->name, "the result code", decision.result, refused ? row->number : NATPMP_SUCCESS);
        check_number(row->name, "the lifetime", decision.lifetime_s, refused ? 0 : row->number);
    }
}

static void check_answer(const struct job_facts *known, struct job_decision decision)
{
    bool success = decision.verdict == JOB_SUCCEEDS || decision.verdict == JOB_REPEATS;
    bool holds = known->wanted_here && known->rule_forwards && known->lease_left_ms > 0 && !known->rejoins;
    assert_true((known->refusal != 0) <= (decision.verdict == JOB_REFUSED));
    assert_true(success <= holds);
    assert_int_equal(success, decision.lifetime_s > 0);
    assert_int_equal(decision.verdict == JOB_REFUSED, decision.result != NATPMP_SUCCESS);
    assert_true(!success || decision.lifetime_s * UINT64_C(1000) < known->lease_left_ms + 1000);
    assert_true(decision.verdict != JOB_SUCCEEDS ||
                (decision.lifetime_s <= known->asked_s && decision.lifetime_s <= known->comment_s));
    assert_true(known->waited_ms < ANSWER_MS || success || decision.verdict == JOB_REFUSED);
    assert_true(decision.verdict != JOB_NEEDS_GRANT || known->lease_left_ms == 0);
    /* From memory only after 200 ms, and never while the epoch is doubted. */
    assert_true(decision.verdict != JOB_SUCCEEDS || !known->grant_due || known->waited_ms >= MEMORY_MS);
    assert_false(success && known->grant_due && known->lease_doubted);
}

/* Every combination of the facts, with the times around each border, against the properties that all of them
 * have. */
static void test_what_every_answer_keeps(void **state)
{
    static const uint64_t waited_ms[] = {0, 199, 200, 11999, 12000};
    static const uint64_t left_ms[] = {0, 1, 999, 1000, 60000};
    (void)state;
    enum { BITS = 1024 };
    for (unsigned i = 0; i < BITS * 5 * 5 * 5; i++) {
        unsigned bits = i % BITS;
        unsigned times = i / BITS;
        struct job_facts known = {
            .waited_ms = waited_ms[times % 5],
            .lease_left_ms = left_ms[times / 5 % 5],
            .advertised_left_ms = left_ms[times / 25],
            .asked_s = bits & 1 ? 3600 : 30,
            .comment_s = bits & 2 ? 3600 : 20,
            .refusal = bits & 4 ? NATPMP_OUT_OF_RESOURCES : 0,
            .wanted_here = (bits & 8) != 0,
            .rule_forwards = (bits & 16) != 0,
            .grant_due = (bits & 32) != 0,
            .pair_open = (bits & 64) != 0,
            .rejoins = (bits & 128) != 0,
            .lease_doubted = (bits & 256) != 0,
            .again = (bits & 512) != 0,
        };
        check_answer(&known, job_decide(&known));
    }
}

/* ---- when time alone changes it ---- */

static void test_when_it_is_due(void **state)
{
    static const struct {
        const char *name;
        enum job_kind kind;
        uint64_t since_ms;
        uint64_t due_ms;
    } rows[] = {
        {"no client waits", JOB_NONE, NOW, UINT64_MAX},
        {"a mapping: the answer from memory", JOB_MAP, NOW, NOW + 200},
        {"one millisecond before it", JOB_MAP, NOW - 199, NOW + 1},
        {"after it: the answer in any case", JOB_MAP, NOW - 200, NOW + 11800},
        {"one millisecond before that", JOB_MAP, NOW - 11999, NOW + 1},
        {"after that: never", JOB_MAP, NOW - 12000, UINT64_MAX},
        {"a deletion: the answer in any case", JOB_DELETE, NOW, NOW + 12000},
        {"after that: never", JOB_DELETE, NOW - 12000, UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mapping mapping = {.job = {.kind = (uint8_t)rows[i].kind, .since_ms = rows[i].since_ms}};
        check_ms(rows[i].name, "the time", job_due_ms(&mapping, NOW), rows[i].due_ms);
    }
}

/* ---- its life ---- */

static uint16_t new_mapping(void)
{
    return mapping_new(t, A, NATPMP_TCP, 6881);
}

static const struct natpmp_request request = {.external_port = 41000, .lifetime_s = 3600};

static void test_it_begins_anew(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    const struct job *job = &mapping_at(t, m)->job;
    job_refuse(t, m, NATPMP_OUT_OF_RESOURCES);
    assert_int_equal(job->refusal, NATPMP_OUT_OF_RESOURCES);
    job_begin_map(t, m, &request, true, NOW);
    assert_int_equal(job->kind, JOB_MAP);
    assert_int_equal(job->refusal, 0); /* of the job before */
    assert_true(job->again);
    assert_int_equal(job->since_ms, NOW);
    assert_int_equal(job->suggested_port, 41000);
    job_begin_map(t, m, &request, false, NOW + 1);
    assert_false(job->again);
    job_set_lifetime(t, m, 7200);
    assert_int_equal(job->asked_s, 7200);
    job_refuse_until(t, m, NOW + 2000);
    assert_int_equal(job->refused_until_ms, NOW + 2000);
    job_set_delete_all(t, m, true);
    assert_true(job->delete_all);
    job_begin_delete(t, m, NOW + 5);
    assert_int_equal(job->kind, JOB_DELETE);
    assert_int_equal(job->since_ms, NOW + 5);
    assert_true(job->delete_all);
    job_end(t, m);
    assert_int_equal(job->kind, JOB_NONE);
}

/* While mappings that the client waits for are in work, replies to its address requests are pending. This
 * counts those mappings. */
static void test_the_count_of_its_client(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    const uint16_t *map_jobs = &t->client[mapping_at(t, m)->client].map_jobs;
    job_begin_map(t, m, &request, false, NOW);
    assert_int_equal(*map_jobs, 1);
    job_begin_map(t, m, &request, true, NOW); /* a retransmission of the request */
    assert_int_equal(*map_jobs, 1);
    job_begin_delete(t, m, NOW);
    assert_int_equal(*map_jobs, 0);
    job_begin_map(t, m, &request, false, NOW); /* the newer request wins */
    assert_int_equal(*map_jobs, 1);
    job_end(t, m);
    assert_int_equal(*map_jobs, 0);
    job_end(t, m);
    assert_int_equal(*map_jobs, 0);
}

static void test_a_result_is_news_once(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    assert_false(job_note_result(t, m, NATPMP_SUCCESS)); /* a new mapping that works */
    assert_true(job_note_result(t, m, NATPMP_NETWORK_FAILURE));
    assert_false(job_note_result(t, m, NATPMP_NETWORK_FAILURE));
    assert_true(job_note_result(t, m, NATPMP_OUT_OF_RESOURCES));
    assert_true(job_note_result(t, m, NATPMP_SUCCESS));
    assert_true(job_note_result(t, m, NATPMP_OUT_OF_RESOURCES));
}

/* The daemon found a rule of an earlier run. Its client most likely wants what the rule says, but a request
 * in work says what its client wants. */
static void test_adopted(void **state)
{
    static const struct {
        const char *name;
        struct job job;
        uint32_t asked_s;
        uint16_t suggested_port;
    } rows[] = {
        {"no request", {.kind = JOB_NONE}, 600, 7000},
        {"a client waits for it", {.kind = JOB_MAP, .asked_s = 3600, .suggested_port = 41000}, 3600, 41000},
        {"an earlier request of a client",
         {.kind = JOB_NONE, .asked_s = 60, .suggested_port = 41000},
         60,
         7000},
        {"a client waits for its end", {.kind = JOB_DELETE}, 600, 7000},
    };
    (void)state;
    uint16_t m = new_mapping();
    mapping_set_router_port(t, m, 7000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        mapping_at(t, m)->job = rows[i].job;
        job_on_adopted(t, m, 600);
        check_number(rows[i].name, "the lifetime", mapping_at(t, m)->job.asked_s, rows[i].asked_s);
        check_number(rows[i].name, "the port", mapping_at(t, m)->job.suggested_port, rows[i].suggested_port);
    }
}

static void test_who_waits(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    struct pending_reply reply = {.path = {.to = {A, 40000}, .from = 7}};
    assert_false(job_take_pending(t, m, &reply));
    job_add_pending(t, m, &reply);
    reply.path.to.port = 40001;
    job_add_pending(t, m, &reply);
    reply.path.to.port = 40000;
    job_add_pending(t, m, &reply); /* it waits already */
    assert_true(job_take_pending(t, m, &reply));
    assert_int_equal(reply.path.to.port, 40000);
    assert_int_equal(reply.path.from, 7);
    assert_true(job_take_pending(t, m, &reply));
    assert_int_equal(reply.path.to.port, 40001);
    assert_false(job_take_pending(t, m, &reply));
}

UNIT(job)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_answer),
        cmocka_unit_test(test_what_every_answer_keeps),
        cmocka_unit_test(test_when_it_is_due),
        TEST(test_it_begins_anew),
        TEST(test_the_count_of_its_client),
        TEST(test_a_result_is_news_once),
        TEST(test_adopted),
        TEST(test_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
