/* Choices of ports: the router port of the rule, the external port to suggest, and whether a granted one can
 * be used. In each row the question is about the first mapping. */
#include "core/port.h"
#include "parts_unit.h"

enum { MINE = 1, OTHER = 2, ROUTER_PORT = 7000, PORT = 41000, MAPPINGS = 2 };

#define SUGGESTS(port) .job = {.suggested_port = (port)}
/* The client's mapping of the other protocol. */
#define COMPANION(router_port) A, NATPMP_UDP, 6881, (router_port), .wanted = true
/* Its client has released external port PORT. */
#define RELEASED(since_ms) .quarantined_ms = (since_ms), .promise = {.port = PORT}

static struct router *router;

static int start_router(void **state)
{
    router = calloc(1, sizeof(*router));
    return router == NULL || start(state) != 0;
}

static int stop_router(void **state)
{
    free(router);
    return stop(state);
}

/* The foreign rules of a row take one port of each protocol. */
static void take(uint16_t udp, uint16_t tcp)
{
    memset(router->taken, 0, sizeof(router->taken));
    portset_add(&router->taken[NATPMP_UDP].sure, udp);
    portset_add(&router->taken[NATPMP_TCP].sure, tcp);
}

/* ---- on the router ---- */

/* May a TCP mapping of client A have router port 7000? */
static void test_a_router_port_that_is_free(void **state)
{
    static const struct {
        const char *name;
        uint16_t foreign_udp;
        uint16_t foreign_tcp;
        struct given other;
        bool available;
    } rows[] = {
        {"no mapping has it", 0, 0, {0}, true},
        {"a foreign rule takes it", 0, ROUTER_PORT, {0}, false},
        {"a foreign rule takes it of the other protocol", ROUTER_PORT, 0, {0}, true},
        {"a foreign rule takes another one", 0, ROUTER_PORT + 1, {0}, true},
        {"another mapping of the client has it",
         0,
         0,
         {A, NATPMP_TCP, 1, ROUTER_PORT, .wanted = true},
         false},
        {"another client has it", 0, 0, {B, NATPMP_TCP, 1, ROUTER_PORT, .wanted = true}, false},
        {"it is in quarantine for another client",
         0,
         0,
         {B, NATPMP_TCP, 1, ROUTER_PORT, .quarantined_ms = NOW},
         false},
        {"another client has its companion", 0, 0, {B, NATPMP_UDP, 1, ROUTER_PORT, .wanted = true}, false},
        {"the client has its companion", 0, 0, {A, NATPMP_UDP, 1, ROUTER_PORT, .wanted = true}, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given[MAPPINGS] = {{A, NATPMP_TCP, 6881, .wanted = true}, rows[i].other};
        give_all(given, MAPPINGS);
        take(rows[i].foreign_udp, rows[i].foreign_tcp);
        bool available = port_is_available(t, router, MINE, ROUTER_PORT);
        check_number(rows[i].name, "available", available, rows[i].available);
        assert_false(port_is_available(t, router, MINE, 0));
    }
}

/* The companion's port first, then the suggested one, otherwise any. */
static void test_the_preferred_router_port(void **state)
{
    static const struct {
        const char *name;
        struct given mine;
        struct given other;
        uint16_t foreign_tcp;
        uint16_t preferred;
    } rows[] = {
        {"nothing is suggested", {0}, {0}, 0, 0},
        {"the suggested port is free", {SUGGESTS(6881)}, {0}, 0, 6881},
        {"a foreign rule takes the suggested port", {SUGGESTS(6881)}, {0}, 6881, 0},
        {"the companion has a port", {SUGGESTS(6881)}, {COMPANION(ROUTER_PORT)}, 0, ROUTER_PORT},
        {"a foreign rule takes the companion's port",
         {SUGGESTS(6881)},
         {COMPANION(ROUTER_PORT)},
         ROUTER_PORT,
         6881},
        {"the companion has no port yet", {SUGGESTS(6881)}, {COMPANION(0)}, 0, 6881},
        {"the other protocol of another internal port",
         {SUGGESTS(6881)},
         {A, NATPMP_UDP, 6882, ROUTER_PORT, .wanted = true},
         0,
         6881},
        {"it moves, because of what the gateway granted for its port",
         {SUGGESTS(6881), .lease = {.moves = 1}},
         {COMPANION(ROUTER_PORT)},
         0,
         0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct given given[MAPPINGS] = {rows[i].mine, rows[i].other};
        given[0].client = A;
        given[0].protocol = NATPMP_TCP;
        given[0].internal_port = 6881;
        give_all(given, MAPPINGS);
        take(0, rows[i].foreign_tcp);
        check_number(rows[i].name, "the port", port_preferred(t, router, MINE), rows[i].preferred);
    }
}

/* A port that is free of both protocols comes first, because the companion can have the same number later.
 * Without such a port, one that is free of the mapping's own protocol is enough. [P12] */
static void test_the_first_free_port(void **state)
{
    static const struct given last = {A, NATPMP_UDP, 1, PORT_DYNAMIC_LAST, .wanted = true};
    (void)state;
    take(50000, 50001);
    assert_int_equal(port_free_from(t, router, MINE, 49999), 49999);
    assert_int_equal(port_free_from(t, router, MINE, 50000), 50002);
    assert_int_equal(port_free_from(t, router, MINE, PORT_DYNAMIC_LAST), PORT_DYNAMIC_LAST);
    give(&last);
    assert_int_equal(port_free_from(t, router, MINE, PORT_DYNAMIC_LAST), PORT_DYNAMIC_FIRST);
    /* [P8] The hotspot listens on the four ports from here on. */
    assert_int_equal(port_free_from(t, router, MINE, 64872), 64876);
    /* Services of the router that were moved, up to the last port and from the first one on. */
    router->listens = 3;
    router->listens_on[0] = PORT_DYNAMIC_FIRST;
    router->listens_on[1] = 52000;
    router->listens_on[2] = 52001;
    assert_false(port_is_available(t, router, MINE, 52000));
    assert_int_equal(port_free_from(t, router, MINE, 52000), 52002);
    assert_int_equal(port_free_from(t, router, MINE, PORT_DYNAMIC_LAST), PORT_DYNAMIC_FIRST + 1);
    router->listens = 0;
    enum natpmp_protocol own = mapping_protocol(&t->mapping[MINE]);
    portset_fill(&router->taken[own == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP].sure);
    assert_int_equal(port_free_from(t, router, MINE, 51000), 51000);
    /* A rule of the owner takes all dynamic ports: there are others, and they come before those in doubt.
     * [P12] */
    for (unsigned i = PORT_DYNAMIC_FIRST; i <= PORT_DYNAMIC_LAST; i++)
        portset_add(i < 60000 ? &router->taken[own].sure : &router->taken[own].doubted, (uint16_t)i);
    uint16_t below = port_free_from(t, router, MINE, 51000);
    assert_true(below >= PORT_FIRST && below < PORT_DYNAMIC_FIRST);
    for (unsigned i = PORT_FIRST; i < PORT_DYNAMIC_FIRST; i++)
        portset_add(&router->taken[own].sure, (uint16_t)i);
    assert_true(port_free_from(t, router, MINE, 51000) >= 60000);
    portset_fill(&router->taken[own].sure);
    assert_int_equal(port_free_from(t, router, MINE, 51000), 0);
}

/* ---- the suggestion ---- */

/* The first mapping is TCP, of client A. */
static void give_mine(const struct given *mine, const struct given *other)
{
    struct given given[MAPPINGS] = {*mine, *other};
    given[0].client = A;
    given[0].protocol = NATPMP_TCP;
    given[0].internal_port = 6881;
    given[0].router_port = ROUTER_PORT;
    given[0].wanted = true;
    give_all(given, MAPPINGS);
}

static const struct suggestion {
    const char *name;
    struct given mine; /* TCP, of client A */
    struct given other;
    uint16_t port; /* 0: none */
} suggestions[] = {
    /* The port that the client has comes first, then its companion's, then what it suggested. */
    {"nothing is known", {0}, {0}, 0},
    {"the client suggested one", {SUGGESTS(PORT)}, {0}, PORT},
    {"it was advertised one",
     {.promise = {.port = PORT}, SUGGESTS(6881)},
     {COMPANION(ROUTER_PORT), HOLDS(PORT + 1)},
     PORT},
    {"the gateway granted one",
     {HOLDS(PORT), .promise = {.port = PORT + 1}, SUGGESTS(6881)},
     {COMPANION(ROUTER_PORT), HOLDS(PORT + 1)},
     PORT},
    {"its companion has one", {SUGGESTS(6881)}, {COMPANION(ROUTER_PORT), HOLDS(PORT)}, PORT},
    {"its companion has none yet", {SUGGESTS(6881)}, {COMPANION(ROUTER_PORT)}, 6881},
    {"it rejoins its companion",
     {.lease = {.pair = PAIR_REJOINS}, .promise = {.port = PORT + 1}},
     {COMPANION(ROUTER_PORT), HOLDS(PORT)},
     PORT},
    {"it rejoins, and its companion is gone",
     {.lease = {.pair = PAIR_REJOINS}, .promise = {.port = PORT + 1}, SUGGESTS(6881)},
     {0},
     6881},

    /* Never one that another mapping has. The other protocol of the same number is the client's own. */
    {"another mapping of the client has it",
     {SUGGESTS(PORT)},
     {A, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT)},
     0},
    {"another client has it", {SUGGESTS(PORT)}, {B, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT)}, 0},
    {"another client has its companion",
     {SUGGESTS(PORT)},
     {B, NATPMP_UDP, 1, 1, .wanted = true, HOLDS(PORT)},
     0},
    {"the client has its companion",
     {SUGGESTS(PORT)},
     {A, NATPMP_UDP, 1, 1, .wanted = true, HOLDS(PORT)},
     PORT},
    {"another client was granted what this one was advertised",
     {.promise = {.port = PORT}},
     {B, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT)},
     0},

    /* Nor one that another client is about to get: its rule has that number, and the gateway has not answered
     * yet. */
    {"another client's rule has that number", {SUGGESTS(PORT)}, {B, NATPMP_TCP, 1, PORT, .wanted = true}, 0},
    {"it does so with the other protocol", {SUGGESTS(PORT)}, {B, NATPMP_UDP, 1, PORT, .wanted = true}, 0},
    {"that client was granted another one",
     {SUGGESTS(PORT)},
     {B, NATPMP_TCP, 1, PORT, .wanted = true, HOLDS(PORT + 1)},
     PORT},
    {"that mapping is not wanted any more",
     {SUGGESTS(PORT)},
     {B, NATPMP_TCP, 1, PORT, .wanted = false},
     PORT},
    {"it is the client's own mapping", {SUGGESTS(PORT)}, {A, NATPMP_TCP, 1, PORT, .wanted = true}, PORT},

    /* Nor one that another client released less than two minutes ago. */
    {"another client released it two minutes ago",
     {SUGGESTS(PORT)},
     {B, NATPMP_UDP, 1, 1, RELEASED(NOW - 120000)},
     0},
    {"another client released it more than two minutes ago",
     {SUGGESTS(PORT)},
     {B, NATPMP_UDP, 1, 1, RELEASED(NOW - 120001)},
     PORT},
    {"another client is releasing it", {SUGGESTS(PORT)}, {B, NATPMP_UDP, 1, 1, .promise = {.port = PORT}}, 0},
    {"the client itself released it", {SUGGESTS(PORT)}, {A, NATPMP_UDP, 1, 1, RELEASED(NOW)}, PORT},
};

static void test_the_suggestion(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suggestions); i++) {
        give_mine(&suggestions[i].mine, &suggestions[i].other);
        check_number(suggestions[i].name, "the suggestion", port_suggestion(t, &strategy_normal, MINE, NOW),
                     suggestions[i].port);
    }
}

/* The companion is the mapping that should have the same external port: with a normal gateway the one on the
 * same router port, with a symmetric one, which chooses that port, the one of the same internal port. */
static void test_whose_number_is_suggested(void **state)
{
    static const struct given given[] = {
        {A, NATPMP_TCP, 6881, ROUTER_PORT, .wanted = true},
        {A, NATPMP_UDP, 6881, 1, .wanted = true, HOLDS(PORT)},
        {A, NATPMP_UDP, 6882, ROUTER_PORT, .wanted = true, HOLDS(PORT + 1)},
    };
    (void)state;
    give_all(given, ARRAY_LEN(given));
    assert_int_equal(port_suggestion(t, &strategy_normal, MINE, NOW), PORT + 1);
    assert_int_equal(port_suggestion(t, &strategy_symmetric, MINE, NOW), PORT);
}

/* ---- the grant ---- */

#define ENDED .lease = {.state = LEASE_GRANTED, .external_port = PORT, .ends_ms = NOW}
#define ADOPTED                                                                                              \
    .lease = {.state = LEASE_UNSURE, .external_port = PORT, .ends_ms = NOW + 1},                             \
    .promise = {.kept_until_ms = NOW + 1, .adopted = true}

static const struct grant {
    const char *name;
    struct given mine;
    struct given other;
    enum port_verdict verdict;
} grants[] = {
    {"no mapping has it", {0}, {0}, PORT_USABLE},
    {"it is a renewal", {HOLDS(PORT)}, {0}, PORT_USABLE},

    /* No two mappings have one external port, not even of one client. */
    {"another client has it", {0}, {B, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT)}, PORT_CONFLICTS},
    {"another mapping of the client has it",
     {0},
     {A, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT)},
     PORT_CONFLICTS},
    {"the other one's lease has ended", {0}, {B, NATPMP_TCP, 1, 1, .wanted = true, ENDED}, PORT_USABLE},
    {"an earlier run advertised it to the other one",
     {0},
     {B, NATPMP_TCP, 1, 1, .wanted = true, ADOPTED},
     PORT_CONFLICTS},

    /* The other protocol of that number belongs to the same client. */
    {"another client has the other protocol",
     {0},
     {B, NATPMP_UDP, 1, 1, .wanted = true, HOLDS(PORT)},
     PORT_UNUSABLE},
    {"the client has the other protocol",
     {0},
     {A, NATPMP_UDP, 1, 1, .wanted = true, HOLDS(PORT)},
     PORT_USABLE},
    {"that lease has ended", {0}, {B, NATPMP_UDP, 1, 1, .wanted = true, ENDED}, PORT_USABLE},
    {"an earlier run advertised it", {0}, {B, NATPMP_UDP, 1, 1, .wanted = true, ADOPTED}, PORT_UNUSABLE},
    {"the renewed mapping has it, and another client the other protocol",
     {HOLDS(PORT)},
     {B, NATPMP_UDP, 1, 1, .wanted = true, HOLDS(PORT)},
     PORT_UNUSABLE},

    /* Remote peers may still send to the port that another client had a moment ago. */
    {"another client released it a moment ago",
     {0},
     {B, NATPMP_TCP, 1, 1, RELEASED(NOW - 120000)},
     PORT_UNUSABLE},
    {"the other protocol, too", {0}, {B, NATPMP_UDP, 1, 1, RELEASED(NOW - 120000)}, PORT_UNUSABLE},
    {"more than two minutes ago", {0}, {B, NATPMP_TCP, 1, 1, RELEASED(NOW - 120001)}, PORT_USABLE},
    {"the mapping has it already", {HOLDS(PORT)}, {B, NATPMP_TCP, 1, 1, RELEASED(NOW)}, PORT_USABLE},
    {"the client itself released it", {0}, {A, NATPMP_TCP, 1, 1, RELEASED(NOW)}, PORT_USABLE},
};

static void test_the_grant(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        give_mine(&grants[i].mine, &grants[i].other);
        enum port_verdict verdict = port_judge_grant(t, &strategy_normal, MINE, PORT, NOW);
        check_number(grants[i].name, "the verdict", verdict, grants[i].verdict);
    }
}

/* A symmetric gateway: the only mapping of the other protocol ends, and is still in the tables because it is
 * released by its number. It must not be in the way. */
static void test_the_other_protocol_is_being_released(void **state)
{
    static const struct given mine = {0};
    static const struct given other = {B, NATPMP_UDP, 1, 1, ADOPTED};
    (void)state;
    give_mine(&mine, &other);
    assert_int_equal(port_judge_grant(t, &strategy_normal, MINE, PORT, NOW), PORT_UNUSABLE);
    assert_int_equal(port_judge_grant(t, &strategy_symmetric, MINE, PORT, NOW), PORT_USABLE);
}

/* In the first two minutes after a boot, too. */
static void test_a_port_is_in_quarantine_after_a_boot(void **state)
{
    static const struct given mine = {0};
    static const struct given other = {B, NATPMP_TCP, 1, 1, RELEASED(1)};
    (void)state;
    give_mine(&mine, &other);
    assert_int_equal(port_judge_grant(t, &strategy_normal, MINE, PORT, 2), PORT_UNUSABLE);
    assert_int_equal(port_judge_grant(t, &strategy_normal, MINE, PORT, 120001), PORT_UNUSABLE);
    assert_int_equal(port_judge_grant(t, &strategy_normal, MINE, PORT, 120002), PORT_USABLE);
}

static void test_a_holder_whose_lease_has_expired(void **state)
{
    static const struct {
        const char *name;
        struct given other;
        uint16_t holder;
    } rows[] = {
        {"no mapping has it", {B, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT + 1)}, 0},
        {"its lease lives", {B, NATPMP_TCP, 1, 1, .wanted = true, HOLDS(PORT)}, 0},
        {"its lease may live", {B, NATPMP_TCP, 1, 1, .wanted = true, ADOPTED}, 0},
        {"its lease has ended", {B, NATPMP_TCP, 1, 1, .wanted = true, ENDED}, OTHER},
        {"another protocol", {B, NATPMP_UDP, 1, 1, .wanted = true, ENDED}, 0},
    };
    static const struct given mine = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_mine(&mine, &rows[i].other);
        check_number(rows[i].name, "the holder", port_expired_holder(t, NATPMP_TCP, PORT, NOW),
                     rows[i].holder);
    }
}

#define ROUTER_TEST(name) cmocka_unit_test_setup_teardown(name, start_router, stop_router)

UNIT(port)
{
    const struct CMUnitTest tests[] = {
        ROUTER_TEST(test_a_router_port_that_is_free),
        ROUTER_TEST(test_the_preferred_router_port),
        ROUTER_TEST(test_the_first_free_port),
        TEST(test_the_suggestion),
        TEST(test_whose_number_is_suggested),
        TEST(test_the_grant),
        TEST(test_the_other_protocol_is_being_released),
        TEST(test_a_port_is_in_quarantine_after_a_boot),
        TEST(test_a_holder_whose_lease_has_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
