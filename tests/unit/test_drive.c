/* What drive does with one touched mapping: from the facts of its parts to the answer, and the end. The
 * router takes no command here, so rules stay as a row gives them. */
#include "core/drive.h"
#include "turn_unit.h"

enum { MINE = 1 };

static const struct reply_path path = {.to = {A, 40000}};

static void drive_it(void)
{
    mapping_touch(t, MINE);
    drive(p, &step);
}

/* The reply that was sent, or one of type MALFORMED if there is none. */
static struct natpmp_reply sent_reply(void)
{
    for (unsigned i = 0; i < out.count; i++)
        if (out.at[i].type == ACTION_LAN_SEND)
            return natpmp_decode_reply(out.at[i].lan.bytes);
    return (struct natpmp_reply){.type = NATPMP_REPLY_MALFORMED};
}

static unsigned sent(enum action_type type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == type;
    return count;
}

/* ---- answers ---- */

/* A client asked for an hour and waits for the answer since NOW - waited_ms. The rule is on the router. */
static void give_job(const struct given *given, uint64_t waited_ms)
{
    struct given with_job = *given;
    with_job.client = A;
    with_job.protocol = NATPMP_TCP;
    with_job.internal_port = 6881;
    with_job.router_port = 7000;
    with_job.wanted = true;
    with_job.job.kind = JOB_NONE;
    give_proxy(&strategy_normal, &with_job, 1);
    struct mapping *mapping = mapping_at(t, MINE);
    struct natpmp_request request = {.lifetime_s = 3600};
    job_begin_map(t, MINE, &request, given->job.again, NOW - waited_ms);
    job_set_lifetime(t, MINE, 3600);
    job_refuse(t, MINE, (enum natpmp_result)given->job.refusal);
    mapping->rule = (struct rule){.state = RULE_PRESENT,
                                  .id = 1,
                                  .comment_sure_s = 3600,
                                  .comment = {.external_port = 41000, .lease_s = 60}};
    struct pending_reply reply = {.path = path};
    job_add_pending(t, MINE, &reply);
}

#define GRANTED                                                                                              \
    .state = LEASE_GRANTED, .external_port = 41000, .granted_s = 60, .ends_ms = NOW + 60000,                 \
    .sure_ms = NOW + 60000

static const struct answer {
    const char *name;
    struct given given;
    uint64_t waited_ms;
    bool replied;
    uint16_t result;
    uint32_t lifetime_s;
    uint64_t advertised_ms; /* afterwards; 0: not by this run */
} answers[] = {
    {"both halves are there", {.lease = {GRANTED}}, 0, true, NATPMP_SUCCESS, 60, NOW},
    {"the gateway is asked", {.lease = {GRANTED, .due = true}}, 199, false, 0, 0, 0},
    {"it is asked for too long", {.lease = {GRANTED, .due = true}}, 200, true, NATPMP_SUCCESS, 60, NOW},
    {"the companion is asked first", {.lease = {GRANTED, .pair = PAIR_ASKED}}, 199, false, 0, 0, 0},
    {"it rejoins its companion", {.lease = {GRANTED, .pair = PAIR_REJOINS}}, 200, false, 0, 0, 0},
    {"the request repeats an answered one",
     {.lease = {GRANTED},
      .job = {.again = true},
      .promise = {.advertised_ms = NOW - 500,
                  .advertised_until_ms = NOW + 59500,
                  .kept_until_ms = NOW + 59500}},
     0,
     true,
     NATPMP_SUCCESS,
     60,
     NOW - 500},
    {"it repeats one whose lifetime is over",
     {.lease = {GRANTED},
      .job = {.again = true},
      .promise = {.advertised_ms = NOW - 9000, .advertised_until_ms = NOW - 1, .kept_until_ms = NOW - 1}},
     0,
     true,
     NATPMP_SUCCESS,
     60,
     NOW},
    {"the lease is not sure", {.lease = {.state = LEASE_UNSURE}}, 12000, true, NATPMP_NETWORK_FAILURE, 0, 0},
    {"the gateway has no port",
     {.lease = {.result = NATPMP_OUT_OF_RESOURCES, .due = true}},
     12000,
     true,
     NATPMP_OUT_OF_RESOURCES,
     0,
     0},
};

static void test_the_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        const struct answer *row = &answers[i];
        give_job(&row->given, row->waited_ms);
        drive_it();
        struct natpmp_reply reply = sent_reply();
        check_number(row->name, "replies", sent(ACTION_LAN_SEND), row->replied);
        check_number(row->name, "the job", at(MINE)->job.kind, row->replied ? JOB_NONE : JOB_MAP);
        check_ms(row->name, "advertised", at(MINE)->promise.advertised_ms, row->advertised_ms);
        if (!row->replied)
            continue;
        check_number(row->name, "the result", reply.result, row->result);
        check_number(row->name, "the lifetime", reply.lifetime_s, row->lifetime_s);
        check_number(row->name, "the port", reply.external_port, row->lifetime_s != 0 ? 41000 : 0);
        check_number(row->name, "the port that is known", at(MINE)->promise.port,
                     row->lifetime_s != 0 ? 41000 : 0);
    }
}

/* A doubted epoch: nothing is advertised from memory. A symmetric gateway: the rule must fit the lease. */
static void test_what_the_answer_depends_on_besides(void **state)
{
    static const struct given due = {.lease = {GRANTED, .due = true}};
    static const struct given granted = {.lease = {GRANTED}};
    (void)state;
    give_job(&due, 200);
    p->upstream.epoch_doubted = true;
    drive_it();
    assert_int_equal(sent(ACTION_LAN_SEND), 0);
    give_job(&granted, 0);
    p->strategy = &strategy_symmetric; /* router port 7000, external port 41000 */
    p->router.ready = false;           /* so that the rule is not replaced yet */
    drive_it();
    assert_int_equal(sent(ACTION_LAN_SEND), 0);
}

/* A short lease ended while the router was away: the gateway is asked again. */
static void test_a_grant_is_needed(void **state)
{
    static const struct given ended = {
        .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW}};
    (void)state;
    give_job(&ended, 0);
    drive_it();
    assert_true(at(MINE)->lease.asking);
    assert_int_equal(sent(ACTION_GATEWAY_SEND), 1);
}

static void test_a_refusal(void **state)
{
    static const struct {
        const char *name;
        struct given given;
        bool wanted;
        uint64_t refused_until_ms;
    } rows[] = {
        {"a new mapping", {.job = {.refusal = NATPMP_OUT_OF_RESOURCES}}, false, NOW + 2000},
        {"a new mapping after 12 s", {.lease = {.due = true}}, false, 0},
        {"a renewal",
         {.job = {.refusal = NATPMP_OUT_OF_RESOURCES},
          .promise = {.advertised_until_ms = NOW + 5, .kept_until_ms = NOW + 5}},
         true,
         0},
        {"a renewal of what is kept alive",
         {.job = {.refusal = NATPMP_OUT_OF_RESOURCES},
          .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 5}},
         true,
         0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_job(&rows[i].given, 12000);
        mapping_set_moving(t, MINE, true);
        mapping_at(t, MINE)->rule.retry_ms = NOW + 1; /* so that the record stays */
        drive_it();
        check_number(rows[i].name, "replies", sent(ACTION_LAN_SEND), 1);
        check_number(rows[i].name, "wanted", at(MINE)->wanted, rows[i].wanted);
        check_number(rows[i].name, "moving", at(MINE)->moving, rows[i].wanted);
        check_ms(rows[i].name, "refused until", at(MINE)->job.refused_until_ms, rows[i].refused_until_ms);
        check_ms(rows[i].name, "advertised until", at(MINE)->promise.advertised_until_ms, 0);
    }
}

/* ---- for how long a mapping is kept ---- */

static void test_who_is_kept_alive(void **state)
{
    static const struct {
        const char *name;
        enum lease_hold hold;
        bool late; /* the client came late before */
        uint64_t ends_ms;
    } rows[] = {
        {"auto, and the client is in time", LEASE_HOLD_AUTO, false, NOW + 60000},
        {"auto, and the client was late", LEASE_HOLD_AUTO, true, NOW + 3600000},
        {"always", LEASE_HOLD_ALWAYS, false, NOW + 3600000},
        {"off", LEASE_HOLD_OFF, true, NOW + 60000},
    };
    static const struct given granted = {.lease = {GRANTED}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_job(&granted, 0);
        p->config.lease_hold = rows[i].hold;
        t->client[at(MINE)->client].late = rows[i].late;
        drive_it();
        check_ms(rows[i].name, "kept until", at(MINE)->promise.kept_until_ms, rows[i].ends_ms);
    }
}

/* Only the record shows that a client comes late, so it is kept for as long as that may happen. */
static void test_how_long_it_is_in_quarantine(void **state)
{
    static const struct {
        const char *name;
        enum lease_hold hold;
        uint64_t until_ms; /* advertised until; 0: its client knows that it is over */
        uint32_t asked_s;
        uint64_t due_ms;
    } rows[] = {
        {"it lapsed", LEASE_HOLD_AUTO, NOW - 1000, 3600, NOW - 61000 + 3600000},
        {"it lapsed, and its client asked for little", LEASE_HOLD_AUTO, NOW - 1000, 120, NOW + 120000},
        {"its client knows that it is over", LEASE_HOLD_AUTO, 0, 3600, NOW + 120000},
        {"no client is kept alive", LEASE_HOLD_OFF, NOW - 1000, 3600, NOW + 120000},
        {"each client is kept alive", LEASE_HOLD_ALWAYS, NOW - 1000, 3600, NOW + 120000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given = {
            A,
            NATPMP_TCP,
            1,
            7000,
            .job = {.asked_s = rows[i].asked_s},
            .promise = {.advertised_ms = NOW - 61000, .advertised_until_ms = rows[i].until_ms}};
        give_proxy(&strategy_normal, &given, 1);
        p->config.lease_hold = rows[i].hold;
        drive_it();
        check_number(rows[i].name, "in quarantine", mapping_is_quarantined(t, MINE), true);
        check_ms(rows[i].name, "until", heap_due_ms(&t->due), rows[i].due_ms);
    }
}

/* ---- the end ---- */

/* What is not wanted any more: a request is withdrawn, unless only its answer tells what must be deleted. */
static void test_a_request_that_is_not_wanted(void **state)
{
    static const struct {
        const char *name;
        const struct strategy *strategy;
        bool wanted;
        uint32_t lifetime_s;
        bool withdrawn;
    } rows[] = {
        {"a request", &strategy_normal, false, 60, true},
        {"a deletion", &strategy_normal, false, 0, false},
        {"a request of a symmetric gateway", &strategy_symmetric, false, 60, false},
        {"a request that is wanted", &strategy_normal, true, 60, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given = {A,
                              NATPMP_TCP,
                              1,
                              7000,
                              .wanted = rows[i].wanted,
                              .promise = {.kept_until_ms = NOW + 5},
                              .lease = {GRANTED, .pair = PAIR_ASKED}};
        give_proxy(rows[i].strategy, &given, 1);
        uint16_t port = rows[i].lifetime_s != 0 ? rows[i].strategy->request_port(at(MINE)) : 7000;
        upstream_ask(&p->upstream, MINE, NATPMP_TCP, port, 0, rows[i].lifetime_s, &step);
        lease_on_asked(t, MINE, rows[i].lifetime_s, NOW);
        lease_recover(t, MINE);
        drive_it();
        check_number(rows[i].name, "withdrawn", at(MINE)->lease.state == LEASE_UNSURE, rows[i].withdrawn);
        check_number(rows[i].name, "recovering", t->recovering, rows[i].wanted);
        check_number(rows[i].name, "the pair", at(MINE)->lease.pair,
                     rows[i].wanted ? PAIR_ASKED : PAIR_SETTLED);
    }
}

/* The client's next request may go out, even if the deletion has to wait. */
static void test_the_next_request_after_one_that_is_not_wanted(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 7000, .wanted = false, .lease = {.retry_ms = NOW + 5}},
        {A, NATPMP_TCP, 2, 7001, .wanted = true, .promise = {.kept_until_ms = NOW + 5},
         .job = {.asked_s = 60}},
    };
    (void)state;
    give_proxy(&strategy_normal, given, ARRAY_LEN(given));
    upstream_ask(&p->upstream, MINE, NATPMP_TCP, 7000, 0, 60, &step);
    lease_on_asked(t, MINE, 60, NOW);
    mapping_touch(t, 2);
    drive(p, &step);
    assert_false(at(2)->lease.asking);
    drive_it();
    assert_true(at(2)->lease.asking);
}

/* A request for 0 s would be a deletion. */
static void test_it_never_asks_for_nothing(void **state)
{
    static const struct given given = {A,    NATPMP_TCP,     1,
                                       7000, .wanted = true, .promise = {.kept_until_ms = NOW + 5}};
    (void)state;
    give_proxy(&strategy_normal, &given, 1);
    drive_it();
    assert_true(at(MINE)->lease.asking && !at(MINE)->lease.releasing);
}

static void test_it_expires(void **state)
{
    static const struct given given = {
        A, NATPMP_TCP, 1, 7000, .wanted = true, .promise = {.kept_until_ms = NOW}, .lease = {GRANTED}};
    (void)state;
    give_proxy(&strategy_normal, &given, 1);
    drive_it();
    assert_false(at(MINE)->wanted);
    assert_true(at(MINE)->lease.releasing); /* the lease is given back in the same step */
    assert_true(list_has(&t->spare, t->spare_link, MINE));
}

static void test_a_lease_that_has_ended_is_gone(void **state)
{
    static const struct given given = {A, NATPMP_TCP, 1, 7000,
                                       .lease = {.state = LEASE_UNSURE, .ends_ms = NOW}};
    (void)state;
    give_proxy(&strategy_normal, &given, 1);
    drive_it();
    assert_int_equal(at(MINE)->lease.state, LEASE_NONE);
    assert_true(mapping_is_quarantined(t, MINE));
}

UNIT(drive)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_the_answer),
        PROXY_TEST(test_what_the_answer_depends_on_besides),
        PROXY_TEST(test_a_grant_is_needed),
        PROXY_TEST(test_a_refusal),
        PROXY_TEST(test_who_is_kept_alive),
        PROXY_TEST(test_how_long_it_is_in_quarantine),
        PROXY_TEST(test_a_request_that_is_not_wanted),
        PROXY_TEST(test_the_next_request_after_one_that_is_not_wanted),
        PROXY_TEST(test_it_never_asks_for_nothing),
        PROXY_TEST(test_it_expires),
        PROXY_TEST(test_a_lease_that_has_ended_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
