/* Set-ups in which packets die, as rows: the check names the rule and the command. */
#include <stdio.h>

#include "check_unit.h"

/* At the end of each command that adds something. */
#define COMMENT "comment=\"double-natpmp: check\""

#define FILTER(words) set_table(TABLE_FILTER, ROWS(words))
#define MANGLE(...) set_table(TABLE_MANGLE, ROWS(__VA_ARGS__))

/* Our packet to the gateway left, and the router has put the address in the place of ours. */
#define LEFT                                                                                                 \
    "=src-address=172.17.0.2 =dst-port=5351 =seen-reply=false =timeout=29s =dst-address=10.2.0.1 "           \
    "=reply-dst-address="

/* The gateway does not answer, so the paths to it are in question. */
static int start_silent(void **state)
{
    int status = start(state);
    survey->upstream.address_known = false;
    return status;
}

/* ---- requests from the LAN ---- */

/* [S2] Clients are led into the tunnel, and their requests with them. */
static void test_requests_go_into_the_tunnel(void **state)
{
    (void)state;
    check_finding(FINDING_REQUEST, FINDING_PASS, "reach this machine", NULL);
    set_table(TABLE_RULE,
              ROWS("=.id=*5 =action=lookup-only-in-table =table=vpn-in =src-address=192.168.88.0/24"));
    check_finding(FINDING_REQUEST, FINDING_FAIL,
                  "routing rule *5 sends NAT-PMP requests from the LAN to wg1 instead of veth1",
                  "/routing/rule/add dst-address=172.17.0.0/30 action=lookup table=main place-before=*5");
    set_table(TABLE_RULE,
              ROWS("=.id=*6 =action=lookup =table=main =dst-address=172.17.0.0/30",
                   "=.id=*5 =action=lookup-only-in-table =table=vpn-in =src-address=192.168.88.0/24"));
    check_finding(FINDING_REQUEST, FINDING_PASS, "", NULL);
    set_table(TABLE_RULE, NULL);
    MANGLE("=.id=*7 =chain=prerouting =action=mark-routing =new-routing-mark=vpn-in =in-interface-list=LAN");
    check_finding(
        FINDING_REQUEST, FINDING_FAIL, "mangle rule *7 sends NAT-PMP requests from the LAN to wg1",
        "/ip/firewall/mangle/add chain=prerouting dst-address-type=local protocol=udp dst-port=5351 "
        "action=accept place-before=*7");
    MANGLE("=.id=*7 =chain=prerouting =action=mark-routing =new-routing-mark=vpn-in =in-interface-list=LAN "
           "=dst-address-type=!local");
    check_finding(FINDING_REQUEST, FINDING_PASS, "", NULL);
}

/* In RouterOS 6 the rules are elsewhere. */
static void test_routing_rules_of_version_6(void **state)
{
    (void)state;
    set_table(TABLE_RESOURCE, ROWS("=version=6.49.10_(long-term)"));
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-in =interface=bridge"));
    check_finding(FINDING_REQUEST, FINDING_FAIL, "routing rule *5", "/ip/route/rule/add dst-address=");
}

/* [S16] In prerouting nothing is translated yet. */
static void test_a_mark_for_what_is_not_translated(void **state)
{
    (void)state;
    MANGLE("=.id=*7 =chain=prerouting =action=mark-routing =new-routing-mark=vpn-in =in-interface=bridge "
           "=connection-nat-state=!dstnat");
    check_finding(FINDING_REQUEST, FINDING_FAIL, "mangle rule *7 sends", "action=accept place-before=*7");
}

/* [S5] */
static void test_forward_ends_with_a_drop(void **state)
{
    (void)state;
    set_table(TABLE_FILTER,
              ROWS("=.id=*3 =chain=forward =action=accept =connection-state=established,related",
                   "=.id=*4 =chain=forward =action=accept =connection-nat-state=dstnat =in-interface=wg1",
                   "=.id=*9 =chain=forward =action=drop"));
    check_finding(FINDING_REQUEST, FINDING_FAIL, "filter rule *9 drops NAT-PMP requests from the LAN",
                  "/ip/firewall/filter/add chain=forward dst-address=172.17.0.2 protocol=udp dst-port=5351 "
                  "action=accept place-before=*3");
    check_finding(FINDING_GATEWAY_PATH, FINDING_FAIL,
                  "filter rule *9 drops this machine's requests to the gateway",
                  "chain=forward src-address=172.17.0.2 dst-address=10.2.0.1 protocol=udp dst-port=5351 "
                  "action=accept place-before=*3");
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    survey->upstream.address_known = true;
    judge(survey, &room, &findings);
    assert_null(find(FINDING_GATEWAY_PATH)); /* the gateway answers, so it was asked */
}

/* [S14] Lists of addresses that should not exist have the container's. */
static void test_bogons(void **state)
{
    (void)state;
    set_table(TABLE_ADDRESS_LIST,
              ROWS("=list=bogons =address=172.16.0.0/12", "=list=bogons =address=10.0.0.0/8"));
    FILTER("=.id=*4 =chain=forward =action=drop =dst-address-list=bogons");
    check_finding(FINDING_REQUEST, FINDING_FAIL, "filter rule *4 drops NAT-PMP requests",
                  "dst-address=172.17.0.2");
    FILTER("=.id=*4 =chain=forward =action=drop =src-address-list=bogons");
    check_finding(FINDING_REQUEST, FINDING_FAIL, "filter rule *4 drops this machine's answers to the LAN",
                  "src-address=172.17.0.2 protocol=udp src-port=5351 action=accept place-before=*4");
    set_table(TABLE_RAW, ROWS("=.id=*2 =chain=prerouting =action=drop =src-address-list=bogons"));
    FILTER("=.id=*4 =chain=input =action=drop");
    check_finding(FINDING_GATEWAY_PATH, FINDING_FAIL,
                  "raw rule *2 drops this machine's requests to the gateway",
                  "/ip/firewall/raw/add chain=prerouting src-address=172.17.0.2 dst-address=10.2.0.1");
}

/* [S6] */
static void test_raw_rules(void **state)
{
    (void)state;
    set_table(TABLE_RAW,
              ROWS("=.id=*2 =chain=prerouting =action=drop =in-interface=wg1 =src-address=10.0.0.0/8"));
    check_finding(FINDING_GATEWAY_PATH, FINDING_FAIL, "raw rule *2 drops the gateway's answers",
                  "/ip/firewall/raw/add chain=prerouting src-address=10.2.0.1 protocol=udp src-port=5351 "
                  "action=accept place-before=*2");
    check_finding(FINDING_FORWARD, FINDING_PASS, "", NULL); /* nobody on the internet has such an address */
    set_table(TABLE_RAW, ROWS("=.id=*2 =chain=prerouting =action=drop =in-interface-list=!LAN"));
    check_finding(
        FINDING_FORWARD, FINDING_FAIL, "raw rule *2 drops connections from the tunnel",
        "/ip/firewall/raw/add chain=prerouting in-interface=wg1 dst-address-type=local action=accept");
    set_table(TABLE_RAW, ROWS("=.id=*2 =chain=prerouting =action=drop =some-condition=x"));
    check_finding(FINDING_GATEWAY_PATH, FINDING_WARN, "raw rule *2 may drop", "place-before=*2");
}

/* ---- requests to the gateway ---- */

/* In the chain forward the gateway's answers have this machine's address again, and are not dst-natted. */
static void test_the_answers_of_the_gateway(void **state)
{
    (void)state;
    FILTER("=.id=*4 =chain=forward =action=drop =in-interface=wg1 =dst-address=172.17.0.2");
    check_finding(
        FINDING_GATEWAY_PATH, FINDING_FAIL, "filter rule *4 drops the gateway's answers",
        "chain=forward src-address=10.2.0.1 protocol=udp src-port=5351 action=accept place-before=*4");
    FILTER("=.id=*4 =chain=forward =action=drop =in-interface=wg1 =dst-address=10.2.0.2");
    check_finding(FINDING_GATEWAY_PATH, FINDING_PASS, "", NULL);
    FILTER("=.id=*4 =chain=forward =action=drop =in-interface=wg1 =connection-nat-state=dstnat");
    check_finding(FINDING_GATEWAY_PATH, FINDING_PASS, "", NULL);
    FILTER("=.id=*4 =chain=forward =action=drop =in-interface=wg1 =connection-nat-state=srcnat");
    check_finding(FINDING_GATEWAY_PATH, FINDING_FAIL, "the gateway's answers", "src-address=10.2.0.1");
}

#define REQUESTED                                                                                            \
    "=src-address=172.17.0.2 =dst-address=10.2.0.1 =dst-port=5351 =seen-reply=false =timeout=29s "           \
    "=reply-dst-address="

/* [S4] */
static void test_nothing_translates_our_source(void **state)
{
    (void)state;
    check_finding(FINDING_SOURCE, FINDING_PASS, "srcnat rule *2 gives", NULL);
    set_table(TABLE_NAT, ROWS(REDIRECT, "=.id=*2 =chain=srcnat =action=masquerade =out-interface=ether1"));
    check_finding(FINDING_SOURCE, FINDING_FAIL, "no srcnat rule gives this machine's requests",
                  "/ip/firewall/nat/add chain=srcnat src-address=172.17.0.0/30 out-interface=wg1 "
                  "action=masquerade place-before=*2");
    set_table(TABLE_NAT,
              ROWS(REDIRECT, "=.id=*2 =chain=srcnat =action=masquerade =src-address=192.168.88.0/24"));
    check_finding(FINDING_SOURCE, FINDING_FAIL, "no srcnat rule", "place-before=*2");
    set_table(TABLE_NAT,
              ROWS(REDIRECT, "=.id=*3 =chain=srcnat =action=accept =out-interface=wg1", MASQUERADE));
    check_finding(FINDING_SOURCE, FINDING_FAIL, "no srcnat rule", "place-before=*3");
    set_table(TABLE_NAT, ROWS(REDIRECT, "=.id=*2 =chain=srcnat =action=masquerade =new-condition=x"));
    check_finding(FINDING_SOURCE, FINDING_WARN, "possibly no srcnat rule", "place-before=*2");
    /* The connection table says what became of the request. */
    set_table(TABLE_CONNECTION, ROWS(REQUESTED "172.17.0.2"));
    check_finding(FINDING_SOURCE, FINDING_FAIL, "connection table shows that nothing gives",
                  "src-address=172.17.0.0/30 out-interface=wg1 action=masquerade place-before=*2");
    set_table(TABLE_CONNECTION, ROWS(REQUESTED "10.2.0.2"));
    check_finding(FINDING_SOURCE, FINDING_PASS, "the address of wg1, 10.2.0.2", NULL);
    set_table(TABLE_CONNECTION, ROWS(REQUESTED "203.0.113.2"));
    check_finding(FINDING_SOURCE, FINDING_WARN, "possibly no srcnat rule", "place-before=*2");
}

/* The main table says ether1, but our packets have a table of their own. */
/* Routing rules and marks lead the packets. The daemon does not read them: it takes what the connection table
 * shows, else what the main table says for sure, else nothing. */
static void test_a_way_of_our_own(void **state)
{
    (void)state;
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=ether1"));
    set_table(TABLE_ADDRESS,
              ROWS("=address=203.0.113.2/24 =interface=ether1", "=address=192.168.88.1/24 =interface=bridge",
                   "=address=172.17.0.1/30 =interface=veth1", "=address=10.2.0.2/32 =interface=wg1"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "uses ether1", "gateway=wg1");
    assert_null(find(FINDING_RETURN));
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-in =dst-address=10.2.0.1/32"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "maps nothing", "gateway=wg1");
    assert_int_equal(find(FINDING_GATEWAY_PATH)->status, FINDING_PASS);
    set_table(TABLE_CONNECTION, ROWS(LEFT "10.2.0.2"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
    set_table(TABLE_CONNECTION, NULL);
    set_table(TABLE_RULE, NULL);
    MANGLE("=.id=*3 =chain=prerouting =action=mark-routing =new-routing-mark=vpn-in =src-address=172.17.0.2");
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "maps nothing", "gateway=wg1");
    set_table(TABLE_CONNECTION, ROWS(LEFT "10.2.0.2"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
    /* [S1] The answers to clients go the same way. */
    check_finding(
        FINDING_REQUEST, FINDING_FAIL, "mangle rule *3 sends this machine's answers to the LAN to wg1",
        "chain=prerouting src-address=172.17.0.2 protocol=udp src-port=5351 action=accept place-before=*3");
    MANGLE(MARK_IN);
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-in =src-address=172.17.0.2/32"));
    check_finding(FINDING_REQUEST, FINDING_FAIL,
                  "routing rule *5 sends this machine's answers to the LAN to wg1",
                  "/routing/rule/add dst-address=192.168.88.0/24 action=lookup table=main place-before=*5");
}

/* A packet that left by a tunnel counts for more than routing rules that lead elsewhere now, as it does for
 * the daemon. The check says where the packets are lost. */
static void test_a_flow_in_a_tunnel(void **state)
{
    (void)state;
    set_table(TABLE_INTERFACE, ROWS("=name=ether1 =type=ether =running=true =disabled=false",
                                    "=name=bridge =type=bridge =running=true =disabled=false",
                                    "=name=wg1 =type=wg =running=true =disabled=false",
                                    "=name=wg2 =type=wg =running=true =disabled=false"));
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE, "=dst-address=0.0.0.0/0 =gateway=wg2 =immediate-gw=wg2 "
                                               "=routing-table=vpn-out =active=true"));
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-out =dst-address=10.2.0.1/32"));
    set_table(TABLE_CONNECTION, ROWS(LEFT "10.2.0.2"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
    check_finding(FINDING_GATEWAY_PATH, FINDING_FAIL, "routing rule *5", "table=main place-before=*5");
    /* The route of the main table is specific. */
    set_table(TABLE_CONNECTION, NULL);
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
}

/* ---- the answers of clients ---- */

/* What is there is not added again: the router would refuse it, or have it twice. */
static void test_what_is_missing_for_the_answers(void **state)
{
    static const char in[] = "/ip/firewall/mangle/add chain=prerouting in-interface=wg1";
    static const char out[] = "/ip/firewall/mangle/add chain=prerouting in-interface=!wg1";
    (void)state;
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    check_finding(FINDING_RETURN, FINDING_FAIL, "the main routing table sends",
                  "/ip/route/add dst-address=0.0.0.0/0 gateway=wg1 routing-table=vpn-in");
    assert_null(strstr(find(FINDING_RETURN)->cure, ";"));
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE, "=dst-address=0.0.0.0/0 =immediate-gw=203.0.113.1%ether1 "
                                               "=routing-table=vpn-in"));
    check_finding(FINDING_RETURN, FINDING_FAIL, "mangle rule *2 sends",
                  "/ip/route/set [find dst-address=0.0.0.0/0 routing-table=vpn-in] gateway=wg1");
    assert_null(strstr(find(FINDING_RETURN)->cure, ";"));
    /* Of a tunnel that is down the routes are not active, and the check does not see them. */
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    set_table(TABLE_INTERFACE, ROWS("=name=wg1 =type=wg =running=false =disabled=true"));
    check_finding(FINDING_RETURN, FINDING_FAIL, "the main routing table sends", "run the check again");
    assert_null(strstr(find(FINDING_RETURN)->cure, "/ip/route/add"));
    set_table(TABLE_INTERFACE, ROWS("=name=wg1 =type=wg =running=true =disabled=false"));
    /* The table is known by a routing rule. */
    MANGLE(MARK_IN);
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-in =src-address=192.168.99.0/24"));
    check_finding(FINDING_RETURN, FINDING_FAIL, "the main routing table sends",
                  "/ip/route/add dst-address=0.0.0.0/0 gateway=wg1 routing-table=vpn-in " COMMENT "; ");
    assert_non_null(strstr(find(FINDING_RETURN)->cure, out));
    assert_null(strstr(find(FINDING_RETURN)->cure, in));
    assert_null(strstr(find(FINDING_RETURN)->cure, "/routing/table"));
    set_table(TABLE_RULE, NULL);
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE, TUNNEL_ROUTE));
    check_finding(FINDING_RETURN, FINDING_FAIL, "", out);
    assert_null(strstr(find(FINDING_RETURN)->cure, ";"));
    MANGLE(MARK_OUT);
    check_finding(FINDING_RETURN, FINDING_FAIL, "", in);
    assert_null(strstr(find(FINDING_RETURN)->cure, ";"));
    /* A mark that other connections have, too, is not ours. */
    MANGLE("=.id=*1 =chain=prerouting =action=mark-connection =connection-mark=no-mark "
           "=new-connection-mark=all =passthrough=true");
    check_finding(FINDING_RETURN, FINDING_FAIL, "", in);
    assert_non_null(strstr(find(FINDING_RETURN)->cure, out));
}

/* What a raw rule drops has marks all the same. */
static void test_a_raw_rule_is_one_failure(void **state)
{
    (void)state;
    set_table(TABLE_RAW, ROWS("=.id=*9 =chain=prerouting =action=drop =in-interface=wg1 =protocol=tcp"));
    check_finding(FINDING_FORWARD, FINDING_FAIL, "raw rule *9 drops", "place-before=*9");
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
}

static void test_answers_leave_by_another_way(void **state)
{
    (void)state;
    check_finding(FINDING_RETURN, FINDING_PASS, "leave through wg1", NULL);
    set_table(TABLE_MANGLE, NULL);
    check_finding(FINDING_RETURN, FINDING_FAIL, "the main routing table sends clients' answers",
                  "/ip/firewall/mangle/add chain=prerouting in-interface=wg1 connection-state=new");
    assert_null(strstr(find(FINDING_RETURN)->cure, "/routing/table"));
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    check_finding(FINDING_RETURN, FINDING_FAIL, "",
                  "/routing/table/add name=vpn-in fib " COMMENT
                  "; /ip/route/add dst-address=0.0.0.0/0 gateway=wg1 "
                  "routing-table=vpn-in " COMMENT "; /ip/firewall/mangle/add");
    set_table(TABLE_RESOURCE, ROWS("=version=6.49.10_(long-term)"));
    check_finding(FINDING_RETURN, FINDING_FAIL, "",
                  "gateway=wg1 routing-mark=vpn-in " COMMENT "; /ip/firewall/mangle/add");
    assert_null(strstr(find(FINDING_RETURN)->cure, "/routing/table"));
    set_table(TABLE_ROUTE, ROWS("=dst-address=0.0.0.0/0 =immediate-gw=wg1"));
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
}

/* [S13] */
static void test_marks_that_do_not_last(void **state)
{
    (void)state;
    /* Another rule takes the answer's packets, and its mark replaces ours. */
    MANGLE(MARK_IN,
           "=.id=*8 =chain=prerouting =action=mark-connection =in-interface=bridge "
           "=new-connection-mark=isp =passthrough=true",
           MARK_OUT);
    check_finding(FINDING_RETURN, FINDING_FAIL, "mangle rule *8 replaces the connection mark of rule *1",
                  "/ip/firewall/mangle/set *8 connection-mark=no-mark");
    MANGLE(MARK_IN, MARK_OUT,
           "=.id=*8 =chain=prerouting =action=mark-connection =in-interface=bridge "
           "=new-connection-mark=isp =passthrough=true");
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    /* New connections of some destinations only. */
    set_table(TABLE_ADDRESS_LIST, ROWS("=list=apps =address=17.0.0.0/8"));
    MANGLE("=.id=*8 =chain=prerouting =action=mark-routing =in-interface=bridge =dst-address-list=apps "
           "=new-routing-mark=vpn-in");
    check_finding(FINDING_RETURN, FINDING_FAIL, "the main routing table sends", "new-connection-mark=vpn-in");
    MANGLE("=.id=*8 =chain=prerouting =action=mark-routing =in-interface=bridge =connection-state=new "
           "=new-routing-mark=vpn-in");
    check_finding(FINDING_RETURN, FINDING_FAIL, "the main routing table sends", "new-connection-mark=vpn-in");
    MANGLE("=.id=*8 =chain=prerouting =action=mark-routing =in-interface=bridge =src-address=192.168.88.7 "
           "=new-routing-mark=vpn-in");
    check_finding(FINDING_RETURN, FINDING_WARN, "the main routing table may send",
                  "new-connection-mark=vpn-in");
}

/* A rule for a queue takes the mark away, and no second copy of ours would help. */
static void test_a_mark_that_is_replaced(void **state)
{
    static const char *const chains[] = {"forward", "postrouting"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        char rule[256];
        (void)snprintf(rule, sizeof(rule),
                       "=.id=*9 =chain=%s =action=mark-connection =new-connection-mark=qos =passthrough=true",
                       chains[i]);
        MANGLE(MARK_IN, MARK_OUT, rule);
        check_finding(FINDING_RETURN, FINDING_FAIL, "mangle rule *9 replaces the connection mark of rule *1",
                      "/ip/firewall/mangle/set *9 connection-mark=no-mark");
        assert_null(strstr(find(FINDING_RETURN)->cure, "/add"));
        (void)strncat(rule, " =connection-mark=no-mark", sizeof(rule) - strlen(rule) - 1);
        MANGLE(MARK_IN, MARK_OUT, rule);
        check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    }
    /* The first answer leaves by the tunnel, and the second one does not. */
    MANGLE(MARK_IN, MARK_OUT,
           "=.id=*9 =chain=forward =action=mark-connection =out-interface=wg1 =new-connection-mark=qos "
           "=passthrough=true");
    check_finding(FINDING_RETURN, FINDING_FAIL, "mangle rule *9 replaces", "set *9 connection-mark=no-mark");
}

/* The rules are there, but others come first. */
static void test_rules_that_come_too_late(void **state)
{
    (void)state;
    MANGLE("=.id=*9 =chain=prerouting =action=mark-connection =in-interface=wg1 =connection-mark=no-mark "
           "=new-connection-mark=in =passthrough=false",
           MARK_IN, MARK_OUT);
    check_finding(FINDING_RETURN, FINDING_FAIL, "", "connection-mark=in action=mark-routing");
    MANGLE("=.id=*9 =chain=prerouting =action=mark-connection =in-interface-list=WAN "
           "=connection-mark=no-mark =new-connection-mark=in =passthrough=true",
           MARK_IN, MARK_OUT);
    check_finding(FINDING_RETURN, FINDING_FAIL, "", "/ip/firewall/mangle/move *1 destination=*9");
    assert_null(strstr(find(FINDING_RETURN)->cure, "/add"));
    MANGLE("=.id=*9 =chain=prerouting =action=accept =in-interface=bridge", MARK_IN, MARK_OUT);
    check_finding(FINDING_RETURN, FINDING_FAIL, "", "/ip/firewall/mangle/move *2 destination=*9");
    assert_null(strstr(find(FINDING_RETURN)->cure, "/add"));
}

/* One host does not stand for the internet. */
static void test_a_part_of_the_internet(void **state)
{
    (void)state;
    set_table(TABLE_MANGLE, NULL);
    set_table(TABLE_ROUTE,
              ROWS(DEFAULT_ROUTE, "=dst-address=0.0.0.0/1 =immediate-gw=wg1 =routing-table=main"));
    check_finding(FINDING_RETURN, FINDING_FAIL, "ether1 instead of wg1, for instance to 133.0.0.1",
                  "action=mark-connection");
    set_table(TABLE_ROUTE,
              ROWS(DEFAULT_ROUTE, "=dst-address=128.0.0.0/1 =immediate-gw=wg1 =routing-table=main"));
    check_finding(FINDING_RETURN, FINDING_FAIL, "for instance to 11.0.0.1", "action=mark-connection");
    set_table(TABLE_ROUTE, ROWS("=dst-address=0.0.0.0/1 =immediate-gw=wg1 =routing-table=main",
                                "=dst-address=128.0.0.0/1 =immediate-gw=wg1 =routing-table=main"));
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    check_finding(FINDING_RETURN, FINDING_FAIL, "to ether1 instead of wg1", "");
    assert_null(strstr(find(FINDING_RETURN)->what, "for instance"));
}

#define DROP "=.id=*4 =chain=forward =action=drop =in-interface=wg1 =connection-state=new "

static void test_some_hosts_are_dropped(void **state)
{
    (void)state;
    FILTER(DROP "=src-address=!45.0.0.0/8");
    check_finding(
        FINDING_FORWARD, FINDING_WARN,
        "filter rule *4 drops connections from the tunnel to mapped ports, for instance from 11.0.0.1", "");
    FILTER(DROP "=src-address=!200.0.0.0/8");
    check_finding(FINDING_FORWARD, FINDING_WARN, "for instance from 11.0.0.1", "");
    FILTER(DROP "=src-address=128.0.0.0/1");
    check_finding(FINDING_FORWARD, FINDING_WARN, "for instance from 133.0.0.1", "");
    FILTER(DROP "=src-address=11.22.0.0/16");
    check_finding(FINDING_FORWARD, FINDING_PASS, "", NULL);
    set_table(TABLE_ADDRESS_LIST, ROWS("=list=ok =address=45.0.0.0/8"));
    FILTER(DROP "=src-address-list=!ok");
    check_finding(FINDING_FORWARD, FINDING_WARN, "filter rule *4 drops", "");
    set_table(TABLE_FILTER, NULL);
    set_table(TABLE_RAW, ROWS("=.id=*7 =chain=prerouting =action=drop =in-interface=wg1 =protocol=udp "
                              "=src-address-list=!ok"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "raw rule *7 drops", "");
}

/* [S15] */
static void test_answers_are_dropped(void **state)
{
    (void)state;
    set_table(TABLE_ADDRESS_LIST,
              ROWS("=list=private =address=192.168.0.0/16", "=list=private =address=10.0.0.0/8"));
    FILTER("=.id=*4 =chain=forward =action=drop =src-address-list=private =dst-address-list=!private");
    check_finding(FINDING_RETURN, FINDING_FAIL, "filter rule *4 drops clients' answers",
                  "/ip/firewall/filter/add chain=forward src-address=192.168.88.0/24 "
                  "connection-state=established,related action=accept place-before=*4");
    FILTER("=.id=*4 =chain=forward =action=drop =src-address-list=private =dst-address-list=!private "
           "=connection-state=new");
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
}

/* [S3] */
static void test_fasttrack(void **state)
{
    (void)state;
#define FASTTRACK "=.id=*5 =chain=forward =action=fasttrack-connection =connection-state=established,related "
    FILTER(FASTTRACK "=hw-offload=true");
    check_finding(FINDING_FASTTRACK, FINDING_FAIL, "filter rule *5 fasttracks connections",
                  "/ip/firewall/filter/set *5 connection-mark=no-mark");
    FILTER(FASTTRACK "=connection-mark=no-mark");
    check_finding(FINDING_FASTTRACK, FINDING_PASS, "", NULL);
    FILTER(FASTTRACK "=dynamic=true");
    check_finding(FINDING_FASTTRACK, FINDING_FAIL, "filter rule *5 fasttracks",
                  "find out what makes rule *5: /ip/firewall/filter/print detail where .id=*5");
    FILTER(FASTTRACK "=disabled=true");
    check_finding(FINDING_FASTTRACK, FINDING_PASS, "", NULL);
    FILTER(FASTTRACK);
    /* A connection without a mark is not told from others by it. */
    MANGLE("=.id=*8 =chain=prerouting =action=mark-routing =in-interface=bridge =dst-address-type=!local "
           "=new-routing-mark=vpn-in");
    check_finding(
        FINDING_FASTTRACK, FINDING_FAIL, "filter rule *5 fasttracks",
        "/ip/firewall/filter/add chain=forward in-interface=wg1 connection-state=established,related "
        "action=accept place-before=*5 " COMMENT "; /ip/firewall/filter/add chain=forward out-interface=wg1");
    /* A routing rule and the default route need no mark. */
    set_table(TABLE_MANGLE, NULL);
    set_table(TABLE_RULE, ROWS("=.id=*5 =action=lookup =table=vpn-in =interface=bridge"));
    check_finding(FINDING_FASTTRACK, FINDING_PASS, "", NULL);
}

/* [S17] Marks that no request has, and a list with a wrong member. */
static void test_no_false_alarm(void **state)
{
    (void)state;
    set_table(TABLE_NAT,
              ROWS(REDIRECT, "=.id=*3 =chain=srcnat =action=masquerade =connection-mark=isp", MASQUERADE));
    check_finding(FINDING_CLIENTS_VISIBLE, FINDING_PASS, "", NULL);
    MANGLE("=.id=*8 =chain=forward =action=mark-connection =new-connection-mark=isp =out-interface=veth1");
    check_finding(FINDING_CLIENTS_VISIBLE, FINDING_FAIL, "srcnat rule *3 hides", "place-before=*3");
    set_table(TABLE_MEMBER,
              ROWS("=list=WAN =interface=wg1", "=list=LAN =interface=bridge", "=list=LAN =interface=ether1"));
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    check_finding(FINDING_REDIRECT_LAN, FINDING_FAIL, "also takes requests from ether1",
                  "/ip/firewall/nat/set *1 !in-interface-list in-interface=bridge");
}

#define SILENT(function) cmocka_unit_test_setup_teardown(function, start_silent, stop)

UNIT(flows)
{
    const struct CMUnitTest tests[] = {
        SILENT(test_requests_go_into_the_tunnel),
        SILENT(test_routing_rules_of_version_6),
        SILENT(test_a_mark_for_what_is_not_translated),
        SILENT(test_forward_ends_with_a_drop),
        SILENT(test_bogons),
        SILENT(test_raw_rules),
        SILENT(test_the_answers_of_the_gateway),
        SILENT(test_nothing_translates_our_source),
        SILENT(test_a_way_of_our_own),
        SILENT(test_a_flow_in_a_tunnel),
        SILENT(test_answers_leave_by_another_way),
        SILENT(test_what_is_missing_for_the_answers),
        SILENT(test_a_raw_rule_is_one_failure),
        SILENT(test_marks_that_do_not_last),
        SILENT(test_a_mark_that_is_replaced),
        SILENT(test_rules_that_come_too_late),
        SILENT(test_a_part_of_the_internet),
        SILENT(test_some_hosts_are_dropped),
        SILENT(test_answers_are_dropped),
        SILENT(test_fasttrack),
        SILENT(test_no_false_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
