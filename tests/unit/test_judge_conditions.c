/* Conditions that decide whether anything arrives: at the redirect, in interface lists, in rules that drop,
 * and in the tracking of connections. What cannot be known makes a warning. */
#include <stdio.h>

#include "check_unit.h"

#define BY(condition)                                                                                        \
    "=.id=*1 =chain=dstnat =action=dst-nat =dst-address-type=local =protocol=udp =dst-port=5351 "            \
    "=to-addresses=172.17.0.2 " condition

static void set_redirect(const char *condition)
{
    char words[512];
    (void)snprintf(words, sizeof words, BY("%s"), condition);
    set_table(TABLE_NAT, ROWS(words, MASQUERADE));
}

/* ---- the redirect ---- */

static void test_the_redirect_takes_no_request(void **state)
{
    static const char *const conditions[] = {"=src-address-list=empty", "=dst-address=192.168.88.9",
                                             "=src-address=10.0.0.0/8", "=src-address-type=local",
                                             "=in-interface=bridge =connection-mark=x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        char what[64];
        const char *name =
            strrchr(conditions[i], ' ') != NULL ? strrchr(conditions[i], ' ') + 1 : conditions[i];
        set_redirect(conditions[i]);
        (void)snprintf(what, sizeof what, "no request of the LAN meets its condition %.*s",
                       (int)strcspn(name + 1, "="), name + 1);
        check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, what, "/ip/firewall/nat/set *1 !");
    }
    set_table(TABLE_NAT,
              ROWS("=.id=*1 =chain=dstnat =action=dst-nat =dst-address-type=broadcast =protocol=udp "
                   "=dst-port=5351 =to-addresses=172.17.0.2 =in-interface=bridge",
                   MASQUERADE));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "dst-address-type",
                  "/ip/firewall/nat/set *1 dst-address-type=local");
}

static void test_the_redirect_may_not_take_a_request(void **state)
{
    static const char *const conditions[] = {
        "=time=8h-9h,mon",  "=random=50",     "=packet-size=0-10",    "=limit=5,5:packet",
        "=dst-limit=1,5,x", "=src-port=5351", "=layer7-protocol=p2p", "=invented-tomorrow=x",
        "=src-port=1-1023", "=nth=2,1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        char what[64];
        (void)snprintf(what, sizeof what, "condition %.*s", (int)strcspn(conditions[i] + 1, "="),
                       conditions[i] + 1);
        set_redirect(conditions[i]);
        check_finding(FINDING_REDIRECT_ORDER, FINDING_WARN, what,
                      strncmp(conditions[i], "=invented", 9) != 0 ? "/ip/firewall/nat/set *1 !"
                                                                  : "take the condition out");
    }
}

/* To choose hosts is no mistake. */
static void test_the_redirect_is_for_some_hosts(void **state)
{
    static const char *const conditions[] = {"=in-interface=bridge =src-address=192.168.88.128/25",
                                             "=in-interface=bridge =src-address-list=friends",
                                             "=in-interface=bridge =src-mac-address=00:11:22:33:44:55",
                                             "=in-interface=bridge =dst-address=192.168.88.1",
                                             "=in-interface=bridge =src-address-type=!local",
                                             "=in-interface=bridge =connection-mark=no-mark"};
    (void)state;
    set_table(TABLE_ADDRESS_LIST, ROWS("=list=friends =address=192.168.88.7"));
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        set_redirect(conditions[i]);
        check_finding(FINDING_REDIRECT_ORDER, FINDING_PASS, "", NULL);
    }
}

/* ---- lists of interfaces ---- */

static void test_a_list_without_members(void **state)
{
    (void)state;
    set_table(TABLE_MEMBER,
              ROWS("=list=WAN =interface=ether1", "=list=LAN =interface=bridge =disabled=true"));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "in-interface-list",
                  "/ip/firewall/nat/set *1 !in-interface-list in-interface=bridge");
    set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1"));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "in-interface-list", "in-interface=bridge");
    set_table(TABLE_LIST, ROWS("=name=WAN"));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "in-interface-list", "in-interface=bridge");
}

static void test_lists_of_lists(void **state)
{
    (void)state;
    set_table(TABLE_LIST, ROWS("=name=WAN", "=name=LAN =include=HOME", "=name=HOME"));
    set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1", "=list=HOME =interface=bridge"));
    for (unsigned i = 0; i < 4; i++) {
        if (i == 1)
            set_table(TABLE_LIST, ROWS("=name=HOME", "=name=LAN =include=WORK,HOME =exclude=WAN", "=name=WAN",
                                       "=name=WORK"));
        if (i == 2)
            set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1", "=list=HOME =interface=bridge",
                                         "=list=LAN =interface=bridge =dynamic=true"));
        if (i == 3) {
            set_table(TABLE_LIST, ROWS("=name=WAN", "=name=LAN =include=all =exclude=WAN"));
            set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1", "=list=WAN =interface=wg1"));
        }
        judge(survey, &room, &findings);
        for (unsigned k = 0; k < findings.count; k++)
            if (findings.at[k].status != FINDING_PASS)
                fail_msg("%u: %s: %s", i, finding_name((enum finding_id)findings.at[k].id),
                         findings.at[k].what);
    }
    set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1"));
    check_finding(FINDING_REDIRECT_LAN, FINDING_FAIL, "also takes requests from wg1", "in-interface=bridge");
    /* What is included and excluded, is not a member. */
    set_table(TABLE_LIST, ROWS("=name=WAN", "=name=HOME", "=name=LAN =include=HOME =exclude=HOME"));
    set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1", "=list=HOME =interface=bridge"));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "in-interface-list", "in-interface=bridge");
    /* Lists that include each other. */
    set_table(TABLE_LIST, ROWS("=name=WAN", "=name=HOME =include=LAN", "=name=LAN =include=HOME"));
    assert_non_null(find(FINDING_REDIRECT_ORDER));
}

/* ---- what drops ---- */

static void test_drops_that_nobody_can_know(void **state)
{
    static const char *const conditions[] = {
        "time=0s-8h,mon",  "limit=5,5:packet",  "layer7-protocol=p2p", "random=50",   "content=x",
        "dst-limit=1,5,x", "packet-size=0-100", "ttl=less-than:10",    "p2p=all-p2p",
    };
    static const struct {
        enum table_name table;
        const char *rule;
        enum finding_id id;
    } places[] = {
        {TABLE_FILTER, "=.id=*9 =chain=forward =action=drop =in-interface=wg1", FINDING_FORWARD},
        {TABLE_RAW, "=.id=*9 =chain=prerouting =action=drop =in-interface=wg1", FINDING_FORWARD},
        {TABLE_FILTER, "=.id=*9 =chain=forward =action=drop =in-interface=bridge", FINDING_REQUEST},
        {TABLE_RAW, "=.id=*9 =chain=prerouting =action=drop =in-interface=bridge", FINDING_REQUEST},
    };
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(places); p++)
        for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
            char words[256];
            (void)snprintf(words, sizeof words, "%s =%s", places[p].rule, conditions[i]);
            set_table(TABLE_FILTER, NULL);
            set_table(TABLE_RAW, NULL);
            set_table(places[p].table, ROWS(words));
            check_finding(places[p].id, FINDING_WARN, "*9 may drop", "action=accept place-before=*9");
        }
}

static void test_drops_of_ports_and_flags(void **state)
{
#define DROP "=.id=*9 =chain=forward =action=drop =in-interface=wg1 =protocol=tcp "
    (void)state;
    set_table(TABLE_FILTER, ROWS(DROP "=src-port=1024-65535"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "may drop", "place-before=*9");
    set_table(TABLE_FILTER, ROWS(DROP "=src-port=!53"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "may drop", "place-before=*9");
    set_table(TABLE_FILTER, ROWS(DROP "=dst-port=1024-65535"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "may drop", "place-before=*9");
    set_table(TABLE_FILTER, ROWS(DROP "=tcp-flags=syn,!ack"));
    check_finding(FINDING_FORWARD, FINDING_FAIL, "drops", "place-before=*9");
    /* What does not concern us: ports of servers, strange packets, some hosts, a time for some services. */
    static const char *const others[] = {
        DROP "=src-port=0-1023",
        DROP "=dst-port=22,23",
        DROP "=tcp-flags=fin,!syn",
        DROP "=tcp-flags=!syn",
        DROP "=src-address-list=strangers",
        DROP "=psd=21,3s,3,1",
        DROP "=connection-limit=100,32",
        DROP "=dst-port=80 =time=0s-8h,mon",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        set_table(TABLE_FILTER, ROWS(others[i]));
        check_finding(FINDING_FORWARD, FINDING_PASS, "", NULL);
    }
    set_table(TABLE_FILTER, ROWS("=.id=*3 =chain=forward =action=accept =in-interface=wg1 =time=8h-9h,mon",
                                 "=.id=*4 =chain=forward =action=drop =in-interface=wg1"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "*4 may drop", "place-before=*3");
}

/* A rule that is added before the first static one would not come first. */
static void test_a_dynamic_rule_that_drops(void **state)
{
    (void)state;
    set_table(TABLE_FILTER, ROWS("=.id=*3 =chain=forward =action=drop =in-interface=wg1 =dynamic=true",
                                 "=.id=*4 =chain=forward =action=accept"));
    check_finding(FINDING_FORWARD, FINDING_FAIL, "*3 drops",
                  "find out what makes rule *3: /ip/firewall/filter/print detail where .id=*3");
    set_table(TABLE_FILTER, NULL);
    set_table(TABLE_RAW, ROWS("=.id=*3 =chain=prerouting =action=drop =in-interface=wg1 =dynamic=true",
                              "=.id=*4 =chain=prerouting =action=accept"));
    check_finding(FINDING_FORWARD, FINDING_FAIL, "*3 drops",
                  "find out what makes rule *3: /ip/firewall/raw/print detail where .id=*3");
}

static void test_an_earlier_translation(void **state)
{
    (void)state;
    set_table(TABLE_NAT, ROWS("=.id=*9 =chain=dstnat =action=dst-nat =protocol=udp =in-interface=bridge "
                              "=to-addresses=1.1.1.1 =time=0s-8h,mon",
                              REDIRECT, MASQUERADE));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_WARN, "rule *9 comes before *1 and may take",
                  "/ip/firewall/nat/move *1 destination=*9");
    /* In a chain to which a jump leads, which is what must come later. */
    static const char redirect[] = REDIRECT;
    static const char masquerade[] = MASQUERADE;
    static const char taker[] = "=.id=*9 =chain=lan =action=dst-nat =protocol=udp =to-addresses=1.1.1.1";
    static const char jump[] = "=.id=*8 =chain=dstnat =action=jump =jump-target=lan =in-interface=bridge";
    static const char dynamic_jump[] =
        "=.id=*8 =chain=dstnat =action=jump =jump-target=lan =in-interface=bridge =dynamic=true";
    set_table(TABLE_NAT, ROWS(taker, jump, redirect, masquerade));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "rule *9 comes before *1 and takes",
                  "/ip/firewall/nat/move *1 destination=*8");
    /* Before a dynamic one nothing can be moved. */
    set_table(TABLE_NAT, ROWS(taker, dynamic_jump, redirect, masquerade));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "rule *9 comes before *1 and takes",
                  "find out what makes rule *8: /ip/firewall/nat/print detail where .id=*8");
    set_table(TABLE_NAT, ROWS("=.id=*7 =chain=dstnat =action=redirect =protocol=udp =dynamic=true", REDIRECT,
                              MASQUERADE));
    check_finding(FINDING_REDIRECT_ORDER, FINDING_FAIL, "rule *7 comes before *1 and takes",
                  "find out what makes rule *7: /ip/firewall/nat/print detail where .id=*7");
}

/* ---- connections that are not tracked ---- */

static void test_untracked(void **state)
{
    (void)state;
    set_table(TABLE_RAW,
              ROWS("=.id=*9 =chain=prerouting =action=notrack =in-interface=bridge =protocol=udp"));
    check_finding(FINDING_REQUEST, FINDING_FAIL,
                  "raw rule *9 takes NAT-PMP requests from the LAN from connection tracking, so that no rule "
                  "translates them",
                  "/ip/firewall/raw/add chain=prerouting dst-address-type=local protocol=udp dst-port=5351 "
                  "action=accept place-before=*9");
    set_table(TABLE_RAW, ROWS("=.id=*9 =chain=prerouting =action=notrack =in-interface=wg1"));
    check_finding(FINDING_FORWARD, FINDING_FAIL, "raw rule *9 takes connections from the tunnel",
                  "action=accept place-before=*9");
    set_table(TABLE_RAW, ROWS("=.id=*9 =chain=prerouting =action=notrack =in-interface=wg1 =time=0s-8h,mon"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "raw rule *9 may take", "place-before=*9");
    set_table(TABLE_RAW, ROWS("=.id=*8 =chain=prerouting =action=accept =in-interface=wg1",
                              "=.id=*9 =chain=prerouting =action=notrack =in-interface=wg1"));
    check_finding(FINDING_FORWARD, FINDING_PASS, "", NULL);
}

static void test_no_tracking_at_all(void **state)
{
    (void)state;
    check_finding(FINDING_TRACKING, FINDING_PASS, "", NULL);
    set_table(TABLE_TRACKING, ROWS("=enabled=no"));
    check_finding(FINDING_TRACKING, FINDING_FAIL, "no rule translates",
                  "/ip/firewall/connection/tracking/set enabled=auto");
    set_table(TABLE_TRACKING, ROWS("=enabled=false"));
    check_finding(FINDING_TRACKING, FINDING_FAIL, "no rule translates", "enabled=auto");
    set_table(TABLE_TRACKING, ROWS("=enabled=yes"));
    check_finding(FINDING_TRACKING, FINDING_PASS, "", NULL);
    set_table(TABLE_TRACKING, ROWS("=enabled=true"));
    check_finding(FINDING_TRACKING, FINDING_PASS, "", NULL);
    set_table(TABLE_TRACKING, NULL);
    assert_null(find(FINDING_TRACKING));
}

UNIT(judge_conditions)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_redirect_takes_no_request),
        TEST(test_the_redirect_may_not_take_a_request),
        TEST(test_the_redirect_is_for_some_hosts),
        TEST(test_a_list_without_members),
        TEST(test_lists_of_lists),
        TEST(test_drops_that_nobody_can_know),
        TEST(test_drops_of_ports_and_flags),
        TEST(test_a_dynamic_rule_that_drops),
        TEST(test_an_earlier_translation),
        TEST(test_untracked),
        TEST(test_no_tracking_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
