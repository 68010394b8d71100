/* How much of a class of packets a rule matches, and which rule of a chain decides. */
#include <stdio.h>

#include "check/firewall.h"
#include "check_unit.h"

static struct nat_context lan;
static struct nat_context wan;
static struct packet packet;

static int start_packet(void **state)
{
    lan = (struct nat_context){
        .interface = "bridge",
        .list = {{.name = "LAN", .member = true}, {.name = "MIX", .composed = true}},
        .lists = 2,
    };
    wan = (struct nat_context){.interface = "wg1", .list = {{.name = "WAN", .member = true}}, .lists = 1};
    packet = (struct packet){
        .in = &wan,
        .out = &lan,
        .protocol = NATPMP_TCP,
        .dst = {0xc0a85800, 24},
        .dst_known = true,
        .dstnat = true,
    };
    return start(state);
}

static void check_cover(const char *words, enum cover expected)
{
    static const char *const names[] = {"none", "part", "maybe", "all"};
    set_table(TABLE_FILTER, ROWS(words));
    struct table_rows rows = table_rows_of(survey, TABLE_FILTER);
    enum cover cover = firewall_cover(table_rows_next(&rows), &packet);
    if (cover != expected)
        fail_msg("%s: %s, not %s", words, names[cover], names[expected]);
}

static void test_interfaces(void **state)
{
    (void)state;
    check_cover("=.id=*1 =chain=forward =action=drop =comment=x =bytes=5 =log=false =dynamic=false",
                COVER_ALL);
    check_cover("=in-interface=wg1", COVER_ALL);
    check_cover("=in-interface=!wg1", COVER_NONE);
    check_cover("=in-interface=ether1", COVER_NONE);
    check_cover("=in-interface=!ether1", COVER_ALL);
    check_cover("=in-interface=all-ppp", COVER_MAYBE);
    check_cover("=in-interface=!all-ppp", COVER_MAYBE);
    check_cover("=in-interface-list=WAN", COVER_ALL);
    check_cover("=in-interface-list=!WAN", COVER_NONE);
    check_cover("=in-interface-list=LAN", COVER_NONE);
    check_cover("=out-interface-list=LAN", COVER_ALL);
    check_cover("=out-interface-list=MIX", COVER_MAYBE);
    check_cover("=out-interface=bridge", COVER_ALL);
    check_cover("=out-interface=", COVER_ALL);
    packet.out = NULL;
    check_cover("=out-interface=bridge", COVER_MAYBE);
    check_cover("=out-interface-list=LAN", COVER_MAYBE);
}

static void test_addresses(void **state)
{
    (void)state;
    check_cover("=dst-address=192.168.88.0/24", COVER_ALL);
    check_cover("=dst-address=192.168.0.0/16", COVER_ALL);
    check_cover("=dst-address=0.0.0.0/0", COVER_ALL);
    check_cover("=dst-address=192.168.88.11", COVER_PART);
    check_cover("=dst-address=!192.168.88.11", COVER_PART);
    check_cover("=dst-address=192.168.88.0-192.168.88.255", COVER_ALL);
    check_cover("=dst-address=192.168.88.9-192.168.99.9", COVER_PART);
    check_cover("=dst-address=192.168.89.0/24", COVER_NONE);
    check_cover("=dst-address=!192.168.89.0/24", COVER_ALL);
    check_cover("=dst-address=!192.168.88.0/24", COVER_NONE);
    check_cover("=dst-address=router.lan", COVER_MAYBE);
    check_cover("=src-address=0.0.0.0/0", COVER_ALL);
    check_cover("=src-address=198.51.100.0/24", COVER_PART);
    check_cover("=src-address=!198.51.100.0/24", COVER_PART);
    check_cover("=dst-address-type=local", COVER_NONE);
    check_cover("=dst-address-type=!local", COVER_ALL);
    check_cover("=dst-address-type=unicast,multicast", COVER_ALL);
    check_cover("=src-address-type=!local", COVER_ALL);
    check_cover("=src-address-type=local", COVER_NONE);
    packet.dst_local = true;
    check_cover("=dst-address-type=local", COVER_ALL);
    packet.dst_known = false;
    check_cover("=dst-address=192.168.88.0/24", COVER_MAYBE);
}

static void test_protocols_and_ports(void **state)
{
    (void)state;
    check_cover("=protocol=tcp", COVER_ALL);
    check_cover("=protocol=6", COVER_ALL);
    check_cover("=protocol=udp", COVER_NONE);
    check_cover("=protocol=!udp", COVER_ALL);
    check_cover("=protocol=icmp", COVER_NONE);
    check_cover("=protocol=tcp =dst-port=80", COVER_PART);
    check_cover("=protocol=tcp =dst-port=!80", COVER_PART);
    packet.dst_port = 5351;
    check_cover("=protocol=tcp =dst-port=80", COVER_NONE);
    check_cover("=protocol=tcp =dst-port=!80", COVER_ALL);
    check_cover("=protocol=tcp =dst-port=53,5000-6000", COVER_ALL);
    check_cover("=protocol=tcp =dst-port=x", COVER_MAYBE);
    check_cover("=protocol=tcp =port=5351", COVER_ALL);
    check_cover("=protocol=tcp =port=80", COVER_PART);
    check_cover("=protocol=tcp =src-port=80", COVER_PART);
}

static void test_states_and_the_rest(void **state)
{
    (void)state;
    check_cover("=connection-state=established,related", COVER_NONE);
    check_cover("=connection-state=new", COVER_ALL);
    check_cover("=connection-state=invalid,new", COVER_ALL);
    check_cover("=connection-state=!established,related", COVER_ALL);
    check_cover("=connection-state=!new", COVER_NONE);
    check_cover("=connection-nat-state=dstnat", COVER_ALL);
    check_cover("=connection-nat-state=!dstnat", COVER_NONE);
    check_cover("=connection-nat-state=srcnat", COVER_NONE);
    check_cover("=ipsec-policy=in,ipsec", COVER_PART);
    check_cover("=ipsec-policy=in,none", COVER_ALL);
    check_cover("=src-address-list=strangers", COVER_PART);
    check_cover("=src-address-list=!friends", COVER_PART);
    check_cover("=dst-address-list=servers", COVER_MAYBE);
    check_cover("=connection-mark=x", COVER_MAYBE);
    check_cover("=invented-tomorrow=x", COVER_MAYBE);
    check_cover("=limit=10,5:packet", COVER_PART);
    /* The weakest of all conditions decides. */
    check_cover("=connection-mark=x =limit=1 =in-interface=ether9", COVER_NONE);
    check_cover("=connection-mark=x =limit=1", COVER_PART);
    packet.dstnat = false;
    check_cover("=connection-nat-state=!dstnat", COVER_ALL);
}

/* ---- chains ---- */

static struct verdict judge_chain(const char *const *rows, uint32_t until)
{
    struct verdict verdict;
    set_table(TABLE_FILTER, rows);
    firewall_judge(survey, TABLE_FILTER, "forward", &packet, until, &verdict);
    return verdict;
}

static void check_ruling(struct ruling ruling, uint32_t id, enum firewall_action action)
{
    assert_true(ruling.found);
    assert_int_equal(ruling.id, id);
    assert_int_equal(ruling.action, action);
}

static void test_the_first_sure_rule_decides(void **state)
{
    (void)state;
    struct verdict v = judge_chain(
        ROWS("=.id=*1 =chain=input =action=drop", "=.id=*2 =chain=forward =action=log",
             "=.id=*3 =chain=forward =action=drop =disabled=true",
             "=.id=*4 =chain=forward =action=drop =invalid=true",
             "=.id=*5 =chain=forward =action=drop =connection-mark=x",
             "=.id=*6 =chain=forward =action=drop =limit=1", "=.id=*7 =chain=forward =connection-mark=x",
             "=.id=*8 =chain=forward =action=reject", "=.id=*9 =chain=forward"),
        0);
    check_ruling(v.sure, 8, FIREWALL_DROP);
    check_ruling(v.maybe[FIREWALL_DROP], 5, FIREWALL_DROP);
    check_ruling(v.part[FIREWALL_DROP], 6, FIREWALL_DROP);
    check_ruling(v.maybe[FIREWALL_ACCEPT], 7, FIREWALL_ACCEPT);
    assert_false(v.part[FIREWALL_ACCEPT].found);
    v = judge_chain(ROWS("=.id=*1 =chain=forward =action=drop =protocol=udp"), 0);
    assert_false(v.sure.found);
}

static void test_jumps(void **state)
{
    (void)state;
    struct verdict v = judge_chain(
        ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a", "=.id=*2 =chain=forward =action=drop",
             "=.id=*3 =chain=a =action=return =protocol=tcp", "=.id=*4 =chain=a =action=accept"),
        0);
    check_ruling(v.sure, 2, FIREWALL_DROP);
    v = judge_chain(ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a",
                         "=.id=*2 =chain=forward =action=drop",
                         "=.id=*3 =chain=a =action=jump =jump-target=b", "=.id=*4 =chain=b =action=accept"),
                    0);
    check_ruling(v.sure, 4, FIREWALL_ACCEPT);
    /* It is unknown whether the jump is taken, so the result is unknown, too. */
    v = judge_chain(ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a =connection-mark=x",
                         "=.id=*2 =chain=forward =action=accept", "=.id=*3 =chain=a =action=drop"),
                    0);
    check_ruling(v.sure, 2, FIREWALL_ACCEPT);
    check_ruling(v.maybe[FIREWALL_DROP], 3, FIREWALL_DROP);
    v = judge_chain(ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a =protocol=udp",
                         "=.id=*2 =chain=a =action=drop"),
                    0);
    assert_false(v.sure.found);
    assert_false(v.maybe[FIREWALL_DROP].found);
}

static void test_jumps_in_a_circle_end(void **state)
{
    (void)state;
    struct verdict v = judge_chain(ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a",
                                        "=.id=*2 =chain=a =action=jump =jump-target=a",
                                        "=.id=*3 =chain=a =action=jump =jump-target=forward",
                                        "=.id=*4 =chain=forward =action=drop"),
                                   0);
    check_ruling(v.sure, 4, FIREWALL_DROP);
    (void)judge_chain(
        ROWS("=.id=*1 =chain=forward =action=jump", "=.id=*2 =chain=forward =action=jump =jump-target="), 0);
}

/* Six chains, each of which jumps to the next one ten times. */
static void test_too_many_ways_are_not_walked(void **state)
{
    (void)state;
    static const char *const chains[] = {"forward", "a", "b", "c", "d", "e", "f"};
    survey_begin_table(survey, TABLE_FILTER);
    for (unsigned i = 0; i + 1 < ARRAY_LEN(chains); i++) {
        for (unsigned k = 0; k < 10; k++) {
            char words[128];
            (void)snprintf(words, sizeof(words), "=.id=*%X =chain=%s =action=jump =jump-target=%s",
                           i * 10 + k + 1, chains[i], chains[i + 1]);
            add_row(TABLE_FILTER, words);
        }
    }
    struct verdict verdict;
    firewall_judge(survey, TABLE_FILTER, "forward", &packet, 0, &verdict);
    assert_false(verdict.sure.found);
    assert_true(verdict.maybe[FIREWALL_DROP].found);
}

static void test_up_to_a_rule(void **state)
{
    (void)state;
    struct verdict v = judge_chain(ROWS("=.id=*1 =chain=forward =action=dst-nat =connection-mark=x",
                                        "=.id=*2 =chain=forward =action=drop"),
                                   1);
    check_ruling(v.sure, 1, FIREWALL_TRANSLATE);
    v = judge_chain(ROWS("=.id=*1 =chain=forward =action=drop", "=.id=*2 =chain=forward =action=dst-nat"), 2);
    check_ruling(v.sure, 1, FIREWALL_DROP);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, start_packet, stop)

UNIT(firewall)
{
    const struct CMUnitTest tests[] = {
        TEST(test_interfaces),
        TEST(test_addresses),
        TEST(test_protocols_and_ports),
        TEST(test_states_and_the_rest),
        TEST(test_the_first_sure_rule_decides),
        TEST(test_jumps),
        TEST(test_jumps_in_a_circle_end),
        TEST(test_too_many_ways_are_not_walked),
        TEST(test_up_to_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
