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
        .list = {{.name = "LAN", .member = true},
                 {.name = "MIX", .composed = true, .includes = 4},
                 {.name = "DEEP", .composed = true, .includes = 1}},
        .lists = 3,
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
    enum cover cover = cover_of_row(table_rows_next(&rows), &packet);
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
    memcpy(wan.type, "wg", sizeof("wg"));
    check_cover("=in-interface=all-ppp", COVER_NONE);
    check_cover("=in-interface=!all-ppp", COVER_ALL);
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
    check_cover("=src-address=45.66.0.0/16", COVER_PART);
    check_cover("=src-address=!45.66.0.0/16", COVER_PART);
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
    check_cover("=protocol=tcp =dst-port=!80", COVER_MAYBE);
    check_cover("=protocol=tcp =dst-port=!1024-65535", COVER_PART);
    check_cover("=protocol=tcp =dst-port=1024-65535", COVER_MAYBE);
    check_cover("=protocol=tcp =src-port=!1-1023", COVER_MAYBE);
    check_cover("=protocol=tcp =src-port=x", COVER_MAYBE);
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
    check_cover("=limit=10,5:packet", COVER_MAYBE);
    /* The weakest of all conditions decides. */
    check_cover("=connection-mark=x =limit=1 =in-interface=ether9", COVER_NONE);
    check_cover("=connection-mark=x =psd=1", COVER_PART);
    packet.dstnat = false;
    check_cover("=connection-nat-state=!dstnat", COVER_ALL);
}

/* Each name is found in the table of matchers, which is sorted. */
static void test_every_name_is_found(void **state)
{
    (void)state;
    static const char *const partial[] = {"connection-limit",
                                          "connection-type",
                                          "fragment",
                                          "icmp-options",
                                          "ipv4-options",
                                          "nth",
                                          "per-connection-classifier",
                                          "psd",
                                          "src-address-list",
                                          "src-mac-address",
                                          "tcp-mss",
                                          "tls-host"};
    static const char *const sometimes[] = {"connection-bytes",
                                            "connection-rate",
                                            "content",
                                            "dscp",
                                            "dst-limit",
                                            "ingress-priority",
                                            "layer7-protocol",
                                            "limit",
                                            "p2p",
                                            "packet-size",
                                            "priority",
                                            "random",
                                            "realm",
                                            "src-port",
                                            "time",
                                            "tos",
                                            "ttl"};
    static const char *const anything[] = {".about",          ".id",
                                           ".nextid",         "action",
                                           "address-list",    "address-list-timeout",
                                           "bytes",           "chain",
                                           "comment",         "disabled",
                                           "dynamic",         "invalid",
                                           "jump-target",     "log",
                                           "log-prefix",      "packets",
                                           "randomise-ports", "reject-with",
                                           "same-not-by-dst", "to-addresses",
                                           "to-ports"};
    char words[64];
    for (size_t i = 0; i < ARRAY_LEN(partial); i++) {
        (void)snprintf(words, sizeof(words), "=%s=x", partial[i]);
        check_cover(words, COVER_PART);
    }
    for (size_t i = 0; i < ARRAY_LEN(sometimes); i++) {
        (void)snprintf(words, sizeof(words), "=%s=!x", sometimes[i]);
        check_cover(words, COVER_MAYBE);
    }
    check_cover("=tcp-flags=syn,!ack", COVER_ALL);
    check_cover("=tcp-flags=!ack,syn", COVER_ALL);
    check_cover("=tcp-flags=!syn", COVER_NONE);
    check_cover("=tcp-flags=rst", COVER_NONE);
    packet.established = true;
    check_cover("=tcp-flags=rst", COVER_PART);
    for (size_t i = 0; i < ARRAY_LEN(anything); i++) {
        (void)snprintf(words, sizeof(words), "=%s=!x", anything[i]);
        check_cover(words, COVER_ALL);
    }
    check_cover("=z=x", COVER_MAYBE);
    check_cover("=dst-por=x", COVER_MAYBE);
    check_cover("=dst-ports=x", COVER_MAYBE);
    check_cover("==x", COVER_ALL);
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
             "=.id=*6 =chain=forward =action=drop =psd=1", "=.id=*7 =chain=forward =connection-mark=x",
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

/* Six chains, each of which jumps to the next one ten times: each chain is walked once. */
static void test_many_ways_are_walked_once(void **state)
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
    add_row(TABLE_FILTER, "=.id=*80 =chain=f =action=drop =connection-mark=x");
    add_row(TABLE_FILTER, "=.id=*81 =chain=forward =action=accept");
    struct verdict verdict;
    firewall_judge(survey, TABLE_FILTER, "forward", &packet, 0, &verdict);
    check_ruling(verdict.sure, 0x81, FIREWALL_ACCEPT);
    check_ruling(verdict.maybe[FIREWALL_DROP], 0x80, FIREWALL_DROP);
}

/* A chain may be entered for a part of the class first, and for all of it later. */
static void test_a_chain_is_entered_again_for_more(void **state)
{
    (void)state;
    struct verdict v =
        judge_chain(ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a =psd=1",
                         "=.id=*2 =chain=forward =action=jump =jump-target=a =connection-mark=x",
                         "=.id=*3 =chain=forward =action=jump =jump-target=a",
                         "=.id=*4 =chain=forward =action=accept", "=.id=*5 =chain=a =action=drop"),
                    0);
    check_ruling(v.part[FIREWALL_DROP], 5, FIREWALL_DROP);
    check_ruling(v.maybe[FIREWALL_DROP], 5, FIREWALL_DROP);
    check_ruling(v.sure, 5, FIREWALL_DROP);
}

/* The rules after a decision, and after a return, have no effect. So they take no room either. */
static void test_what_is_not_reached(void **state)
{
    (void)state;
    struct verdict v = judge_chain(
        ROWS("=.id=*1 =chain=forward =action=jump =jump-target=a",
             "=.id=*2 =chain=forward =action=drop =connection-mark=x",
             "=.id=*3 =chain=forward =action=accept", "=.id=*4 =chain=forward =action=drop",
             "=.id=*5 =chain=a =action=return", "=.id=*6 =chain=a =action=drop",
             "=.id=*7 =chain=b =action=drop", "=.id=*8 =chain=forward =action=jump =jump-target=b"),
        0);
    check_ruling(v.sure, 3, FIREWALL_ACCEPT);
    check_ruling(v.maybe[FIREWALL_DROP], 2, FIREWALL_DROP);
    assert_false(v.part[FIREWALL_DROP].found);
}

/* A rule of that chain with a condition of its own. */
static void add_rule(uint32_t id, const char *chain, const char *action, const char *condition,
                     unsigned value)
{
    char words[256];
    (void)snprintf(words, sizeof(words), "=.id=*%X =chain=%s =action=%s =%s%u", (unsigned)id, chain, action,
                   condition, value);
    add_row(TABLE_FILTER, words);
}

static struct verdict judge_added(void)
{
    struct verdict verdict;
    add_rule(0x5000, "forward", "accept", "comment=", 0);
    firewall_judge(survey, TABLE_FILTER, "forward", &packet, 0, &verdict);
    return verdict;
}

/* However many rules do the same, the walk keeps the first. */
static void test_many_rules_take_no_room(void **state)
{
    (void)state;
    survey_begin_table(survey, TABLE_FILTER);
    for (unsigned i = 1; i <= 2 * WALK_STEPS_MAX; i++)
        add_rule(i, "forward", "drop", "src-port=", i);
    struct verdict v = judge_added();
    check_ruling(v.sure, 0x5000, FIREWALL_ACCEPT);
    check_ruling(v.part[FIREWALL_DROP], 1, FIREWALL_DROP);
}

/* What has no room could do anything. */
static void test_more_chains_than_there_is_room_for(void **state)
{
    (void)state;
    for (unsigned count = WALK_CHAINS_MAX - 1; count <= WALK_CHAINS_MAX; count++) {
        bool fits = count < WALK_CHAINS_MAX; /* with the chain forward */
        survey_begin_table(survey, TABLE_FILTER);
        for (unsigned i = 1; i <= count; i++)
            add_rule(i, "forward", "jump", "jump-target=", i);
        struct verdict v = judge_added();
        assert_int_equal(v.sure.found, fits);
        assert_int_equal(v.maybe[FIREWALL_DROP].found, !fits);
        assert_true(fits || v.maybe[FIREWALL_DROP].id == 0); /* no rule in particular */
    }
}

static void test_more_steps_than_there_is_room_for(void **state)
{
    (void)state;
    enum { CHAINS = 32 };
    for (unsigned spare = 0; spare <= 1; spare++) {
        unsigned count = WALK_STEPS_MAX - spare; /* and one in forward */
        survey_begin_table(survey, TABLE_FILTER);
        for (unsigned i = 0; i < count; i++) {
            char chain[16];
            (void)snprintf(chain, sizeof(chain), "%u", i / CHAINS);
            add_rule(i + 1, chain, "jump", "jump-target=", i % CHAINS);
        }
        struct verdict v = judge_added();
        assert_int_equal(v.sure.found, spare == 1);
        assert_int_equal(v.maybe[FIREWALL_DROP].found, spare == 0);
    }
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
        TEST(test_every_name_is_found),
        TEST(test_the_first_sure_rule_decides),
        TEST(test_jumps),
        TEST(test_jumps_in_a_circle_end),
        TEST(test_many_ways_are_walked_once),
        TEST(test_a_chain_is_entered_again_for_more),
        TEST(test_what_is_not_reached),
        TEST(test_many_rules_take_no_room),
        TEST(test_more_chains_than_there_is_room_for),
        TEST(test_more_steps_than_there_is_room_for),
        TEST(test_up_to_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
