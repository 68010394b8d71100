/* Where a remedy is put: before a dynamic rule nothing can be, and behind a dynamic jump only in the
 * chain to which it leads. Each remedy is followed, and what it is for must pass then. */
#include <stdio.h>

#include "check_unit.h"

enum {
    ROW_MAX = 512,
    LINES_MAX = 16,
    ROUNDS = 3,
};

/* A rule to blame, without its chain. */
struct trouble {
    enum table_name table;
    const char *menu;
    const char *base;
    const char *rule;
    enum finding_id id;
};

/* How packets come to the rule: `before` is a static rule of the base chain. */
struct way {
    bool before;
    bool jump;
    bool dynamic_jump;
    bool dynamic_rule;
};

static char line[LINES_MAX][ROW_MAX];
static unsigned lines;

static void put_line(unsigned at, const char *row)
{
    assert_true(lines < LINES_MAX);
    memmove(line[at + 1], line[at], (size_t)(lines - at) * ROW_MAX);
    (void)snprintf(line[at], ROW_MAX, "%s", row);
    lines++;
}

static void fill(enum table_name table)
{
    set_table(table, NULL);
    for (unsigned i = 0; i < lines; i++)
        add_row(table, line[i]);
}

/* The line of the rule with that id, which nothing precedes but static rules: RouterOS refuses a dynamic one.
 */
static unsigned line_of(const char *id)
{
    char start[32];
    (void)snprintf(start, sizeof(start), "=.id=%s ", id);
    for (unsigned i = 0; i < lines; i++)
        if (strncmp(line[i], start, strlen(start)) == 0) {
            assert_null(strstr(line[i], "dynamic=true"));
            return i;
        }
    fail_msg("no rule %s", id);
    return 0;
}

/* "/ip/firewall/filter/add chain=forward ... place-before=*5 comment=...". */
static void apply_add(char *words, unsigned number)
{
    char row[ROW_MAX];
    unsigned at = lines;
    int len = snprintf(row, sizeof(row), "=.id=*F%u ", number);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (strncmp(word, "comment=", 8) == 0)
            break;
        if (strncmp(word, "place-before=", 13) == 0)
            at = line_of(word + 13);
        else
            len += snprintf(row + len, sizeof(row) - (size_t)len, "=%s ", word);
    }
    row[len - 1] = '\0';
    put_line(at, row);
}

static void apply_move(const char *words)
{
    char id[16];
    char destination[16];
    char row[ROW_MAX];
    assert_int_equal(sscanf(words, "%15s destination=%15s", id, destination), 2);
    unsigned from = line_of(id);
    memcpy(row, line[from], ROW_MAX);
    memmove(line[from], line[from + 1], (size_t)(lines - from - 1) * ROW_MAX);
    lines--;
    put_line(line_of(destination), row);
}

/* "/ip/firewall/mangle/set *9 connection-mark=no-mark". */
static void apply_set(const char *words)
{
    char id[16];
    char value[64];
    assert_int_equal(sscanf(words, "%15s %63s", id, value), 2);
    unsigned at = line_of(id);
    size_t len = strlen(line[at]);
    (void)snprintf(line[at] + len, ROW_MAX - len, " =%s", value);
}

static void apply(const struct trouble *t, const char *cure)
{
    static unsigned number;
    char text[FINDING_CURE_MAX];
    char *rest = NULL;
    size_t menu = strlen(t->menu);
    (void)snprintf(text, sizeof(text), "%s", cure);
    for (char *command = strtok_r(text, ";", &rest); command != NULL; command = strtok_r(NULL, ";", &rest)) {
        command += *command == ' ';
        assert_int_equal(strncmp(command, t->menu, menu), 0);
        if (strncmp(command + menu, "/add ", 5) == 0)
            apply_add(command + menu + 5, ++number);
        else if (strncmp(command + menu, "/move ", 6) == 0)
            apply_move(command + menu + 6);
        else if (strncmp(command + menu, "/set ", 5) == 0)
            apply_set(command + menu + 5);
        else
            fail_msg("%s", command);
    }
    fill(t->table);
}

/* The rows that the table has besides. */
static void put_others(const struct trouble *t)
{
    if (t->table == TABLE_MANGLE) {
        put_line(lines, MARK_IN);
        put_line(lines, MARK_OUT);
    } else if (t->table == TABLE_NAT) {
        put_line(lines, REDIRECT);
        put_line(lines, MAPPED);
        put_line(lines, MASQUERADE);
    }
}

static void make(const struct trouble *t, const struct way *w)
{
    char row[ROW_MAX];
    lines = 0;
    if (w->before) {
        (void)snprintf(row, sizeof(row), "=.id=*7 =chain=%s =action=passthrough", t->base);
        put_line(lines, row);
    }
    if (w->jump) {
        (void)snprintf(row, sizeof(row), "=.id=*8 =chain=%s =action=jump =jump-target=user%s", t->base,
                       w->dynamic_jump ? " =dynamic=true" : "");
        put_line(lines, row);
    }
    (void)snprintf(row, sizeof(row), "=.id=*9 =chain=%s %s%s", w->jump ? "user" : t->base, t->rule,
                   w->dynamic_rule ? " =dynamic=true" : "");
    put_line(lines, row);
    put_others(t);
    fill(t->table);
}

static bool helps(const struct trouble *t)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        const struct finding *f = find(t->id);
        assert_non_null(f);
        if (f->status == FINDING_PASS)
            return true;
        if (f->cure[0] != '/')
            return false;
        apply(t, f->cure);
    }
    return false;
}

/* The dynamic rule without which the packets would not come to it: the jump only if the rule is static. */
static void check_maker(const struct trouble *t, const struct way *w)
{
    char cure[128];
    unsigned id = w->dynamic_rule ? 9 : 8;
    (void)snprintf(cure, sizeof(cure), "find out what makes rule *%u: %s/print detail where .id=*%u", id,
                   t->menu, id);
    const struct finding *f = find(t->id);
    assert_non_null(f);
    if (f->status == FINDING_PASS || strcmp(f->cure, cure) != 0)
        fail_msg("%s: %s - %s", t->rule, f->what, f->cure);
}

static const struct way ways[] = {
    {.dynamic_rule = false},
    {.dynamic_rule = true},
    {.jump = true},
    {.jump = true, .dynamic_rule = true},
    {.jump = true, .dynamic_jump = true},
    {.jump = true, .dynamic_jump = true, .dynamic_rule = true},
    {.before = true, .dynamic_rule = true},
    {.before = true, .jump = true, .dynamic_jump = true},
    {.before = true, .jump = true, .dynamic_jump = true, .dynamic_rule = true},
};

static void check_trouble(const struct trouble *t)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const struct way *w = &ways[i];
        bool base = w->before || (w->jump ? !w->dynamic_jump : !w->dynamic_rule);
        /* A rule is moved, which does not change its chain. */
        bool moves = t->id == FINDING_REDIRECT_ORDER || t->id == FINDING_MAPPING_RULES;
        make(t, w);
        assert_int_not_equal(find(t->id)->status, FINDING_PASS);
        if (!base && (w->dynamic_rule || moves))
            check_maker(t, w);
        else if (!helps(t))
            fail_msg("%s, way %zu: %s - %s", t->rule, i, find(t->id)->what, find(t->id)->cure);
    }
}

static void test_filter(void **state)
{
    static const char menu[] = "/ip/firewall/filter";
    (void)state;
    check_trouble(
        &(struct trouble){TABLE_FILTER, menu, "forward", "=action=drop =in-interface=wg1", FINDING_FORWARD});
    check_trouble(
        &(struct trouble){TABLE_FILTER, menu, "forward", "=action=reject =protocol=udp", FINDING_REQUEST});
    survey->upstream.address_known = false;
    check_trouble(&(struct trouble){TABLE_FILTER, menu, "forward", "=action=drop =out-interface=wg1",
                                    FINDING_GATEWAY_PATH});
}

/* Without a mark that tells the connections from others: two rules stand before it. */
static void test_fasttrack(void **state)
{
    (void)state;
    set_table(TABLE_MANGLE, ROWS("=.id=*8 =chain=prerouting =action=mark-routing =in-interface=bridge "
                                 "=dst-address-type=!local =new-routing-mark=vpn-in"));
    check_trouble(&(struct trouble){TABLE_FILTER, "/ip/firewall/filter", "forward",
                                    "=action=fasttrack-connection =connection-state=established,related",
                                    FINDING_FASTTRACK});
}

static void test_raw(void **state)
{
    static const char menu[] = "/ip/firewall/raw";
    (void)state;
    check_trouble(
        &(struct trouble){TABLE_RAW, menu, "prerouting", "=action=drop =in-interface=wg1", FINDING_FORWARD});
    check_trouble(&(struct trouble){TABLE_RAW, menu, "prerouting", "=action=notrack", FINDING_FORWARD});
    check_trouble(&(struct trouble){TABLE_RAW, menu, "prerouting", "=action=notrack", FINDING_REQUEST});
    check_trouble(&(struct trouble){TABLE_RAW, menu, "prerouting", "=action=notrack", FINDING_RETURN});
}

static void test_mangle(void **state)
{
    static const char menu[] = "/ip/firewall/mangle";
    (void)state;
    check_trouble(&(struct trouble){TABLE_MANGLE, menu, "prerouting",
                                    "=action=mark-routing =new-routing-mark=vpn-in =in-interface=bridge "
                                    "=connection-mark=no-mark =passthrough=false",
                                    FINDING_REQUEST});
    check_trouble(&(struct trouble){TABLE_MANGLE, menu, "prerouting", "=action=accept =in-interface=wg1",
                                    FINDING_RETURN});
    check_trouble(&(struct trouble){TABLE_MANGLE, menu, "prerouting", "=action=accept =in-interface=bridge",
                                    FINDING_RETURN});
}

static void test_srcnat(void **state)
{
    static const char menu[] = "/ip/firewall/nat";
    (void)state;
    check_trouble(
        &(struct trouble){TABLE_NAT, menu, "srcnat", "=action=masquerade", FINDING_CLIENTS_VISIBLE});
    survey->upstream.address_known = false;
    check_trouble(&(struct trouble){TABLE_NAT, menu, "srcnat", "=action=accept", FINDING_SOURCE});
}

static void test_dstnat(void **state)
{
    (void)state;
    check_trouble(&(struct trouble){
        TABLE_NAT, "/ip/firewall/nat", "dstnat",
        "=action=dst-nat =protocol=udp =in-interface=bridge =to-addresses=1.1.1.1", FINDING_REDIRECT_ORDER});
}

/* The daemon puts a mapping's rule in front only a few times in an hour. */
static void test_the_rules_of_mappings(void **state)
{
    static const char menu[] = "/ip/firewall/nat";
    static const char dmz[] = "=.id=*9 =chain=dstnat =action=dst-nat =in-interface=wg1 =to-addresses=1.1.1.1";
    (void)state;
    check_trouble(&(struct trouble){TABLE_NAT, menu, "dstnat",
                                    "=action=dst-nat =in-interface=wg1 =to-addresses=192.168.88.99",
                                    FINDING_MAPPING_RULES});
    check_trouble(&(struct trouble){TABLE_NAT, menu, "dstnat",
                                    "=action=accept =protocol=tcp =dst-port=50000-50010",
                                    FINDING_MAPPING_RULES});
    set_table(TABLE_NAT, ROWS(dmz, MAPPED, MAPPED_WITH("*21", "udp", "50002"), REDIRECT, MASQUERADE));
    check_finding(FINDING_MAPPING_RULES, FINDING_FAIL,
                  "rule *9 comes before *20 and takes what arrives for mappings (2)",
                  "/ip/firewall/nat/move *20 destination=*9; /ip/firewall/nat/move *21 destination=*9");
    set_table(TABLE_NAT, ROWS(MAPPED, dmz, MAPPED_WITH("*21", "udp", "50002"), REDIRECT, MASQUERADE));
    check_finding(FINDING_MAPPING_RULES, FINDING_FAIL, "rule *9 comes before *21",
                  "/ip/firewall/nat/move *21 destination=*9");
    set_table(TABLE_NAT, ROWS(MAPPED, REDIRECT, dmz, MASQUERADE));
    check_finding(FINDING_MAPPING_RULES, FINDING_PASS, "no rule takes what arrives for mappings (1)", NULL);
}

/* No false alarm. */
static void test_rules_that_leave_mappings_alone(void **state)
{
    static const char *const rows[] = {
        "=.id=*9 =chain=dstnat =action=dst-nat =in-interface=wg1 =to-addresses=1.1.1.1 =disabled=true",
        "=.id=*9 =chain=dstnat =action=dst-nat =in-interface=ether1 =to-addresses=1.1.1.1",
        "=.id=*9 =chain=dstnat =action=dst-nat =protocol=udp =in-interface=wg1 =to-addresses=1.1.1.1",
        "=.id=*9 =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=50000 =to-addresses=1.1.1.1",
        "=.id=*9 =chain=dstnat =action=dst-nat =src-address=203.0.113.9 =to-addresses=1.1.1.1",
        "=.id=*9 =chain=dstnat =action=dst-nat =connection-mark=games =to-addresses=1.1.1.1",
        "=.id=*9 =chain=dstnat =action=jump =jump-target=none",
        /* The one that it replaces, until that is removed. */
        MAPPED_WITH("*9", "tcp", "50001"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_table(TABLE_NAT, NULL);
        add_row(TABLE_NAT, rows[i]);
        add_row(TABLE_NAT, MAPPED);
        add_row(TABLE_NAT, REDIRECT);
        check_finding(FINDING_MAPPING_RULES, FINDING_PASS, "", NULL);
    }
    set_table(TABLE_NAT, ROWS(rows[0], REDIRECT));
    assert_null(find(FINDING_MAPPING_RULES));
}

/* A rule behind ours replaces the mark, and cannot be changed if it is dynamic. */
static void test_marks_of_connections(void **state)
{
    static const struct trouble t = {TABLE_MANGLE, "/ip/firewall/mangle", "prerouting",
                                     "=action=mark-connection =new-connection-mark=isp =connection-state=new "
                                     "=passthrough=true",
                                     FINDING_RETURN};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        make(&t, &ways[i]);
        assert_int_not_equal(find(t.id)->status, FINDING_PASS);
        bool helped = helps(&t);
        if (ways[i].dynamic_rule)
            check_maker(&t, &ways[i]);
        else if (!helped)
            fail_msg("way %zu: %s - %s", i, find(t.id)->what, find(t.id)->cure);
    }
}

/* [P9] The first way that packets take counts, and not one that a rule before it closes. */
static void test_chains_of_chains(void **state)
{
    static const struct trouble t = {TABLE_FILTER, "/ip/firewall/filter", "forward", "", FINDING_FORWARD};
    static const char *const tables[][6] = {
        {"=.id=*4 =chain=forward =action=jump =jump-target=a =dynamic=true",
         "=.id=*5 =chain=a =action=jump =jump-target=b =dynamic=true",
         "=.id=*6 =chain=b =action=drop =in-interface=wg1"},
        {"=.id=*4 =chain=forward =action=jump =jump-target=a =dynamic=true",
         "=.id=*5 =chain=a =action=jump =jump-target=b =in-interface=wg1",
         "=.id=*6 =chain=b =action=drop =dynamic=true"},
        {"=.id=*3 =chain=forward =action=jump =jump-target=a =dynamic=true",
         "=.id=*4 =chain=a =action=return", "=.id=*5 =chain=a =action=jump =jump-target=b",
         "=.id=*6 =chain=forward =action=jump =jump-target=b =dynamic=true",
         "=.id=*7 =chain=b =action=drop =in-interface=wg1"},
        {"=.id=*3 =chain=forward =action=jump =jump-target=b =in-interface=bridge =dynamic=true",
         "=.id=*4 =chain=forward =action=jump =jump-target=b =disabled=true",
         "=.id=*5 =chain=forward =action=jump =jump-target=b =dynamic=true",
         "=.id=*7 =chain=b =action=drop =in-interface=wg1 =dynamic=true"},
        {"=.id=*3 =chain=forward =action=jump =jump-target=a =dynamic=true",
         "=.id=*4 =chain=a =action=jump =jump-target=forward =dynamic=true",
         "=.id=*5 =chain=a =action=drop =in-interface=wg1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        lines = 0;
        for (size_t k = 0; k < ARRAY_LEN(tables[i]) && tables[i][k] != NULL; k++)
            put_line(lines, tables[i][k]);
        fill(t.table);
        if (!helps(&t))
            fail_msg("table %zu: %s - %s", i, find(t.id)->what, find(t.id)->cure);
    }
}

/* VRFs make routing rules. */
static void test_routing_rules(void **state)
{
    (void)state;
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-in =dynamic=true", "=.id=*6 =action=drop"));
    check_finding(FINDING_REQUEST, FINDING_FAIL, "routing rule *5",
                  "find out what makes rule *5: /routing/rule/print detail where .id=*5");
}

UNIT(judge_places)
{
    const struct CMUnitTest tests[] = {
        TEST(test_filter),
        TEST(test_fasttrack),
        TEST(test_raw),
        TEST(test_mangle),
        TEST(test_srcnat),
        TEST(test_dstnat),
        TEST(test_the_rules_of_mappings),
        TEST(test_rules_that_leave_mappings_alone),
        TEST(test_marks_of_connections),
        TEST(test_chains_of_chains),
        TEST(test_routing_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
