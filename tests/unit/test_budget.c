/* The few ports of a VPN gateway: which mapping is released for a client that requests one. */
#include "core/budget.h"
#include "parts_unit.h"

/* ---- which mappings have a port that no client uses ---- */

static void test_spare(void **state)
{
    static const struct {
        const char *name;
        struct mapping mapping;
        bool spare;
    } rows[] = {
        {"kept alive",
         {.lease = {.state = LEASE_GRANTED},
          .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 1}},
         true},
        {"ending", {.lease = {.state = LEASE_UNSURE}}, true},
        {"advertised",
         {.lease = {.state = LEASE_GRANTED}, .promise = {.advertised_until_ms = NOW + 1}},
         false},
        {"a client waits for it", {.lease = {.state = LEASE_GRANTED}, .job = {.kind = JOB_MAP}}, false},
        {"a client waits for its end",
         {.lease = {.state = LEASE_GRANTED}, .job = {.kind = JOB_DELETE}},
         true},
        {"without a lease", {.lease = {.state = LEASE_NONE}}, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_number(rows[i].name, "spare", budget_is_spare(&rows[i].mapping, NOW), rows[i].spare);
}

/* ---- room for one more ---- */

/* The mapping that wants a port: a client waits for it. */
#define WAITS A, NATPMP_TCP, 1, 1, .job = {.kind = JOB_MAP}
/* The others: in use, kept alive for a client that does not come, or ending. */
#define IN_USE .wanted = true, .promise = {.advertised_until_ms = NOW + 1, .kept_until_ms = NOW + 1}
#define KEPT_ALIVE .wanted = true, .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 1}
#define ENDING .wanted = false

enum { MAPPINGS = 5, MINE = 1 };

/* The spare ones are listed in the order of a row: the longest unused one first. */
static void give_spare(const struct given *given, size_t count)
{
    give_all(given, count);
    for (uint16_t m = 1; m <= t->used_mappings; m++)
        mapping_set_spare(t, m, budget_is_spare(mapping_at(t, m), NOW));
}

static void check_decision(const char *name, struct budget_decision decision, struct budget_decision expected)
{
    check_number(name, "the verdict", decision.verdict, expected.verdict);
    check_number(name, "the mapping", decision.mapping, expected.mapping);
    check_number(name, "the other protocol", decision.other, expected.other);
}

static void test_room(void **state)
{
    static const struct {
        const char *name;
        struct given given[MAPPINGS]; /* the first one has no port */
        struct budget_decision decision;
    } rows[] = {
        {"all are in use", {{WAITS}, {B, NATPMP_TCP, 1, 2, IN_USE, HOLDS(41000)}}, {BUDGET_NOTHING, 0, 0}},
        {"one is kept alive",
         {{WAITS}, {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_RELEASE, 2, 0}},
        {"the longest unused one comes first",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_TCP, 2, 3, KEPT_ALIVE, HOLDS(41001)}},
         {BUDGET_RELEASE, 2, 0}},
        {"both protocols of its port are released",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_UDP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_RELEASE, 2, 3}},
        {"its other protocol is in use",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_UDP, 1, 2, IN_USE, HOLDS(41000)}},
         {BUDGET_NOTHING, 0, 0}},
        {"the next one is not in use",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_UDP, 1, 2, IN_USE, HOLDS(41000)},
          {B, NATPMP_TCP, 2, 3, KEPT_ALIVE, HOLDS(41001)}},
         {BUDGET_RELEASE, 4, 0}},
        {"the port of one is not known",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, .lease = {.state = LEASE_UNSURE}},
          {B, NATPMP_UDP, 1, 2, IN_USE, .lease = {.state = LEASE_UNSURE}}},
         {BUDGET_RELEASE, 2, 0}},
        {"one is ending, and its lease may still count",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_TCP, 2, 3, ENDING, HOLDS(41001)}},
         {BUDGET_HURRY, 0, 0}},
        {"no client uses the mapping that wants a port",
         {{A, NATPMP_TCP, 1, 1, KEPT_ALIVE}, {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_NOTHING, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_spare(rows[i].given, MAPPINGS);
        check_decision(rows[i].name, budget_make_room(t, MINE, true, NOW), rows[i].decision);
    }
}

/* Only the first 64 of the list of spare mappings are examined. */
static void test_it_does_not_look_for_ever(void **state)
{
    (void)state;
    for (unsigned in_front = BUDGET_SEARCH_MAX - 1; in_front <= BUDGET_SEARCH_MAX; in_front++) {
        static const struct given mine = {WAITS};
        struct budget_decision expected = {.verdict = BUDGET_NOTHING};
        give_all(&mine, 1);
        for (unsigned i = 0; i <= in_front; i++) {
            uint16_t port = (uint16_t)(41000 + i);
            struct given kept = {B, NATPMP_TCP, port, port, KEPT_ALIVE, HOLDS(port)};
            struct given used = {B, NATPMP_UDP, port, port, IN_USE, HOLDS(port)};
            uint16_t m = give(&kept);
            mapping_set_spare(t, m, true);
            if (i < in_front)
                give(&used);
            else if (in_front < BUDGET_SEARCH_MAX)
                expected = (struct budget_decision){.verdict = BUDGET_RELEASE, .mapping = m};
        }
        check_decision("after others whose other protocol is in use", budget_make_room(t, MINE, true, NOW),
                       expected);
    }
    static const struct given ending = {B, NATPMP_TCP, 1, 1, ENDING, HOLDS(42000)};
    uint16_t m = give(&ending);
    mapping_set_spare(t, m, true);
    check_decision("an ending one after them", budget_make_room(t, MINE, true, NOW),
                   (struct budget_decision){0});
}

/* ---- one port for two ---- */

static void test_yield(void **state)
{
    static const struct {
        const char *name;
        struct given given[MAPPINGS]; /* the first one was granted the port of the second one */
        struct budget_decision decision;
    } rows[] = {
        {"the holder is kept alive",
         {{WAITS}, {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_RELEASE, 2, 0}},
        {"with both protocols",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_UDP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_RELEASE, 2, 3}},
        {"the holder is in use",
         {{WAITS}, {B, NATPMP_TCP, 1, 2, IN_USE, HOLDS(41000)}},
         {BUDGET_NOTHING, 0, 0}},
        {"the holder's other protocol is in use",
         {{WAITS},
          {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)},
          {B, NATPMP_UDP, 1, 2, IN_USE, HOLDS(41000)}},
         {BUDGET_NOTHING, 0, 0}},
        {"the holder is ending anyway",
         {{WAITS}, {B, NATPMP_TCP, 1, 2, ENDING, HOLDS(41000)}},
         {BUDGET_NOTHING, 0, 0}},
        {"no client uses the mapping that was granted the port",
         {{A, NATPMP_TCP, 1, 1, KEPT_ALIVE}, {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_NOTHING, 0, 0}},
        {"it was advertised and is renewed",
         {{A, NATPMP_TCP, 1, 1, IN_USE}, {B, NATPMP_TCP, 1, 2, KEPT_ALIVE, HOLDS(41000)}},
         {BUDGET_RELEASE, 2, 0}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_spare(rows[i].given, MAPPINGS);
        check_decision(rows[i].name, budget_yield(t, MINE, 2, NOW), rows[i].decision);
    }
}

/* ---- how many are in use ---- */

static void test_use(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 1, IN_USE, HOLDS(41000)},
        {A, NATPMP_UDP, 1, 1, IN_USE, HOLDS(41000)}, /* one port with the one before */
        {A, NATPMP_UDP, 2, 2, IN_USE, HOLDS(41001)},
        {B, NATPMP_TCP, 3, 3, ENDING, HOLDS(41002)},
        {B, NATPMP_TCP, 4, 4, IN_USE}, /* without a port */
        {B, NATPMP_TCP, 5, 5, .lease = {.state = LEASE_NONE}},
    };
    (void)state;
    give_all(given, ARRAY_LEN(given));
    mapping_free(t, 6); /* a free record is not counted */
    struct budget_use use = budget_use(t);
    assert_int_equal(use.ports, 3);
    assert_int_equal(use.ending, 1);
    /* The log names the hosts that have them. [L5] */
    assert_string_equal(budget_holders(t, true).text, "192.168.88.11 (2), 192.168.88.12 (1)");
    assert_string_equal(budget_holders(t, false).text, "192.168.88.11 (3), 192.168.88.12 (1)");
}

/* Many hosts with a mapping each: none of them is named for having one more than the others. */
static void test_many_hosts_with_few(void **state)
{
    (void)state;
    for (uint32_t host = 0; host < 70; host++)
        mapping_set_wanted(t, mapping_new(t, A + host, NATPMP_TCP, 1), true);
    mapping_set_wanted(t, mapping_new(t, A + 7, NATPMP_TCP, 2), true);
    assert_string_equal(budget_holders(t, false).text,
                        "70 hosts with few each, perhaps invented by one of them");
    mapping_set_wanted(t, mapping_new(t, A + 7, NATPMP_TCP, 3), true);
    assert_memory_equal(budget_holders(t, false).text, "192.168.88.18 (3), ", 19);
}

/* A static mapping takes the port of the client that renewed longest ago, but for those that wait for an
 * answer. */
static void test_static(void **state)
{
#define RENEWED(ago_ms)                                                                                      \
    .wanted = true, .promise = {.advertised_ms = NOW - (ago_ms), .advertised_until_ms = NOW + 1 }
    static const struct given given[] = {
        {A, NATPMP_TCP, 1, 1, .wanted = true},
        {B, NATPMP_TCP, 2, 2, RENEWED(5), HOLDS(102)},
        {B, NATPMP_TCP, 3, 3, RENEWED(9), HOLDS(103), .job = {.kind = JOB_MAP}},
        {B, NATPMP_TCP, 4, 4, .wanted = true, HOLDS(104)},
        {B, NATPMP_TCP, 5, 5, RENEWED(7), HOLDS(105)},
        {B, NATPMP_UDP, 5, 5, RENEWED(1), HOLDS(105)},
    };
    (void)state;
    give_all(given, ARRAY_LEN(given));
    mapping_set_static(t, MINE, true);
    mapping_set_static(t, 4, true);
    check_decision("a static mapping", budget_make_room(t, MINE, true, NOW),
                   (struct budget_decision){.verdict = BUDGET_RELEASE, .mapping = 5, .other = 6});
    mapping_set_static(t, MINE, false);
    check_decision("a client", budget_make_room(t, MINE, true, NOW),
                   (struct budget_decision){.verdict = BUDGET_NOTHING});
}

UNIT(budget)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spare),
        TEST(test_room),
        TEST(test_it_does_not_look_for_ever),
        TEST(test_yield),
        TEST(test_static),
        TEST(test_use),
        TEST(test_many_hosts_with_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
