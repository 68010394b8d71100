/* How the gateway forwards: what the two strategies choose. In each row the first mapping is the one that is
 * asked about. */
#include "core/port.h"
#include "turn_unit.h"

enum { MINE = 1, OTHER = 2, MAPPINGS = 2, OLD = 7000, NEW = 41000 };

/* ---- normal: the router port ---- */

/* It may be chosen as long as nothing is on the router or at the gateway. */
static const struct normal {
    const char *name;
    struct given mine; /* TCP, of client A, which suggests port 6881 */
    enum rule_state rule;
    bool moving;
    bool not_ready;
    uint16_t foreign;     /* the port that a foreign rule takes */
    uint16_t router_port; /* afterwards */
} normals[] = {
    {"a new mapping", {.wanted = true}, RULE_ABSENT, false, false, 0, 6881},
    {"the router is not ready", {.wanted = true}, RULE_ABSENT, false, true, 0, 0},
    {"not wanted any more", {.wanted = false}, RULE_ABSENT, false, false, 0, 0},
    {"it has a port", {.wanted = true, .router_port = OLD}, RULE_ABSENT, false, false, 0, OLD},

    /* It moves when everything is undone. */
    {"it moves", {.wanted = true, .router_port = OLD}, RULE_ABSENT, true, false, 0, 6881},
    {"it moves, and its rule is there",
     {.wanted = true, .router_port = OLD},
     RULE_PRESENT,
     true,
     false,
     0,
     OLD},
    {"it moves, and its lease is there",
     {.wanted = true, .router_port = OLD, .lease = {.state = LEASE_UNSURE}},
     RULE_ABSENT,
     true,
     false,
     0,
     OLD},
    {"it moves, and the gateway is being asked",
     {.wanted = true, .router_port = OLD, .lease = {.asking = true}},
     RULE_ABSENT,
     true,
     false,
     0,
     OLD},

    /* A foreign rule took the port while the mapping was in quarantine. */
    {"a foreign rule took its port",
     {.wanted = true, .router_port = OLD},
     RULE_ABSENT,
     false,
     false,
     OLD,
     6881},
    {"the same, and its rule is there",
     {.wanted = true, .router_port = OLD},
     RULE_PRESENT,
     false,
     false,
     OLD,
     OLD},
    {"the same, and its lease is there",
     {.wanted = true, .router_port = OLD, .lease = {.state = LEASE_UNSURE}},
     RULE_ABSENT,
     false,
     false,
     OLD,
     OLD},
    {"the same, and its client was advertised it",
     {.wanted = true, .router_port = OLD, .promise = {.kept_until_ms = NOW + 1}},
     RULE_ABSENT,
     false,
     false,
     OLD,
     OLD},
    {"it moves, and its client was advertised it",
     {.wanted = true, .router_port = OLD, .promise = {.kept_until_ms = NOW + 1}},
     RULE_ABSENT,
     true,
     false,
     OLD,
     6881},
};

static void test_a_normal_router_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(normals); i++) {
        const struct normal *row = &normals[i];
        struct given mine = row->mine;
        mine.client = A;
        mine.protocol = NATPMP_TCP;
        mine.internal_port = 6881;
        mine.job.suggested_port = 6881;
        give_proxy(&strategy_normal, &mine, 1);
        mapping_at(t, MINE)->rule.state = (uint8_t)row->rule;
        mapping_set_moving(t, MINE, row->moving);
        p->router.ready = !row->not_ready;
        portset_add(&p->router.taken[NATPMP_TCP].sure, row->foreign);
        strategy_normal.settle_port(p, MINE, &step);
        check_number(row->name, "the router port", at(MINE)->router_port, row->router_port);
        /* If its port is taken while its lease stands, the lease is deleted first. */
        bool moves = row->foreign == OLD && row->rule == RULE_ABSENT && row->mine.lease.state != LEASE_NONE;
        check_number(row->name, "moving", at(MINE)->moving,
                     (row->moving && row->router_port == OLD) || moves);
        check_number(row->name, "refused", at(MINE)->job.refusal, 0);
    }
}

/* Foreign rules take all ports but one. */
static void take_all_but(uint16_t port)
{
    for (unsigned i = PORT_FIRST; i <= PORT_DYNAMIC_LAST; i++)
        if (i != port)
            for (unsigned protocol = 0; protocol < 2; protocol++)
                portset_add(&p->router.taken[protocol].sure, (uint16_t)i);
}

static uint16_t new_mapping(void)
{
    uint16_t m = mapping_new(t, A, NATPMP_TCP, 6881);
    mapping_set_wanted(t, m, true);
    return m;
}

static void test_no_router_port_is_free(void **state)
{
    (void)state;
    uint16_t m = new_mapping();
    take_all_but(0);
    strategy_normal.settle_port(p, m, &step);
    assert_int_equal(at(m)->router_port, 0);
    assert_int_equal(at(m)->job.refusal, NATPMP_OUT_OF_RESOURCES);
    assert_int_equal(out.count, 1); /* the line for the operator */
}

/* Records in quarantine give up their ports, the one that is there for the longest time first, but no more
 * than 64 in one search. */
static void test_a_port_of_one_in_quarantine(void **state)
{
    static const struct {
        unsigned in_front; /* others that are there for longer */
        uint16_t router_port;
    } rows[] = {{0, 50000}, {1, 50000}, {63, 50000}, {64, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stop_proxy(state);
        start_proxy(state);
        for (unsigned k = 0; k <= rows[i].in_front; k++) {
            uint16_t port = k < rows[i].in_front ? (uint16_t)(1000 + k) : 50000;
            struct given given = {B, NATPMP_TCP, port, port, .quarantined_ms = NOW};
            give(&given);
        }
        uint16_t m = new_mapping();
        take_all_but(50000);
        strategy_normal.settle_port(p, m, &step);
        assert_int_equal(at(m)->router_port, rows[i].router_port);
        assert_int_equal(t->quarantined, rows[i].router_port != 0 ? 0 : 1);
    }
}

/* ---- symmetric: the router port is the external one ---- */

#define GRANTED .lease = {.state = LEASE_GRANTED, .external_port = NEW, .ends_ms = NOW + 60000}

static const struct symmetric {
    const char *name;
    struct given mine; /* TCP, of client A */
    struct given other;
    uint16_t foreign;
    uint16_t router_port; /* afterwards */
    bool refused;
} symmetrics[] = {
    {"granted", {.wanted = true, GRANTED}, {0}, 0, NEW, false},
    {"granted another port", {.wanted = true, .router_port = OLD, GRANTED}, {0}, 0, NEW, false},
    {"granted what it has", {.wanted = true, .router_port = NEW, GRANTED}, {0}, NEW, NEW, false},
    {"not granted yet", {.wanted = true}, {0}, 0, 0, false},
    {"the lease is unsure",
     {.wanted = true, .router_port = OLD, .lease = {.state = LEASE_UNSURE, .external_port = NEW}},
     {0},
     0,
     OLD,
     false},
    {"not wanted any more", {.wanted = false, GRANTED}, {0}, 0, 0, false},
    {"a foreign rule takes the port", {.wanted = true, GRANTED}, {0}, NEW, 0, true},
    {"another mapping has the port",
     {.wanted = true, GRANTED},
     {B, NATPMP_TCP, 1, NEW, .wanted = true},
     0,
     0,
     true},
    {"another client has the other protocol",
     {.wanted = true, GRANTED},
     {B, NATPMP_UDP, 1, NEW, .wanted = true},
     0,
     0,
     true},
    {"the client has the other protocol",
     {.wanted = true, GRANTED},
     {A, NATPMP_UDP, 1, NEW, .wanted = true},
     0,
     NEW,
     false},
    {"the mapping that has the port is about to end",
     {.wanted = true, GRANTED},
     {B, NATPMP_TCP, 1, NEW, .wanted = false},
     0,
     0,
     false},
    {"the port is in quarantine for another client",
     {.wanted = true, GRANTED},
     {B, NATPMP_TCP, 1, NEW, .quarantined_ms = NOW},
     0,
     NEW,
     false},
    {"the other protocol is in quarantine for another client",
     {.wanted = true, GRANTED},
     {B, NATPMP_UDP, 1, NEW, .quarantined_ms = NOW},
     0,
     NEW,
     false},
};

static void give_symmetric(const struct given *mine, const struct given *other)
{
    struct given given[MAPPINGS] = {*mine, *other};
    given[0].client = A;
    given[0].protocol = NATPMP_TCP;
    given[0].internal_port = 6881;
    give_proxy(&strategy_symmetric, given, MAPPINGS);
}

static void test_a_symmetric_router_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(symmetrics); i++) {
        const struct symmetric *row = &symmetrics[i];
        give_symmetric(&row->mine, &row->other);
        portset_add(&p->router.taken[NATPMP_TCP].sure, row->foreign);
        strategy_symmetric.settle_port(p, MINE, &step);
        check_number(row->name, "the router port", at(MINE)->router_port, row->router_port);
        check_number(row->name, "refused", at(MINE)->job.refusal, row->refused ? NATPMP_OUT_OF_RESOURCES : 0);
        check_number(row->name, "log lines", out.count, row->refused);
    }
}

/* A rule on the old port is removed first. */
static void test_a_symmetric_rule_moves(void **state)
{
    static const struct given mine = {.wanted = true, .router_port = OLD, GRANTED};
    static const struct given other = {0};
    (void)state;
    give_symmetric(&mine, &other);
    mapping_at(t, MINE)->rule.state = RULE_PRESENT;
    strategy_symmetric.settle_port(p, MINE, &step);
    assert_int_equal(at(MINE)->router_port, OLD);
    assert_true(at(MINE)->rule.wrong);
    p->router.ready = false;
    mapping_at(t, MINE)->rule.state = RULE_ABSENT;
    strategy_symmetric.settle_port(p, MINE, &step);
    assert_int_equal(at(MINE)->router_port, OLD); /* it cannot know whether the port is free */
}

/* ---- symmetric: one at a time ---- */

#define UNUSED_NOW .wanted = true, .promise = {.advertised_until_ms = NOW, .kept_until_ms = NOW + 1}
#define USED .wanted = true, .promise = {.advertised_until_ms = NOW + 1, .kept_until_ms = NOW + 1}

static const struct turn {
    const char *name;
    struct given other; /* it was asked for last */
    bool releases;
    uint64_t apart_ms; /* until when what was asked before may arrive */
    bool held_back;
    uint64_t retry_ms;
    uint16_t holder; /* afterwards */
} turns[] = {
    {"nobody has the port", {0}, false, 0, false, 0, MINE},
    {"a deletion", {0}, true, 0, false, 0, OTHER},
    {"a deletion may be under way", {0}, false, NOW + 1200, true, NOW + 1200, OTHER},
    {"the deletion has arrived", {0}, false, NOW, false, 0, MINE},
    {"a request may be under way", {0}, true, NOW + 1200, true, NOW + 1200, OTHER},
    {"the holder has no lease any more", {B, NATPMP_TCP, 1, NEW, USED}, false, 0, false, 0, MINE},
    {"a deletion does not wait for the holder",
     {B, NATPMP_TCP, 1, NEW, USED, GRANTED},
     true,
     0,
     false,
     0,
     OTHER},
    {"the holder has the other protocol", {B, NATPMP_UDP, 1, NEW, USED, GRANTED}, false, 0, false, 0, MINE},
    {"the holder is in use", {B, NATPMP_TCP, 1, NEW, USED, GRANTED}, false, 0, true, NOW + 250, OTHER},
    {"the holder is being asked for",
     {B, NATPMP_TCP, 1, 0, .wanted = true, .job = {.kind = JOB_MAP}, .lease = {.asking = true}},
     false,
     0,
     true,
     NOW + 250,
     OTHER},
    {"the holder is kept alive",
     {B, NATPMP_TCP, 1, NEW, UNUSED_NOW, GRANTED},
     false,
     0,
     true,
     NOW + 250,
     OTHER},
    {"the holder ends", {B, NATPMP_TCP, 1, NEW, .wanted = false, GRANTED}, false, 0, true, NOW + 250, OTHER},
};

static void give_turn(const struct turn *row)
{
    static const struct given mine = {.wanted = true, .job = {.kind = JOB_MAP}};
    give_symmetric(&mine, &row->other);
    p->symmetric_holder[NATPMP_TCP] = OTHER;
    p->upstream.apart_ms[NATPMP_TCP][row->releases] = row->apart_ms;
    p->upstream.apart_ms[NATPMP_TCP][!row->releases] = NOW + 9999;
    if (row->other.client != 0)
        mapping_set_spare(t, OTHER, !promise_is_in_use(at(OTHER), NOW));
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        const struct turn *row = &turns[i];
        give_turn(row);
        bool claimed = strategy_symmetric.claim(p, MINE, row->releases, &step);
        check_number(row->name, "claimed", claimed, !row->held_back);
        check_ms(row->name, "the next try", at(MINE)->lease.retry_ms, row->retry_ms);
        check_number(row->name, "the holder", p->symmetric_holder[NATPMP_TCP], row->holder);
    }
}

/* What becomes of the two when one waits for the other. */
static void test_the_holder_yields_or_not(void **state)
{
    static const struct {
        const char *name;
        struct given holder;
        enum natpmp_result refusal; /* of the one that waits */
        bool wanted;                /* the holder, afterwards */
        uint64_t retry_ms;          /* the holder's */
    } rows[] = {
        {"in use", {B, NATPMP_TCP, 1, NEW, USED, GRANTED}, NATPMP_OUT_OF_RESOURCES, true, 0},
        {"kept alive", {B, NATPMP_TCP, 1, NEW, UNUSED_NOW, GRANTED}, NATPMP_SUCCESS, false, 0},
        {"ends, and its deletion was put off",
         {B, NATPMP_TCP, 1, NEW, .wanted = false,
          .lease = {.state = LEASE_UNSURE, .external_port = NEW, .retry_ms = NOW + 30000}},
         NATPMP_SUCCESS,
         false,
         0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct turn row = {.other = rows[i].holder};
        give_turn(&row);
        strategy_symmetric.claim(p, MINE, false, &step);
        check_number(rows[i].name, "the refusal", at(MINE)->job.refusal, rows[i].refusal);
        check_number(rows[i].name, "the holder is wanted", at(OTHER)->wanted, rows[i].wanted);
        check_ms(rows[i].name, "the holder's next try", at(OTHER)->lease.retry_ms, rows[i].retry_ms);
        bool touched = list_has(&t->drive, t->to_drive, OTHER);
        check_number(rows[i].name, "the holder is touched", touched, !rows[i].wanted);
        assert_int_equal(at(MINE)->lease.result, NATPMP_OUT_OF_RESOURCES);
    }
}

static void test_a_transaction_is_under_way(void **state)
{
    static const struct turn nobody = {.name = "nobody"};
    (void)state;
    give_turn(&nobody);
    upstream_ask(&p->upstream, OTHER, NATPMP_TCP, NEW, 0, 0, &step);
    assert_false(strategy_symmetric.claim(p, MINE, false, &step));
    assert_int_equal(at(MINE)->lease.retry_ms, NOW + 250);
    assert_int_equal(p->symmetric_holder[NATPMP_TCP], OTHER);
    assert_false(strategy_symmetric.claim(p, MINE, true, &step));
    assert_null(strategy_normal.claim); /* requests for other ports go out meanwhile */
}

/* ---- whose is it ---- */

static void test_ports_of_a_request(void **state)
{
    (void)state;
    struct mapping mapping = {.router_port = OLD, .lease = {.external_port = NEW}};
    assert_int_equal(strategy_normal.request_port(&mapping), OLD);
    assert_int_equal(strategy_normal.release_port(&mapping), OLD);
    assert_null(strategy_normal.fits); /* any port does */
    assert_int_equal(strategy_symmetric.request_port(&mapping), 0);
    assert_int_equal(strategy_symmetric.release_port(&mapping), NEW);
    assert_false(strategy_symmetric.fits(&mapping));
    mapping.router_port = NEW;
    assert_true(strategy_symmetric.fits(&mapping));
}

/* An answer without a transaction names protocol and port only. Of a symmetric gateway it may be about the
 * one mapping that has the port of that protocol. */
static void test_the_owner_of_an_answer(void **state)
{
    static const struct {
        const char *name;
        struct upstream_outcome outcome;
        uint16_t normal;
        uint16_t symmetric;
    } rows[] = {
        {"a grant by the router port",
         {.protocol = NATPMP_TCP, .internal_port = OLD, .external_port = 1, .lifetime_s = 60},
         MINE,
         0},
        {"a grant by 0", {.protocol = NATPMP_TCP, .external_port = 1, .lifetime_s = 60}, 0, MINE},
        {"a grant by the external port",
         {.protocol = NATPMP_TCP, .internal_port = 1, .external_port = 1, .lifetime_s = 60},
         0,
         MINE},
        {"another protocol", {.protocol = NATPMP_UDP, .external_port = 1, .lifetime_s = 60}, 0, 0},
        {"a deletion of its port", {.protocol = NATPMP_TCP, .internal_port = NEW}, 0, MINE},
        {"a deletion of another port", {.protocol = NATPMP_TCP, .internal_port = 1}, 0, 0},
    };
    static const struct given mine = {.router_port = OLD, .wanted = true, GRANTED};
    static const struct given other = {0};
    (void)state;
    give_symmetric(&mine, &other);
    p->symmetric_holder[NATPMP_TCP] = MINE;
    p->symmetric_holder[NATPMP_UDP] = MINE; /* an old one: the record is of another mapping now */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint16_t normal = strategy_normal.owner(p, &rows[i].outcome);
        uint16_t symmetric = strategy_symmetric.owner(p, &rows[i].outcome);
        check_number(rows[i].name, "the owner", normal, rows[i].normal);
        check_number(rows[i].name, "the owner at a symmetric gateway", symmetric, rows[i].symmetric);
    }
}

static void test_a_port_is_being_released(void **state)
{
    static const struct {
        const char *name;
        struct given other;
        bool released;
    } rows[] = {
        {"nobody has it", {0}, false},
        {"its mapping ends",
         {B, NATPMP_TCP, 1, NEW, .lease = {.state = LEASE_UNSURE, .external_port = NEW}},
         true},
        {"its mapping ends, and the lease is sure", {B, NATPMP_TCP, 1, NEW, GRANTED}, false},
        {"its mapping is wanted",
         {B, NATPMP_TCP, 1, NEW, .wanted = true, .lease = {.state = LEASE_UNSURE, .external_port = NEW}},
         false},
    };
    static const struct given mine = {.wanted = true};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_symmetric(&mine, &rows[i].other);
        check_number(rows[i].name, "released", strategy_symmetric.is_being_released(t, NATPMP_TCP, NEW),
                     rows[i].released);
        assert_false(strategy_symmetric.is_being_released(t, NATPMP_UDP, NEW));
    }
}

/* The next mapping waits on the router for the port of the one that has ended. */
static void test_the_next_one_goes_on(void **state)
{
    static const struct given mine = {.router_port = NEW};
    static const struct given other = {B, NATPMP_TCP, 1, 0, .wanted = true, GRANTED};
    (void)state;
    give_symmetric(&mine, &other);
    strategy_symmetric.ended(t, MINE);
    assert_int_equal(t->drive.first, OTHER);
}

UNIT(strategy)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_a_normal_router_port),        PROXY_TEST(test_no_router_port_is_free),
        PROXY_TEST(test_a_port_of_one_in_quarantine), PROXY_TEST(test_a_symmetric_router_port),
        PROXY_TEST(test_a_symmetric_rule_moves),      PROXY_TEST(test_one_at_a_time),
        PROXY_TEST(test_the_holder_yields_or_not),    PROXY_TEST(test_a_transaction_is_under_way),
        PROXY_TEST(test_ports_of_a_request),          PROXY_TEST(test_the_owner_of_an_answer),
        PROXY_TEST(test_a_port_is_being_released),    PROXY_TEST(test_the_next_one_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
