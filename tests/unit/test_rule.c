/* The half of a mapping on the router. */
#include "base/prng.h"
#include "core/rule.h"
#include "parts_unit.h"

enum { ROUTER_PORT = 7000, SNAPSHOT = 5, ID = 0x1A };

/* ---- what it wants, and when ---- */

/* The facts that most rows have in common: the mapping is wanted, has a router port and a lease of a minute,
 * and its rule is on the router, with a comment that says so. */
#define WANTED .wanted = true, .router_port = ROUTER_PORT
#define GRANTED .lease = {.state = LEASE_GRANTED, .external_port = 41000, .granted_s = 60}
#define PRESENT .state = RULE_PRESENT, .id = ID
#define ENDED .lease = {.state = LEASE_GRANTED, .external_port = 41000, .granted_s = 60, .ended = true}
#define COMMENT .comment = {.external_port = 41000, .lease_s = 60}

static const struct want {
    const char *name;
    struct mapping mapping;
    enum rule_want want;
} wants[] = {
    /* It is added as soon as its port is known, with or without a lease. */
    {"a new mapping", {WANTED}, RULE_WANTS_ADD},
    {"a lease is there already", {WANTED, GRANTED}, RULE_WANTS_ADD},
    {"no router port is chosen yet", {.wanted = true}, RULE_WANTS_NOTHING},
    {"it moves to another router port", {WANTED, .moving = true}, RULE_WANTS_NOTHING},
    {"not wanted, and not there", {.router_port = ROUTER_PORT}, RULE_WANTS_NOTHING},
    {"the answer to an earlier comment is awaited",
     {WANTED, .rule = {.comment_setting = true}},
     RULE_WANTS_ADD},

    /* It is removed when it is not wanted on that port, or not in its present form. */
    {"wanted", {WANTED, GRANTED, .rule = {PRESENT, COMMENT}}, RULE_WANTS_NOTHING},
    {"not wanted", {GRANTED, .rule = {PRESENT, COMMENT}}, RULE_WANTS_REMOVE},
    {"it moves", {WANTED, .moving = true, .rule = {PRESENT, COMMENT}}, RULE_WANTS_REMOVE},
    {"it is not as it should be", {WANTED, .rule = {PRESENT, COMMENT, .wrong = true}}, RULE_WANTS_REMOVE},
    {"both the rule and its comment are wrong",
     {WANTED, .rule = {PRESENT, .wrong = true, .comment_stale = true}},
     RULE_WANTS_REMOVE},

    /* One command at a time: its answer comes first. */
    {"it is being added", {WANTED, .rule = {.state = RULE_ADDING}}, RULE_WANTS_NOTHING},
    {"it is being added and not wanted", {.rule = {.state = RULE_ADDING}}, RULE_WANTS_NOTHING},
    {"it is being removed", {.rule = {.state = RULE_REMOVING, .id = ID}}, RULE_WANTS_NOTHING},
    {"it is being removed and wanted",
     {WANTED, .rule = {.state = RULE_REMOVING, .id = ID}},
     RULE_WANTS_NOTHING},
    {"its comment is being set", {.rule = {PRESENT, .comment_setting = true}}, RULE_WANTS_NOTHING},
    {"its comment is being set and stale",
     {WANTED, .rule = {PRESENT, .comment_setting = true, .comment_stale = true}},
     RULE_WANTS_NOTHING},

    /* An answer was lost: only a snapshot shows whether the rule exists. */
    {"unsure and wanted", {WANTED, .rule = {.state = RULE_UNSURE}}, RULE_WANTS_NOTHING},
    {"unsure and not wanted", {.rule = {.state = RULE_UNSURE}}, RULE_WANTS_NOTHING},

    /* After a failure it waits. */
    {"the pause is not over", {WANTED, .rule = {.retry_ms = NOW + 1}}, RULE_WANTS_NOTHING},
    {"the pause is over", {WANTED, .rule = {.retry_ms = NOW}}, RULE_WANTS_ADD},
    {"the pause before a removal", {.rule = {PRESENT, .retry_ms = NOW + 1}}, RULE_WANTS_NOTHING},

    /* The comment contains, for the next run of the program, the port, and no less than the lease. It is not
     * exact to the second, which saves a command to the router at each renewal. */
    {"another port was granted",
     {WANTED, GRANTED, .rule = {PRESENT, .comment = {.external_port = 41001, .lease_s = 60}}},
     RULE_WANTS_COMMENT},
    {"the port was pending",
     {WANTED, GRANTED, .rule = {PRESENT, .comment = {.lease_s = 60}}},
     RULE_WANTS_COMMENT},
    {"the lease is a second longer than it says",
     {WANTED, GRANTED, .rule = {PRESENT, .comment = {.external_port = 41000, .lease_s = 59}}},
     RULE_WANTS_COMMENT},
    {"it says twice the lease",
     {WANTED, GRANTED, .rule = {PRESENT, .comment = {.external_port = 41000, .lease_s = 121}}},
     RULE_WANTS_NOTHING},
    {"it says more than twice the lease",
     {WANTED, GRANTED, .rule = {PRESENT, .comment = {.external_port = 41000, .lease_s = 122}}},
     RULE_WANTS_COMMENT},
    {"there is no lease to write down",
     {WANTED, .rule = {PRESENT, .comment = {.external_port = 41001, .lease_s = 60}}},
     RULE_WANTS_NOTHING},
    {"the lease is unsure",
     {WANTED, .lease = {.state = LEASE_UNSURE, .external_port = 41000}, .rule = {PRESENT}},
     RULE_WANTS_NOTHING},
    {"the lease has ended", {WANTED, ENDED, .rule = {PRESENT, COMMENT}}, RULE_WANTS_COMMENT},
    {"the lease has ended, and the comment says so",
     {WANTED, ENDED, .rule = {PRESENT, .comment = {.lease_s = 60}}},
     RULE_WANTS_NOTHING},
    {"it has an old form of the comment, and there is no lease",
     {WANTED, .rule = {PRESENT, COMMENT, .comment_stale = true}},
     RULE_WANTS_COMMENT},
};

static void test_what_it_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wants); i++)
        check_number(wants[i].name, "what it wants", rule_wants(&wants[i].mapping, NOW), wants[i].want);
}

static void test_when_it_is_due(void **state)
{
    (void)state;
    struct mapping mapping = {.rule = {.retry_ms = NOW + 1}};
    check_ms("a pause", "the time", rule_due_ms(&mapping, NOW), NOW + 1);
    check_ms("a pause that is over", "the time", rule_due_ms(&mapping, NOW + 1), UINT64_MAX);
}

/* ---- what it says ---- */

static void test_it_forwards(void **state)
{
    static const struct {
        struct rule rule;
        bool holds;
    } rows[] = {
        {{.state = RULE_ABSENT}, false},   {{.state = RULE_ADDING, .id = ID}, false},
        {{.state = RULE_PRESENT}, true},   {{.state = RULE_PRESENT, .comment_setting = true}, true},
        {{.state = RULE_REMOVING}, false}, {{.state = RULE_PRESENT, .wrong = true}, false},
        {{.state = RULE_UNSURE}, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mapping mapping = {.rule = rows[i].rule};
        assert_int_equal(rule_forwards(&mapping), rows[i].holds);
    }
}

static void test_the_comment_that_it_ought_to_have(void **state)
{
    static const struct {
        const char *name;
        struct lease lease;
        struct rule_comment comment;
    } rows[] = {
        {"pending", {.state = LEASE_NONE}, {.external_port = 0, .lease_s = 3600}},
        {"granted", {.state = LEASE_GRANTED, .external_port = 41000, .granted_s = 60}, {41000, 60}},
        {"ended", {.state = LEASE_GRANTED, .external_port = 41000, .granted_s = 60, .ended = true}, {0, 60}},
        {"unsure", {.state = LEASE_UNSURE, .external_port = 41000, .granted_s = 60}, {41000, 3600}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mapping mapping = {.lease = rows[i].lease, .job = {.asked_s = 3600}};
        struct rule_comment comment = rule_comment_wanted(&mapping);
        check_number(rows[i].name, "the port", comment.external_port, rows[i].comment.external_port);
        check_number(rows[i].name, "the lease", comment.lease_s, rows[i].comment.lease_s);
    }
}

/* RouterOS may number its items anew at a reboot, so an id counts only on the connection on which it was
 * learned. */
static void test_an_id_counts_on_its_connection(void **state)
{
    (void)state;
    struct mapping mapping = {.rule = {.id = ID, .seen = 7}};
    assert_true(rule_id_is_valid(&mapping, 7));
    assert_false(rule_id_is_valid(&mapping, 8));
    mapping.rule.id = 0;
    assert_false(rule_id_is_valid(&mapping, 7));
}

static void test_how_long_it_is_adopted(void **state)
{
    static const struct {
        uint32_t comment_s;
        uint32_t adopted_s;
    } rows[] = {{0, 3600}, {1, 1}, {60, 60}, {86400, 86400}, {86401, 86400}, {UINT32_MAX, 86400}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nat_rule row = {.lease_s = rows[i].comment_s};
        assert_int_equal(rule_adopted_lease_s(&row), rows[i].adopted_s);
    }
}

/* ---- what the router's table shows ---- */

static uint16_t new_mapping(enum natpmp_protocol protocol, uint16_t router_port)
{
    uint16_t m = mapping_new(t, A, protocol, 6881);
    mapping_set_router_port(t, m, router_port);
    mapping_set_wanted(t, m, true);
    job_set_lifetime(t, m, 3600);
    return m;
}

/* The row of the mapping's rule, as it should be. */
#define ROW                                                                                                  \
    .id = ID, .ours = true, .protocol = NATPMP_TCP, .client = A, .internal_port = 6881,                      \
    .external_port = 41000, .lease_s = 60
#define AS_WANTED .as_wanted = true, .comment_current = true

static void test_a_row_is_compared(void **state)
{
    static const struct {
        const char *name;
        struct nat_rule row;
        bool wrong;
        bool comment_stale;
    } rows[] = {
        {"as it should be", {ROW, AS_WANTED, .router_port = ROUTER_PORT}, false, false},
        {"it matches something else",
         {ROW, .comment_current = true, .router_port = ROUTER_PORT},
         true,
         false},
        {"an old form of the comment", {ROW, .as_wanted = true, .router_port = ROUTER_PORT}, false, true},
        {"another router port", {ROW, AS_WANTED, .router_port = ROUTER_PORT + 1}, true, false},
        {"another protocol",
         {AS_WANTED, .id = ID, .protocol = NATPMP_UDP, .client = A, .internal_port = 6881,
          .router_port = ROUTER_PORT, .external_port = 41000, .lease_s = 60},
         true,
         false},
        {"another client",
         {AS_WANTED, .id = ID, .protocol = NATPMP_TCP, .client = B, .internal_port = 6881,
          .router_port = ROUTER_PORT, .external_port = 41000, .lease_s = 60},
         true,
         false},
        {"another internal port",
         {AS_WANTED, .id = ID, .protocol = NATPMP_TCP, .client = A, .internal_port = 6882,
          .router_port = ROUTER_PORT, .external_port = 41000, .lease_s = 60},
         true,
         false},
    };
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rule_on_row(t, m, &rows[i].row, SNAPSHOT);
        check_number(rows[i].name, "wrong", rule->wrong, rows[i].wrong);
        check_number(rows[i].name, "stale", rule->comment_stale, rows[i].comment_stale);
        check_number(rows[i].name, "the state", rule->state, RULE_PRESENT);
        check_number(rows[i].name, "the snapshot", rule->seen, SNAPSHOT);
        check_number(rows[i].name, "the port of the comment", rule->comment.external_port, 41000);
        check_number(rows[i].name, "the lease of the comment", rule->comment.lease_s, 60);
        check_number(rows[i].name, "the sure lease", rule->comment_sure_s, 60);
    }
}

/* The row may be from before the command, or from after it. */
static void test_a_row_does_not_say_what_a_comment_becomes(void **state)
{
    static const struct nat_rule row = {ROW, .as_wanted = true, .router_port = ROUTER_PORT};
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    rule_on_add_sent(t, m);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    rule_on_comment_sent(t, m);
    rule_on_row(t, m, &row, SNAPSHOT + 1);
    assert_int_equal(rule->comment.lease_s, 3600);
    assert_int_equal(rule->comment_sure_s, 3600);
    assert_false(rule->comment_stale);
    assert_int_equal(rule->seen, SNAPSHOT + 1);
}

static void test_a_row_without_a_lease(void **state)
{
    static const struct nat_rule row = {.id = ID, .protocol = NATPMP_TCP, .client = A};
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    rule_on_row(t, m, &row, SNAPSHOT);
    assert_int_equal(mapping_at(t, m)->rule.comment.lease_s, 0);
    assert_int_equal(mapping_at(t, m)->rule.comment_sure_s, 3600); /* for so long the next run adopts it */
}

/* ---- commands and their answers ---- */

enum what {
    ADD_SENT,
    COMMENT_SENT,
    REMOVE_SENT,
    ADDED,
    ADDED_NAMELESS,
    REMOVED,
    COMMENT_SET,
    ADD_FAILED,
    COMMENT_FAILED,
    REMOVE_FAILED,
    COMMENT_LOST,
    COMMAND_LOST,
    SHOWN,
    SHOWN_EARLY,
    SHOWN_AGAIN,
    ID_VOID,
    MISSING,
    CHANGED,
    REPLACE,
    WHATS,
};

/* The last of the two ids is new to the mapping. */
static void happen(uint16_t m, enum what what, uint32_t id)
{
    struct nat_rule row = {ROW, .as_wanted = true, .comment_current = true, .router_port = ROUTER_PORT};
    row.id = id;
    switch (what) {
    case ADD_SENT:
        rule_on_add_sent(t, m);
        break;
    case COMMENT_SENT:
        rule_on_comment_sent(t, m);
        break;
    case REMOVE_SENT:
        rule_on_remove_sent(t, m);
        break;
    case ADDED:
        rule_on_added(t, m, id, SNAPSHOT, NOW);
        break;
    case ADDED_NAMELESS:
        rule_on_added(t, m, 0, SNAPSHOT, NOW);
        break;
    case REMOVED:
        rule_on_gone(t, m);
        break;
    case COMMENT_SET:
        rule_on_comment_set(t, m);
        break;
    case ADD_FAILED:
        rule_on_failed(t, m, COMMAND_ADD, NOW);
        break;
    case COMMENT_FAILED:
        rule_on_failed(t, m, COMMAND_SET, NOW);
        break;
    case REMOVE_FAILED:
        rule_on_failed(t, m, COMMAND_REMOVE, NOW);
        break;
    case COMMENT_LOST:
        rule_on_lost(t, m, COMMAND_SET, SNAPSHOT);
        break;
    case COMMAND_LOST:
        rule_on_lost(t, m, COMMAND_ADD, SNAPSHOT);
        break;
    case SHOWN:
        rule_on_row(t, m, &row, SNAPSHOT);
        break;
    case SHOWN_EARLY:
        rule_on_row_early(t, m, id, false, SNAPSHOT);
        break;
    case SHOWN_AGAIN:
        rule_on_row_early(t, m, 0, false, SNAPSHOT);
        break;
    case ID_VOID:
        rule_on_id_void(t, m);
        break;
    case MISSING:
        rule_on_gone(t, m);
        break;
    case CHANGED:
        rule_on_changed(t, m);
        break;
    case REPLACE:
        rule_replace(t, m);
        break;
    case WHATS:
        break;
    }
}

enum {
    ANY = 1 << RULE_ABSENT | 1 << RULE_ADDING | 1 << RULE_PRESENT | 1 << RULE_REMOVING | 1 << RULE_UNSURE,
};

/* In these states it may happen; each bit is a state. While the answer to a set command is awaited, somebody
 * may remove the rule, and another one may be added. */
static const uint8_t happens_in[WHATS] = {
    [ADD_SENT] = 1 << RULE_ABSENT,
    [COMMENT_SENT] = 1 << RULE_PRESENT,
    [REMOVE_SENT] = 1 << RULE_PRESENT,
    [ADDED] = 1 << RULE_ADDING,
    [ADDED_NAMELESS] = 1 << RULE_ADDING,
    [REMOVED] = 1 << RULE_REMOVING,
    [COMMENT_SET] = ANY,
    [ADD_FAILED] = 1 << RULE_ADDING,
    [COMMENT_FAILED] = ANY,
    [REMOVE_FAILED] = 1 << RULE_REMOVING,
    [COMMENT_LOST] = ANY,
    [COMMAND_LOST] = 1 << RULE_ADDING | 1 << RULE_REMOVING,
    [SHOWN] = 1 << RULE_ABSENT | 1 << RULE_PRESENT | 1 << RULE_UNSURE,
    [SHOWN_EARLY] = 1 << RULE_ADDING,
    [SHOWN_AGAIN] = 1 << RULE_ADDING | 1 << RULE_REMOVING,
    [ID_VOID] = 1 << RULE_ADDING | 1 << RULE_PRESENT | 1 << RULE_REMOVING,
    [MISSING] = 1 << RULE_PRESENT | 1 << RULE_UNSURE,
    [CHANGED] = 1 << RULE_ADDING | 1 << RULE_PRESENT | 1 << RULE_REMOVING,
    [REPLACE] =
        1 << RULE_ABSENT | 1 << RULE_ADDING | 1 << RULE_PRESENT | 1 << RULE_REMOVING | 1 << RULE_UNSURE,
};

/* The id and the index by it agree, and a rule that is not there is not wrong. */
static void check_index(uint16_t m)
{
    const struct rule *rule = &mapping_at(t, m)->rule;
    if (rule->id != 0)
        assert_int_equal(mapping_find_rule(t, rule->id), m);
    if (rule->state == RULE_PRESENT || rule->state == RULE_REMOVING)
        assert_int_not_equal(rule->id, 0);
    if (rule->state == RULE_ABSENT || rule->state == RULE_UNSURE)
        assert_int_equal(rule->id, 0);
    if (rule->state == RULE_ABSENT)
        assert_false(rule->wrong);
}

enum { OTHER = 0x2B };

/* Where each event leads; 0: without an id. */
static void test_where_an_event_leads(void **state)
{
    static const struct {
        const char *name;
        enum rule_state from;
        uint32_t from_id;
        enum what what;
        enum rule_state to;
        uint32_t to_id;
    } rows[] = {
        {"the add is sent", RULE_ABSENT, 0, ADD_SENT, RULE_ADDING, 0},
        {"the remove is sent", RULE_PRESENT, ID, REMOVE_SENT, RULE_REMOVING, ID},
        {"the comment is sent", RULE_PRESENT, ID, COMMENT_SENT, RULE_PRESENT, ID},
        {"added", RULE_ADDING, 0, ADDED, RULE_PRESENT, OTHER},
        {"added, and listen showed another one", RULE_ADDING, ID, ADDED, RULE_PRESENT, OTHER},
        {"added, and the router does not name it", RULE_ADDING, 0, ADDED_NAMELESS, RULE_UNSURE, 0},
        {"the same, and listen showed one", RULE_ADDING, ID, ADDED_NAMELESS, RULE_UNSURE, 0},
        {"removed", RULE_REMOVING, ID, REMOVED, RULE_ABSENT, 0},
        {"the comment is set", RULE_PRESENT, ID, COMMENT_SET, RULE_PRESENT, ID},
        {"the add failed", RULE_ADDING, 0, ADD_FAILED, RULE_ABSENT, 0},
        {"the add failed, and listen showed one", RULE_ADDING, ID, ADD_FAILED, RULE_ABSENT, 0},
        {"the comment failed", RULE_PRESENT, ID, COMMENT_FAILED, RULE_PRESENT, ID},
        {"the remove failed", RULE_REMOVING, ID, REMOVE_FAILED, RULE_PRESENT, ID},
        {"the answer to an add is lost", RULE_ADDING, 0, COMMAND_LOST, RULE_UNSURE, 0},
        {"the answer to a remove is lost", RULE_REMOVING, ID, COMMAND_LOST, RULE_UNSURE, 0},
        {"the answer to a comment is lost", RULE_PRESENT, ID, COMMENT_LOST, RULE_PRESENT, ID},
        {"a row shows it", RULE_UNSURE, 0, SHOWN, RULE_PRESENT, OTHER},
        {"a row shows what was absent", RULE_ABSENT, 0, SHOWN, RULE_PRESENT, OTHER},
        {"a row shows it under another id", RULE_PRESENT, ID, SHOWN, RULE_PRESENT, OTHER},
        {"listen is faster than the answer", RULE_ADDING, 0, SHOWN_EARLY, RULE_ADDING, OTHER},
        {"listen shows it again", RULE_ADDING, ID, SHOWN_AGAIN, RULE_ADDING, ID},
        {"listen shows it while it is removed", RULE_REMOVING, ID, SHOWN_AGAIN, RULE_REMOVING, ID},
        {"the id is of another rule now", RULE_PRESENT, ID, ID_VOID, RULE_UNSURE, 0},
        {"the same while it is added", RULE_ADDING, ID, ID_VOID, RULE_ADDING, 0},
        {"the same while it is removed", RULE_REMOVING, ID, ID_VOID, RULE_UNSURE, 0},
        {"it is not there", RULE_PRESENT, ID, MISSING, RULE_ABSENT, 0},
        {"it is not there, after a lost answer", RULE_UNSURE, 0, MISSING, RULE_ABSENT, 0},
        {"a part of it changed", RULE_PRESENT, ID, CHANGED, RULE_UNSURE, 0},
        {"a part of it changed while it is added", RULE_ADDING, ID, CHANGED, RULE_ADDING, ID},
        {"a part of it changed while it is removed", RULE_REMOVING, ID, CHANGED, RULE_REMOVING, ID},
        {"it is to be replaced", RULE_PRESENT, ID, REPLACE, RULE_PRESENT, ID},
    };
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    struct rule *rule = &mapping_at(t, m)->rule;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        mapping_index_rule(t, m, rows[i].from_id);
        *rule = (struct rule){.state = (uint8_t)rows[i].from, .id = rows[i].from_id};
        assert_true((happens_in[rows[i].what] >> rows[i].from & 1) == 1);
        happen(m, rows[i].what, OTHER);
        check_number(rows[i].name, "the state", rule->state, rows[i].to);
        check_number(rows[i].name, "the id", rule->id, rows[i].to_id);
        check_number(rows[i].name, "by the old id", mapping_find_rule(t, ID), rows[i].to_id == ID ? m : 0);
        check_number(rows[i].name, "by the new id", mapping_find_rule(t, OTHER),
                     rows[i].to_id == OTHER ? m : 0);
    }
}

/* A snapshot that runs while the rule is seen, or while the answer to its command is lost, does not decide
 * whether it exists. Only a later one does. */
static void test_in_which_snapshot_it_was_seen(void **state)
{
    static const struct {
        const char *name;
        enum rule_state from;
        enum what what;
        bool seen;
    } rows[] = {
        {"added", RULE_ADDING, ADDED, true},
        {"added, and the router does not name it", RULE_ADDING, ADDED_NAMELESS, true},
        {"the answer is lost", RULE_ADDING, COMMAND_LOST, true},
        {"a row shows it", RULE_UNSURE, SHOWN, true},
        {"a row shows it while it is added", RULE_ADDING, SHOWN_EARLY, true},
        {"a row shows it while it is removed", RULE_REMOVING, SHOWN_AGAIN, true},
        {"the remove failed", RULE_REMOVING, REMOVE_FAILED, false},
        {"the comment is set", RULE_PRESENT, COMMENT_SET, false},
        {"a part of it changed", RULE_PRESENT, CHANGED, false},
    };
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    struct rule *rule = &mapping_at(t, m)->rule;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t id = rows[i].from == RULE_PRESENT || rows[i].from == RULE_REMOVING ? ID : 0;
        mapping_index_rule(t, m, id);
        *rule = (struct rule){.state = (uint8_t)rows[i].from, .id = id, .seen = SNAPSHOT - 1};
        happen(m, rows[i].what, OTHER);
        check_number(rows[i].name, "the snapshot", rule->seen, rows[i].seen ? SNAPSHOT : SNAPSHOT - 1);
    }
}

static void test_at_random_the_index_agrees(void **state)
{
    enum { RULES = 3, STEPS = 20000 };
    struct prng prng = prng_seeded(1);
    uint32_t last_id = 0;
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        if (i < RULES)
            mapping_new(t, A, NATPMP_TCP, (uint16_t)(i + 1));
        uint16_t m = (uint16_t)(prng_below(&prng, t->used_mappings) + 1);
        enum what what = (enum what)prng_below(&prng, WHATS);
        if ((happens_in[what] >> mapping_at(t, m)->rule.state & 1) == 0)
            continue;
        happen(m, what, ++last_id);
        for (uint16_t one = 1; one <= t->used_mappings; one++)
            check_index(one);
        assert_true(t->by_rule.count <= RULES);
    }
}

/* ---- the lease that the comment certainly has ---- */

/* The next run of the program knows only the comment. Whatever happens to a command that sets it, the comment
 * has at least the smaller one of the two leases. */
static void test_the_sure_lease(void **state)
{
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    rule_on_add_sent(t, m);
    assert_int_equal(rule->comment.lease_s, 3600);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    assert_int_equal(rule->comment_sure_s, 3600);
    job_set_lifetime(t, m, 7200);
    rule_on_comment_sent(t, m);
    assert_int_equal(rule->comment.lease_s, 7200);
    assert_int_equal(rule->comment_sure_s, 3600);
    rule_on_comment_set(t, m);
    assert_int_equal(rule->comment_sure_s, 7200);
    assert_false(rule->comment_setting);
    job_set_lifetime(t, m, 60);
    rule_on_comment_sent(t, m);
    assert_int_equal(rule->comment_sure_s, 60);
    assert_true(rule->comment_setting);
    rule_on_lost(t, m, COMMAND_SET, SNAPSHOT);
    assert_int_equal(rule->comment_sure_s, 60);
    assert_true(rule->comment_stale && !rule->comment_setting);
    rule_on_comment_sent(t, m);
    assert_true(rule->comment_setting && !rule->comment_stale);
    rule_on_failed(t, m, COMMAND_SET, NOW);
    assert_true(rule->comment_stale && !rule->comment_setting);
    check_ms("a comment that failed", "the next try", rule->retry_ms, NOW + 1000);
}

/* ---- pauses ---- */

static void test_the_pause_grows(void **state)
{
    static const uint64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    for (unsigned i = 0; i < 300; i++) {
        rule_on_add_sent(t, m);
        rule_on_failed(t, m, COMMAND_ADD, NOW);
        uint64_t pause_ms = i < ARRAY_LEN(pauses_ms) ? pauses_ms[i] : 30000;
        check_ms("an addition that fails again", "the next try", rule->retry_ms, NOW + pause_ms);
    }
    rule_hurry(t, m);
    assert_int_equal(rule->retry_ms, 0);
    rule_on_add_sent(t, m);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    rule_on_remove_sent(t, m);
    rule_on_failed(t, m, COMMAND_REMOVE, NOW);
    check_ms("the first failure after a success", "the next try", rule->retry_ms, NOW + 1000);
    rule_on_remove_sent(t, m);
    rule_on_failed(t, m, COMMAND_REMOVE, NOW);
    check_ms("the second one", "the next try", rule->retry_ms, NOW + 2000);
}

/* Somebody removes it each time. From the fourth time in a row on, it is not added again at once. */
static void test_a_rule_that_never_lasts(void **state)
{
    static const struct {
        const char *name;
        uint64_t lasted_ms;
        uint64_t pause_ms;
    } rows[] = {
        {"the first time", 0, 0},     {"the second time", 2999, 0},   {"the third time", 0, 0},
        {"the fourth time", 0, 4000}, {"the fifth time", 2999, 8000}, {"the sixth time", 0, 16000},
        {"it lasted", 3000, 0},       {"and once more", 2999, 0},     {"a second time", 0, 0},
        {"a third time", 0, 0},       {"a fourth time", 0, 4000},
    };
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rule_hurry(t, m);
        rule_on_add_sent(t, m);
        rule_on_added(t, m, ID, SNAPSHOT, NOW);
        rule_on_gone(t, m);
        uint64_t now_ms = NOW + rows[i].lasted_ms;
        unsigned pause_s = rule_on_undone(t, m, now_ms);
        assert_int_equal(pause_s > 0, rows[i].pause_ms > 0);
        rule_hurry(t, m); /* a client's next request does not count */
        check_ms(rows[i].name, "the next try", rule_due_ms(mapping_at(t, m), now_ms),
                 rows[i].pause_ms != 0 ? NOW + rows[i].pause_ms : UINT64_MAX);
        assert_int_equal(rule_wants(mapping_at(t, m), now_ms),
                         rows[i].pause_ms != 0 ? RULE_WANTS_NOTHING : RULE_WANTS_ADD);
    }
}

/* The way moved, and the router refuses the rule that is to follow it. The one that is there goes when the
 * next attempt succeeds. */
static void test_a_replacement_is_refused(void **state)
{
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    rule_on_add_sent(t, m);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    rule_on_way_moved(t, m);
    rule_on_add_sent(t, m);
    assert_int_equal(rule->replaced, ID);
    rule_on_failed(t, m, COMMAND_ADD, NOW);
    assert_int_equal(rule->state, RULE_PRESENT);
    assert_int_equal(rule->id, ID);
    assert_true(rule->wrong && rule->outdated);
    rule_on_add_sent(t, m);
    assert_int_equal(rule->replaced, ID);
}

/* Somebody else takes the rule over while the one that is to follow it is being added. */
static void test_a_replaced_rule_is_spared(void **state)
{
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    rule_on_add_sent(t, m);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    rule_on_way_moved(t, m);
    rule_on_add_sent(t, m);
    rule_spare(t, ID + 1);
    assert_int_equal(rule->replaced, ID);
    rule_spare(t, ID);
    assert_int_equal(rule->replaced, 0);
    rule_on_failed(t, m, COMMAND_ADD, NOW);
    assert_int_equal(rule->state, RULE_ABSENT);
}

static void test_only_a_present_rule_is_replaced(void **state)
{
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    const struct rule *rule = &mapping_at(t, m)->rule;
    rule_replace(t, m);
    assert_false(rule->wrong);
    rule_on_add_sent(t, m);
    rule_replace(t, m);
    assert_false(rule->wrong);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    rule_replace(t, m);
    assert_true(rule->wrong);
}

/* A rule that RouterOS calls invalid does not hold, and is neither removed nor added again. The row may come
 * before the answer to the addition. While one is invalid, another one that no row has shown yet is, too. */
static void test_invalid_rules(void **state)
{
    (void)state;
    uint16_t m = new_mapping(NATPMP_TCP, ROUTER_PORT);
    struct nat_rule row = {ROW, .as_wanted = true, .comment_current = true, .router_port = ROUTER_PORT,
                           .invalid = true};
    row.id = ID;
    mapping_set_wanted(t, m, true);
    rule_on_add_sent(t, m);
    rule_on_row_early(t, m, ID, true, SNAPSHOT);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    assert_int_equal(t->invalid, 1);
    assert_false(rule_forwards(mapping_at(t, m)));
    rule_on_row(t, m, &row, SNAPSHOT);
    assert_int_equal(t->invalid, 1);
    assert_int_not_equal(rule_wants(mapping_at(t, m), NOW), RULE_WANTS_REMOVE);
    row.invalid = false;
    rule_on_row(t, m, &row, SNAPSHOT);
    assert_int_equal(t->invalid, 0);
    assert_true(rule_forwards(mapping_at(t, m)));
    row.invalid = true;
    rule_on_row(t, m, &row, SNAPSHOT);
    rule_on_gone(t, m);
    assert_int_equal(t->invalid, 0);
    t->invalid = 1; /* another mapping's */
    rule_on_add_sent(t, m);
    rule_on_added(t, m, ID, SNAPSHOT, NOW);
    assert_false(rule_forwards(mapping_at(t, m)));
    assert_int_equal(t->invalid, 2);
}

UNIT(rule)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_wants),
        cmocka_unit_test(test_when_it_is_due),
        cmocka_unit_test(test_it_forwards),
        cmocka_unit_test(test_the_comment_that_it_ought_to_have),
        cmocka_unit_test(test_an_id_counts_on_its_connection),
        cmocka_unit_test(test_how_long_it_is_adopted),
        TEST(test_a_row_is_compared),
        TEST(test_a_row_does_not_say_what_a_comment_becomes),
        TEST(test_a_row_without_a_lease),
        TEST(test_where_an_event_leads),
        TEST(test_in_which_snapshot_it_was_seen),
        TEST(test_at_random_the_index_agrees),
        TEST(test_the_sure_lease),
        TEST(test_the_pause_grows),
        TEST(test_a_rule_that_never_lasts),
        TEST(test_a_replacement_is_refused),
        TEST(test_a_replaced_rule_is_spared),
        TEST(test_only_a_present_rule_is_replaced),
        TEST(test_invalid_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
