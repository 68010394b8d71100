/* The half of a mapping at the gateway: what it wants, and what is known about it. */
#include "core/job_answer.h"
#include "core/lease.h"
#include "parts_unit.h"

enum { ROUTER_PORT = 7000 };

/* ---- what it wants ---- */

/* The facts that most rows have in common: the mapping is wanted and has a router port; its lease of 100 s
 * was granted 10 s ago, and its client was advertised as much. */
#define WANTED .wanted = true, .router_port = ROUTER_PORT
#define GRANTED                                                                                              \
    .state = LEASE_GRANTED, .external_port = 41000, .granted_s = 100, .granted_ms = NOW - 10000,             \
    .ends_ms = NOW + 90000
#define ADVERTISED .promise = {.advertised_until_ms = NOW + 90000, .kept_until_ms = NOW + 90000}
/* The same, but kept alive for an hour. */
#define KEPT_ALIVE .promise = {.advertised_until_ms = NOW + 90000, .kept_until_ms = NOW + 3600000}
#define JOB .job = {.kind = JOB_MAP}

static const struct want {
    const char *name;
    struct mapping mapping;
    struct {
        enum lease_want normal;
        enum lease_want symmetric; /* with a symmetric gateway */
    } want;
} wants[] = {
    /* A client's request: the daemon asks the gateway until it has granted since. */
    {"a new mapping", {WANTED, JOB, .lease = {.due = true}}, {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"no router port is chosen yet",
     {.wanted = true, JOB, .lease = {.due = true}},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_GRANT}},
    {"it moves to another router port",
     {WANTED, JOB, .moving = true, .lease = {.due = true}},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},
    {"the gateway granted it", {WANTED, JOB, .lease = {GRANTED}}, {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},
    {"a renewal",
     {WANTED, JOB, ADVERTISED, .lease = {GRANTED, .due = true}},
     {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"a renewal that was answered from memory",
     {WANTED, ADVERTISED, .lease = {GRANTED, .due = true}},
     {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"a renewal that was refused, and what was advertised is over",
     {WANTED, .lease = {.due = true}},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},

    /* Without a client's request: the lease is gone, or was lost, before the advertised lifetime is over. */
    {"the lease is gone before its time", {WANTED, ADVERTISED}, {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"the lease is unsure",
     {WANTED, ADVERTISED, .lease = {.state = LEASE_UNSURE}},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},
    {"the gateway lost its state",
     {WANTED, ADVERTISED, .lease = {.state = LEASE_UNSURE, .recover = true}},
     {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"nothing was advertised, and the gateway lost its state",
     {WANTED, .lease = {.recover = true}},
     {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"it ended before the gateway lost its state",
     {.router_port = ROUTER_PORT, .lease = {.recover = true}},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},

    /* It is released when it is not wanted on that port. A symmetric gateway needs the external port for
     * that, which must be known. */
    {"not wanted",
     {.router_port = ROUTER_PORT, .lease = {GRANTED}},
     {LEASE_WANTS_RELEASE, LEASE_WANTS_RELEASE}},
    {"not wanted, and there is no lease",
     {.router_port = ROUTER_PORT},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},
    {"not wanted, and the lease is unsure",
     {.router_port = ROUTER_PORT, .lease = {.state = LEASE_UNSURE}},
     {LEASE_WANTS_RELEASE, LEASE_WANTS_NOTHING}},
    {"it moves, and the old lease is there",
     {WANTED, JOB, .moving = true, .lease = {GRANTED, .due = true}},
     {LEASE_WANTS_RELEASE, LEASE_WANTS_RELEASE}},
    {"it rejoins its companion",
     {WANTED, JOB, ADVERTISED, .lease = {GRANTED, .due = true, .pair = PAIR_REJOINS}},
     {LEASE_WANTS_RELEASE, LEASE_WANTS_RELEASE}},
    {"it rejoins its companion, and the old lease is gone",
     {WANTED, ADVERTISED, .lease = {.pair = PAIR_REJOINS}},
     {LEASE_WANTS_GRANT, LEASE_WANTS_GRANT}},
    {"the companion is asked first",
     {WANTED, ADVERTISED, .lease = {GRANTED, .pair = PAIR_ASKED}},
     {LEASE_WANTS_NOTHING, LEASE_WANTS_NOTHING}},
    {"not wanted, and a transaction is under way",
     {.router_port = ROUTER_PORT, .lease = {GRANTED, .asking = true}},
     {LEASE_WANTS_RELEASE, LEASE_WANTS_RELEASE}},
};

static void test_what_it_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        const struct want *row = &wants[i];
        check_number(row->name, "what it wants", lease_wants(&strategy_normal, &row->mapping, NOW),
                     row->want.normal);
        check_number(row->name, "what it wants of a symmetric gateway",
                     lease_wants(&strategy_symmetric, &row->mapping, NOW), row->want.symmetric);
    }
}

/* The daemon renews at half of a lease that is shorter than the mapping is kept. If the gateway was once too
 * slow for a client that renews, the daemon renews before the client, at 3/8, as long as that matters: of a
 * lease of less than 80 s, less than 30 s are left at 5/8, which Bitcoin Core does not accept. */
static void test_it_is_renewed_without_its_client(void **state)
{
    static const struct {
        const char *name;
        uint32_t granted_s;
        uint64_t kept_ms; /* longer than the lease */
        bool slow;
        enum lease_state state;
        uint64_t renewal_ms; /* after the grant; 0: never, and only its end counts */
    } rows[] = {
        {"kept for as long as the lease", 60, 0, false, LEASE_GRANTED, 0},
        {"kept for a second longer", 60, 1000, false, LEASE_GRANTED, 0},
        {"kept for more than a second longer", 60, 1001, false, LEASE_GRANTED, 30000},
        {"kept alive for an hour", 100, 3600000, false, LEASE_GRANTED, 50000},
        {"the lease is unsure", 100, 3600000, true, LEASE_UNSURE, 0},
        {"a slow gateway, 30 s", 30, 0, true, LEASE_GRANTED, 0},
        {"a slow gateway, 31 s", 31, 0, true, LEASE_GRANTED, 11625},
        {"a slow gateway, 60 s", 60, 0, true, LEASE_GRANTED, 22500},
        {"a slow gateway, 79 s", 79, 0, true, LEASE_GRANTED, 29625},
        {"a slow gateway, 80 s", 80, 0, true, LEASE_GRANTED, 0},
        {"a slow gateway, 80 s, kept alive", 80, 3600000, true, LEASE_GRANTED, 40000},
        {"a slow gateway, 60 s, kept alive", 60, 3600000, true, LEASE_GRANTED, 22500},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t ends_ms = NOW + rows[i].granted_s * UINT64_C(1000);
        uint64_t kept_ms = ends_ms + rows[i].kept_ms;
        struct mapping mapping = {
            WANTED,
            .lease = {.state = (uint8_t)rows[i].state,
                      .external_port = 41000,
                      .granted_s = rows[i].granted_s,
                      .granted_ms = NOW,
                      .ends_ms = ends_ms,
                      .slow = rows[i].slow},
            .promise = {.advertised_until_ms = kept_ms, .kept_until_ms = kept_ms},
        };
        uint64_t due_ms = rows[i].renewal_ms != 0 ? NOW + rows[i].renewal_ms : ends_ms + ANSWER_MS;
        check_ms(rows[i].name, "the renewal", lease_due_ms(&strategy_normal, &mapping, NOW), due_ms);
        if (rows[i].renewal_ms == 0)
            continue;
        check_number(rows[i].name, "before it", lease_wants(&strategy_normal, &mapping, due_ms - 1),
                     LEASE_WANTS_NOTHING);
        check_number(rows[i].name, "then", lease_wants(&strategy_normal, &mapping, due_ms),
                     LEASE_WANTS_GRANT);
    }
}

static void test_when_it_is_due(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        uint64_t due_ms;
    } rows[] = {
        {"nothing is wanted but its end",
         {WANTED, ADVERTISED, .lease = {GRANTED, .retry_ms = NOW + 5}},
         NOW + 90000 + ANSWER_MS},
        {"a pause before it is asked", {WANTED, JOB, .lease = {.due = true, .retry_ms = NOW + 5}}, NOW + 5},
        {"the pause is over", {WANTED, JOB, .lease = {.due = true, .retry_ms = NOW}}, UINT64_MAX},
        {"a renewal comes first",
         {WANTED, KEPT_ALIVE, .lease = {GRANTED, .due = true, .retry_ms = NOW + 50000}},
         NOW + 40000},
        {"the pause comes first",
         {WANTED, KEPT_ALIVE, .lease = {GRANTED, .due = true, .retry_ms = NOW + 5}},
         NOW + 5},
        {"not wanted: it ends by itself", {.router_port = ROUTER_PORT, .lease = {GRANTED}}, NOW + 90000},
        {"not wanted: a retransmission made it last longer",
         {.router_port = ROUTER_PORT, .lease = {GRANTED, .gone_ms = NOW + 91000}},
         NOW + 91000},
        {"not wanted: it is deleted once more before that",
         {.router_port = ROUTER_PORT, .lease = {GRANTED, .retry_ms = NOW + 30000}},
         NOW + 30000},
        {"not wanted, and nothing is there",
         {.router_port = ROUTER_PORT, .lease = {.ends_ms = NOW + 9}},
         UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_ms(rows[i].name, "the time", lease_due_ms(&strategy_normal, &rows[i].mapping, NOW),
                 rows[i].due_ms);
}

/* ---- what it says ---- */

/* Is the lease valid by the tables, may it be valid nevertheless, and until when is it known to be valid? */
static const struct life {
    const char *name;
    struct mapping mapping;
    struct {
        bool lives;
        bool may_live;
        uint64_t left_ms;
    } lease;
} lives[] = {
    {"granted",
     {.lease = {.state = LEASE_GRANTED, .ends_ms = NOW + 5, .sure_ms = NOW + 5}},
     {true, false, 5}},
    {"the last millisecond",
     {.lease = {.state = LEASE_GRANTED, .ends_ms = NOW + 1, .sure_ms = NOW + 1}},
     {true, false, 1}},
    {"ended", {.lease = {.state = LEASE_GRANTED, .ends_ms = NOW, .sure_ms = NOW}}, {false, false, 0}},
    {"a shorter lifetime was requested since",
     {.lease = {.state = LEASE_GRANTED, .ends_ms = NOW + 5, .sure_ms = NOW + 3}},
     {true, false, 3}},
    {"a deletion was requested since",
     {.lease = {.state = LEASE_GRANTED, .ends_ms = NOW + 5, .sure_ms = NOW}},
     {true, false, 0}},
    {"unsure",
     {ADVERTISED, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 5, .sure_ms = NOW + 5}},
     {false, false, 0}},
    {"none", {ADVERTISED, .lease = {.ends_ms = NOW + 5, .sure_ms = NOW + 5}}, {false, false, 0}},
    {"adopted, and not confirmed yet",
     {.lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 1},
      .promise = {.kept_until_ms = NOW + 1, .adopted = true}},
     {false, true, 0}},
    {"adopted, and its time is over",
     {.lease = {.state = LEASE_UNSURE, .ends_ms = NOW}, .promise = {.kept_until_ms = NOW, .adopted = true}},
     {false, false, 0}},
    {"adopted and static, and the lease of the earlier run is over",
     {.is_static = true,
      .lease = {.state = LEASE_UNSURE, .ends_ms = NOW},
      .promise = {.kept_until_ms = NOW, .adopted = true}},
     {false, false, 0}},
    {"adopted, and the gateway has none",
     {.promise = {.kept_until_ms = NOW + 1, .adopted = true}},
     {false, false, 0}},
    {"ended, but a retransmission may have renewed it",
     {ADVERTISED, .lease = {.state = LEASE_GRANTED, .ends_ms = NOW, .gone_ms = NOW + 1}},
     {false, true, 0}},
    {"its retransmission has ended, too",
     {ADVERTISED, .lease = {.state = LEASE_GRANTED, .ends_ms = NOW, .gone_ms = NOW}},
     {false, false, 0}},
    {"unsure, and a retransmission may have renewed it",
     {ADVERTISED, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW, .gone_ms = NOW + 1}},
     {false, false, 0}},
    {"no client relies on what a retransmission may have renewed",
     {.lease = {.state = LEASE_GRANTED, .ends_ms = NOW, .gone_ms = NOW + 1}},
     {false, false, 0}},
};

static void test_whether_it_lives(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        check_number(lives[i].name, "lives", lease_lives(&lives[i].mapping, NOW), lives[i].lease.lives);
        check_number(lives[i].name, "may live", lease_may_live(&lives[i].mapping, NOW),
                     lives[i].lease.may_live);
        check_ms(lives[i].name, "left", lease_left_ms(&lives[i].mapping, NOW), lives[i].lease.left_ms);
    }
}

static void test_whether_it_is_over(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        struct {
            bool normal;
            bool symmetric;
        } over;
    } rows[] = {
        {"ended",
         {.router_port = ROUTER_PORT,
          .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW}},
         {true, true}},
        {"not ended",
         {.router_port = ROUTER_PORT,
          .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW + 1}},
         {false, false}},
        {"a retransmission may have renewed it",
         {.router_port = ROUTER_PORT,
          .lease = {.state = LEASE_UNSURE, .external_port = 41000, .ends_ms = NOW, .gone_ms = NOW + 1}},
         {false, false}},
        {"wanted",
         {WANTED, .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW}},
         {false, false}},
        {"it moves",
         {WANTED, .moving = true, .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW}},
         {true, true}},
        {"there is none", {.router_port = ROUTER_PORT}, {false, false}},
        {"a transaction is under way",
         {.router_port = ROUTER_PORT,
          .lease = {.state = LEASE_UNSURE, .external_port = 41000, .ends_ms = NOW, .asking = true}},
         {false, false}},
        {"not ended, but there is no port to give it back by",
         {.router_port = ROUTER_PORT, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 1}},
         {false, true}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_number(rows[i].name, "over", lease_is_over(&strategy_normal, &rows[i].mapping, NOW),
                     rows[i].over.normal);
        check_number(rows[i].name, "over at a symmetric gateway",
                     lease_is_over(&strategy_symmetric, &rows[i].mapping, NOW), rows[i].over.symmetric);
    }
}

static void test_whether_it_is_of_before(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        bool of_before;
    } rows[] = {
        {"granted before", {.client = 1, .lease = {.state = LEASE_GRANTED, .granted_ms = NOW - 1}}, true},
        {"unsure before", {.client = 1, .lease = {.state = LEASE_UNSURE, .granted_ms = NOW - 1}}, true},
        {"granted since", {.client = 1, .lease = {.state = LEASE_GRANTED, .granted_ms = NOW}}, false},
        {"there is none", {.client = 1, .lease = {.granted_ms = NOW - 1}}, false},
        {"a free record", {.lease = {.state = LEASE_GRANTED, .granted_ms = NOW - 1}}, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_number(rows[i].name, "of before", lease_is_of_before(&rows[i].mapping, NOW), rows[i].of_before);
}

UNIT(lease)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_wants),      cmocka_unit_test(test_it_is_renewed_without_its_client),
        cmocka_unit_test(test_when_it_is_due),     cmocka_unit_test(test_whether_it_lives),
        cmocka_unit_test(test_whether_it_is_over), cmocka_unit_test(test_whether_it_is_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
