/* TCP and UDP of one client port: what follows from a grant when their external ports differ, or did. */
#include "core/pair.h"
#include "parts_unit.h"

enum { MINE = 1, COMPANION = 2, MAPPINGS = 2 };

/* Client A has both protocols of port 6881, on one router port. */
#define TCP A, NATPMP_TCP, 6881, 7000, .wanted = true
#define UDP A, NATPMP_UDP, 6881, 7000, .wanted = true
/* The state of a valid lease, and its external port. */
#define HAS(port) .state = LEASE_GRANTED, .ends_ms = NOW + 1, .external_port = (port)
#define ADVERTISED .promise = {.kept_until_ms = NOW + 1}

static void test_the_companion(void **state)
{
    static const struct {
        const char *name;
        struct given other;
        uint16_t companion;
    } rows[] = {
        {"it lives", {UDP, .lease = {HAS(41000)}}, COMPANION},
        {"there is none", {0}, 0},
        {"another internal port", {A, NATPMP_UDP, 6882, 7000, .lease = {HAS(41000)}}, 0},
        {"another client", {B, NATPMP_UDP, 6881, 7001, .lease = {HAS(41000)}}, 0},
        {"its lease has ended",
         {UDP, .lease = {.state = LEASE_GRANTED, .ends_ms = NOW, .external_port = 41000}},
         0},
        {"its lease is unsure", {UDP, .lease = {.state = LEASE_UNSURE, .ends_ms = NOW + 1}}, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given[MAPPINGS] = {{TCP, .lease = {HAS(41000)}}, rows[i].other};
        give_all(given, MAPPINGS);
        check_number(rows[i].name, "the companion", pair_companion(t, MINE, NOW), rows[i].companion);
    }
}

/* The gateway granted TCP port 41001; before, it had `old`. */
static const struct row {
    const char *name;
    struct given mine;
    struct given other;
    uint16_t old;
    bool rotated;
    struct pair_verdict verdict;
} rows[] = {
    /* Nothing changed: the two ports are compared for the operator. */
    {"the first grant, alone", {TCP, .lease = {HAS(41001)}}, {0}, 0, false, {.companion = 0}},
    {"the first grant, and the companion has a port",
     {TCP, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41000)}},
     0,
     false,
     {.companion = COMPANION, .compare = true}},
    {"a renewal",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41001)}},
     41001,
     true,
     {.companion = COMPANION, .compare = true}},
    {"a renewal, and the companion's lease has ended",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {.state = LEASE_GRANTED, .external_port = 41000, .ends_ms = NOW}},
     41001,
     true,
     {.companion = 0}},

    /* The gateway changed the port of a valid lease. The companion's may have changed, too, so it is
     * requested, and only then it is known whether the client's port is broken. */
    {"changed, and the companion has the old number",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41000)}},
     41000,
     true,
     {.companion = COMPANION, .changed = true, .ask_companion = true}},
    {"changed, and there is no companion",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {0},
     41000,
     true,
     {.changed = true, .broken = true}},
    {"changed, and the companion had another number before",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41002)}},
     41000,
     true,
     {.companion = COMPANION, .changed = true, .broken = true}},
    {"changed, and the companion rejoins already",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41000), .pair = PAIR_REJOINS}},
     41000,
     true,
     {.companion = COMPANION, .changed = true, .broken = true}},
    {"changed, and the companion has another router port",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {A, NATPMP_UDP, 6881, 7001, .wanted = true, .lease = {HAS(41000)}},
     41000,
     true,
     {.companion = COMPANION, .changed = true, .broken = true}},
    {"changed, because the lease of before had ended",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41000)}},
     41000,
     false,
     {.companion = COMPANION, .changed = true, .broken = true}},
    {"changed, and no client relies on it",
     {TCP, .promise = {.kept_until_ms = NOW}, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41000)}},
     41000,
     true,
     {.companion = COMPANION}},

    /* The companion had changed, and this mapping was requested for its sake. */
    {"the gateway changed both to one number",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41001), .pair = PAIR_ASKED}},
     41000,
     true,
     {.companion = COMPANION, .changed = true, .broken = true, .companion_next = PAIR_NEXT_SETTLES}},
    {"the gateway changed the companion alone",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41002), .pair = PAIR_ASKED}},
     41001,
     true,
     {.companion = COMPANION, .companion_next = PAIR_NEXT_REJOINS}},
    {"the gateway changed both, to two numbers",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41002), .pair = PAIR_ASKED}},
     41000,
     true,
     {.companion = COMPANION, .changed = true, .broken = true, .companion_next = PAIR_NEXT_REJOINS}},

    /* To release a lease is a risk, so it is done every ten minutes at most. */
    {"it rejoined a moment ago",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41002), .pair = PAIR_ASKED, .rejoined_ms = NOW - 599999}},
     41001,
     true,
     {.companion = COMPANION, .companion_next = PAIR_NEXT_SETTLES}},
    {"it rejoined ten minutes ago",
     {TCP, ADVERTISED, .lease = {HAS(41001)}},
     {UDP, .lease = {HAS(41002), .pair = PAIR_ASKED, .rejoined_ms = NOW - 600000}},
     41001,
     true,
     {.companion = COMPANION, .companion_next = PAIR_NEXT_REJOINS}},
};

static void test_the_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct given given[MAPPINGS] = {row->mine, row->other};
        give_all(given, MAPPINGS);
        struct pair_verdict verdict = pair_judge(t, &strategy_normal, MINE, row->old, row->rotated, NOW);
        check_number(row->name, "the companion", verdict.companion, row->verdict.companion);
        check_number(row->name, "compare", verdict.compare, row->verdict.compare);
        check_number(row->name, "changed", verdict.changed, row->verdict.changed);
        check_number(row->name, "ask the companion", verdict.ask_companion, row->verdict.ask_companion);
        check_number(row->name, "broken", verdict.broken, row->verdict.broken);
        check_number(row->name, "the companion's next", verdict.companion_next, row->verdict.companion_next);
    }
}

/* A symmetric gateway has one port for each protocol, so there is no pair to restore. */
static void test_a_symmetric_gateway_is_not_asked(void **state)
{
    static const struct given given[] = {
        {TCP, ADVERTISED, .lease = {HAS(41001)}},
        {UDP, .lease = {HAS(41000)}},
    };
    (void)state;
    give_all(given, ARRAY_LEN(given));
    struct pair_verdict verdict = pair_judge(t, &strategy_symmetric, MINE, 41000, true, NOW);
    assert_true(verdict.changed && verdict.broken && !verdict.ask_companion);
}

/* Shortly after a boot nothing has been requested anew yet. */
static void test_it_never_rejoined(void **state)
{
    static const struct given given[] = {
        {TCP, .lease = {.state = LEASE_GRANTED, .ends_ms = 1000, .external_port = 41001}},
        {UDP, .lease = {.state = LEASE_GRANTED, .ends_ms = 1000, .external_port = 41002, .pair = PAIR_ASKED}},
    };
    (void)state;
    give_all(given, ARRAY_LEN(given));
    assert_int_equal(pair_judge(t, &strategy_normal, MINE, 41001, true, 5).companion_next, PAIR_NEXT_REJOINS);
}

UNIT(pair)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_companion),
        TEST(test_the_verdict),
        TEST(test_a_symmetric_gateway_is_not_asked),
        TEST(test_it_never_rejoined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
