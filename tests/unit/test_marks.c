/* What mangle rules make of a packet, where routing sends it, and what address lists cover. */
#include "check/address_lists.h"
#include "check/marks.h"
#include "check/ways.h"
#include "check_unit.h"

static struct nat_context lan = {
    .interface = "bridge", .list = {{.name = "LAN", .member = true}}, .lists = 1};
static struct packet packet;
static struct outcomes outcomes;

static int start_packet(void **state)
{
    packet = (struct packet){.in = &lan,
                             .protocol = NATPMP_UDP,
                             .dst_port = 5351,
                             .src = {0xc0a85801, 24},
                             .dst = {0xc0a85801, 32},
                             .dst_known = true,
                             .dst_local = true};
    return start(state);
}

/* "connection,routing connection,routing ..." of all outcomes; '?' for an unsure one, '%' for a part. */
static const char *mangle(const char *const *rows, const char *connection_mark)
{
    static char text[1024];
    struct outcomes before = marks_none(connection_mark);
    size_t len = 0;
    set_table(TABLE_MANGLE, rows);
    marks_follow(survey, "prerouting", &packet, &before, &outcomes);
    text[0] = '\0';
    for (unsigned i = 0; i < outcomes.count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s,%s%s%s", i > 0 ? " " : "",
                                outcomes.at[i].connection_mark, outcomes.at[i].routing_mark,
                                outcomes.at[i].unsure ? "?" : "", outcomes.at[i].partly ? "%" : "");
    return text;
}

#define CONNECTION(id, mark, rest)                                                                           \
    "=.id=*" #id " =chain=prerouting =action=mark-connection =new-connection-mark=" mark " " rest
#define ROUTING(id, mark, rest)                                                                              \
    "=.id=*" #id " =chain=prerouting =action=mark-routing =new-routing-mark=" mark " " rest

static void test_rules_in_a_row(void **state)
{
    (void)state;
    assert_string_equal(mangle(ROWS(CONNECTION(1, "a", ""), ROUTING(2, "r", "=connection-mark=a")), ""),
                        "a,r");
    assert_int_equal(outcomes.at[0].router, 2);
    assert_int_equal(outcomes.at[0].marker, 1);
    assert_string_equal(mangle(ROWS(ROUTING(2, "r", "=connection-mark=a"), CONNECTION(1, "a", "")), ""),
                        "a,");
    assert_string_equal(mangle(ROWS(ROUTING(1, "r", "=connection-mark=no-mark")), "a"), "a,");
    assert_string_equal(mangle(ROWS(ROUTING(1, "r", "=connection-mark=!no-mark")), "a"), "a,r");
}

/* Without passthrough a rule that marks is the last one; so is accept. */
static void test_the_end(void **state)
{
    (void)state;
    assert_string_equal(mangle(ROWS(CONNECTION(1, "a", "=passthrough=false"), ROUTING(2, "r", "")), ""),
                        "a,");
    assert_string_equal(mangle(ROWS(CONNECTION(1, "a", "=passthrough=no"), ROUTING(2, "r", "")), ""), "a,");
    assert_string_equal(mangle(ROWS(CONNECTION(1, "a", "=passthrough=true"), ROUTING(2, "r", "")), ""),
                        "a,r");
    assert_string_equal(mangle(ROWS("=.id=*1 =chain=prerouting =action=accept", ROUTING(2, "r", "")), ""),
                        ",");
    assert_string_equal(mangle(ROWS("=.id=*1 =chain=prerouting =action=log", ROUTING(2, "r", "")), ""), ",r");
    assert_string_equal(mangle(ROWS(ROUTING(2, "r", "=disabled=true"), ROUTING(3, "q", "=invalid=true")), ""),
                        ",");
    assert_string_equal(mangle(ROWS(ROUTING(2, "no-mark", "")), "a"), "a,");
}

static void test_chains(void **state)
{
    (void)state;
    assert_string_equal(mangle(ROWS("=.id=*1 =chain=prerouting =action=jump =jump-target=x",
                                    ROUTING(2, "r", ""), "=.id=*3 =chain=x =action=return",
                                    "=.id=*4 =chain=x =action=mark-connection =new-connection-mark=a"),
                               ""),
                        ",r");
    assert_string_equal(mangle(ROWS("=.id=*1 =chain=prerouting =action=jump =jump-target=x",
                                    "=.id=*4 =chain=x =action=mark-connection =new-connection-mark=a",
                                    "=.id=*5 =chain=x =action=jump =jump-target=x"),
                               ""),
                        "a,");
    assert_true(outcomes.incomplete); /* a circle */
}

/* PCC gives each connection one of two marks. [S13] */
static void test_parts(void **state)
{
    (void)state;
    assert_string_equal(mangle(ROWS(CONNECTION(1, "a", "=per-connection-classifier=both-addresses:2/0"),
                                    CONNECTION(2, "b", "=per-connection-classifier=both-addresses:2/1")),
                               "vpn"),
                        "vpn, b,% a,%");
    assert_string_equal(mangle(ROWS(ROUTING(1, "r", "=src-address=192.168.88.10")), ""), ", ,r%");
    assert_string_equal(mangle(ROWS(ROUTING(1, "r", "=tls-what=new")), ""), ",? ,r?");
    assert_false(outcomes.incomplete);
}

static void test_more_than_can_be_followed(void **state)
{
    (void)state;
    survey_begin_table(survey, TABLE_MANGLE);
    survey->table[TABLE_MANGLE].state = TABLE_READ;
    for (unsigned i = 0; i < 20; i++) {
        char words[256];
        (void)snprintf(words, sizeof(words),
                       "=.id=*%X =chain=prerouting =action=mark-connection =new-connection-mark=m%u =limit=1",
                       i + 1, i);
        add_row(TABLE_MANGLE, words);
    }
    struct outcomes before = marks_none("");
    marks_follow(survey, "prerouting", &packet, &before, &outcomes);
    assert_true(outcomes.incomplete);
    assert_in_range(outcomes.count, 2, OUTCOMES_MAX);
    assert_string_equal(mangle(ROWS("=.id=*1 =chain=prerouting =action=route =route-dst=10.0.0.1"), ""),
                        ",?");
    assert_true(outcomes.incomplete);
}

/* ---- routing ---- */

static struct traveller traveller;
static struct ways ways;

static void check_way(const char *interface, uint32_t rule)
{
    ways_find(survey, &traveller, &ways);
    if (ways.count != 1 || strcmp(ways.at[0].interface, interface) != 0 || ways.at[0].rule != rule)
        fail_msg("%u ways, %s by rule %u", ways.count, ways.at[0].interface, ways.at[0].rule);
}

static int start_traveller(void **state)
{
    traveller =
        (struct traveller){.src = {0xc0a85801, 24}, .dst = 0x0b000001, .in = "bridge", .routing_mark = ""};
    return start(state);
}

static void test_the_main_table(void **state)
{
    (void)state;
    check_way("ether1", 0);
    traveller.dst = 0x0a020063;
    check_way("wg1", 0);
    set_table(TABLE_ROUTE, NULL);
    traveller.dst = 0x0b000001;
    check_way("", 0);
}

static void test_routing_rules(void **state)
{
    (void)state;
#define RULE(words) "=.id=*3 =action=lookup-only-in-table =table=vpn-in " words
    set_table(TABLE_RULE, ROWS(RULE("=interface=bridge")));
    check_way("wg1", 3);
    set_table(TABLE_RULE, ROWS(RULE("=interface=!bridge")));
    check_way("ether1", 0);
    set_table(TABLE_RULE, ROWS(RULE("=src-address=192.168.0.0/16 =dst-address=!11.0.0.0/8")));
    check_way("ether1", 0);
    set_table(TABLE_RULE, ROWS(RULE("=interface=bridge =disabled=true"), RULE("=inactive=true")));
    check_way("ether1", 0);
    set_table(TABLE_RULE, ROWS(RULE("=routing-mark=x")));
    check_way("ether1", 0);
    set_table(TABLE_RULE, ROWS("=.id=*4 =action=unreachable"));
    check_way("", 4);
    /* A table without a route: lookup goes on, lookup-only-in-table does not. */
    set_table(TABLE_RULE, ROWS("=.id=*4 =action=lookup =table=empty"));
    check_way("ether1", 0);
    set_table(TABLE_RULE, ROWS("=.id=*4 =action=lookup-only-in-table =table=empty"));
    check_way("", 4);
    /* All of main but its default route. */
    set_table(TABLE_RULE, ROWS("=.id=*4 =action=lookup =table=main =min-prefix=0", RULE("")));
    check_way("wg1", 3);
}

static void test_some_hosts_go_another_way(void **state)
{
    (void)state;
    set_table(TABLE_RULE, ROWS("=.id=*3 =action=lookup =table=vpn-in =src-address=192.168.88.10/32"));
    ways_find(survey, &traveller, &ways);
    assert_int_equal(ways.count, 2);
    assert_true(ways.at[0].partly && !ways.at[1].partly);
    assert_string_equal(ways.at[0].interface, "wg1");
    assert_string_equal(ways.at[1].interface, "ether1");
}

static void test_nobody_on_the_internet_is_private(void **state)
{
    (void)state;
    traveller = (struct traveller){.dst = 0xc0a85807, .in = "wg1", .routing_mark = ""};
    set_table(TABLE_RULE, ROWS("=.id=*3 =action=lookup =table=vpn-in =src-address=192.168.88.10/32"));
    check_way("bridge", 0);
    set_table(TABLE_RULE, ROWS("=.id=*3 =action=lookup =table=vpn-in =src-address=45.0.0.0/8"));
    ways_find(survey, &traveller, &ways);
    assert_int_equal(ways.count, 2);
}

/* Which counts first is not documented. */
static void test_a_mark_and_a_rule(void **state)
{
    (void)state;
    traveller.routing_mark = "vpn-in";
    check_way("wg1", 0);
    assert_true(ways.at[0].marked);
    set_table(TABLE_RULE, ROWS("=.id=*3 =action=lookup =table=main =src-address=192.168.88.0/24"));
    ways_find(survey, &traveller, &ways);
    assert_int_equal(ways.count, 2);
    assert_true(ways.at[0].unsure && ways.at[1].unsure);
    traveller.routing_mark = "no-such-table";
    set_table(TABLE_RULE, NULL);
    check_way("ether1", 0);
}

static void test_tables_through_an_interface(void **state)
{
    (void)state;
    assert_string_equal(ways_table_through(survey, "wg1").text, "vpn-in");
    assert_string_equal(ways_table_through(survey, "ether1").text, "");
    set_table(TABLE_ROUTE,
              ROWS("=dst-address=0.0.0.0/0 =gateway-status=10.2.0.1_reachable_via__wg1 =routing-mark=six"));
    assert_string_equal(ways_table_through(survey, "wg1").text, "six");
}

/* ---- address lists ---- */

static enum cover lists_cover(const char *list, uint32_t address, uint8_t length)
{
    return address_lists_cover(survey, span_text(list), (struct prefix){address, length});
}

static void test_address_lists(void **state)
{
    (void)state;
    set_table(TABLE_ADDRESS_LIST,
              ROWS("=list=private =address=10.0.0.0/8", "=list=private =address=192.168.0.0-192.168.255.255",
                   "=list=country =address=45.0.0.0/8", "=list=one =address=172.17.0.2",
                   "=list=off =address=172.17.0.2 =disabled=true", "=list=name =address=example.com",
                   "=list=all =address=0.0.0.0/0"));
    assert_int_equal(lists_cover("private", 0xc0a85801, 24), COVER_ALL);
    assert_int_equal(lists_cover("private", 0xac110002, 32), COVER_NONE);
    assert_int_equal(lists_cover("private", 0, 0), COVER_NONE);
    assert_int_equal(lists_cover("country", 0, 0), COVER_PART);
    assert_int_equal(lists_cover("one", 0xac110002, 32), COVER_ALL);
    assert_int_equal(lists_cover("one", 0xac110000, 16), COVER_PART);
    assert_int_equal(lists_cover("off", 0xac110002, 32), COVER_NONE);
    assert_int_equal(lists_cover("name", 0xac110002, 32), COVER_NONE);
    assert_int_equal(lists_cover("all", 0, 0), COVER_ALL);
    survey->table[TABLE_ADDRESS_LIST].incomplete = true;
    assert_int_equal(lists_cover("one", 0xac110002, 32), COVER_MAYBE);
}

#define PACKET_TEST(function) cmocka_unit_test_setup_teardown(function, start_packet, stop)
#define WAY_TEST(function) cmocka_unit_test_setup_teardown(function, start_traveller, stop)

UNIT(marks)
{
    const struct CMUnitTest tests[] = {
        PACKET_TEST(test_rules_in_a_row),
        PACKET_TEST(test_the_end),
        PACKET_TEST(test_chains),
        PACKET_TEST(test_parts),
        PACKET_TEST(test_more_than_can_be_followed),
        WAY_TEST(test_the_main_table),
        WAY_TEST(test_routing_rules),
        WAY_TEST(test_some_hosts_go_another_way),
        WAY_TEST(test_nobody_on_the_internet_is_private),
        WAY_TEST(test_a_mark_and_a_rule),
        WAY_TEST(test_tables_through_an_interface),
        TEST(test_address_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
