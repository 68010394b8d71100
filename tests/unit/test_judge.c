/* From rows to findings: rows that the router model does not produce, and incomplete answers. */
#include <stdio.h>

#include "check_unit.h"

static void refuse(enum table_name name, enum ros_error error, const char *message)
{
    survey_begin_table(survey, name);
    survey->table[name].state = TABLE_REFUSED;
    survey->table[name].error = (uint8_t)error;
    survey->table[name].message = log_safe(span_text(message));
}

/* The paths to the gateway are in question if it does not answer, and what it answers if it does. */
static void test_all_is_well(void **state)
{
    (void)state;
    bool seen[FINDINGS] = {false};
    set_table(TABLE_NAT, ROWS(REDIRECT, MAPPED, MASQUERADE));
    for (unsigned answers = 0; answers < 2; answers++) {
        survey->upstream.address_known = answers == 1;
        judge(survey, &room, &findings);
        for (unsigned i = 0; i < findings.count; i++) {
            enum finding_id id = (enum finding_id)findings.at[i].id;
            assert_true(i == 0 || findings.at[i - 1].id < id);
            seen[id] = true;
            if (findings.at[i].status == FINDING_PASS && findings.at[i].cure[0] == '\0')
                continue;
            if (id != FINDING_GATEWAY || answers == 1)
                fail_msg("%s: %s", finding_name(id), findings.at[i].what);
        }
    }
    for (unsigned i = 0; i < FINDINGS; i++)
        if (!seen[i])
            fail_msg("no finding about %s", finding_name((enum finding_id)i));
}

static void test_nothing_was_answered(void **state)
{
    (void)state;
    survey->logged_in = false;
    survey->failure = FAILURE_TIMEOUT;
    survey->trial = TRIAL_NONE;
    memset(survey->table, 0, sizeof(survey->table));
    survey->upstream.address_known = false;
    survey->upstream.trouble = GATEWAY_UNKNOWN;
    judge(survey, &room, &findings);
    assert_int_equal(findings.count, 2);
    check_finding(FINDING_API, FINDING_FAIL, "does not answer",
                  "src-address=172.17.0.2 protocol=tcp dst-port=8728");
    check_finding(FINDING_GATEWAY, FINDING_FAIL, "does not answer", "/tool/ping 10.2.0.1");
}

static void test_a_refused_login(void **state)
{
    (void)state;
    survey->logged_in = false;
    survey->trial = TRIAL_NONE;
    survey->failure = FAILURE_LOGIN;
    check_finding(FINDING_API, FINDING_PASS, "answers", NULL);
    check_finding(FINDING_LOGIN, FINDING_FAIL, "refuses the login: wrong password",
                  "/user/set [find name=natpmp]");
}

/* An inquiry that ended before anything could fail. */
static void test_a_check_that_was_stopped(void **state)
{
    (void)state;
    survey->logged_in = false;
    survey->trial = TRIAL_NONE;
    check_finding(FINDING_API, FINDING_FAIL, "the check was stopped (172.17.0.1 port 8728)", NULL);
}

static void test_tables_that_are_not_whole(void **state)
{
    (void)state;
    refuse(TABLE_FILTER, ROS_ERROR_OTHER, "failure: busy");
    check_finding(FINDING_POLICY_READ, FINDING_WARN, "failure: busy", NULL);
    check_finding(FINDING_FORWARD, FINDING_WARN, "could not be read", NULL);
    refuse(TABLE_NAT, ROS_ERROR_OTHER, "failure: busy");
    assert_null(find(FINDING_REDIRECT));
    assert_null(find(FINDING_PORTS));
    set_table(TABLE_FILTER, NULL);
    set_table(TABLE_NAT, ROWS(REDIRECT));
    survey->table[TABLE_NAT].incomplete = true;
    check_finding(FINDING_POLICY_READ, FINDING_WARN, "too many rows", NULL);
    check_finding(FINDING_REDIRECT, FINDING_PASS, "*1", NULL);
}

static void test_a_table_may_be_larger_than_the_memory(void **state)
{
    (void)state;
    survey->used = SURVEY_BYTES_MAX - 300;
    set_table(TABLE_NAT, ROWS(REDIRECT, MASQUERADE, MASQUERADE));
    assert_true(survey->table[TABLE_NAT].incomplete);
    struct table_rows rows = table_rows_of(survey, TABLE_NAT);
    unsigned count = 0;
    while (table_rows_next(&rows) != NULL)
        count++;
    assert_true(count >= 1 && count < 3);
}

/* Conditions that did not fit in a sentence: it is unknown whether the rule matches. */
static void test_a_rule_with_too_many_words(void **state)
{
    (void)state;
    char words[4096] = "=.id=*7 =chain=forward =action=drop";
    size_t len = strlen(words);
    for (unsigned i = 0; i < 60; i++)
        len += (size_t)snprintf(words + len, sizeof(words) - len, " =comment=x");
    set_table(TABLE_FILTER, ROWS(words));
    check_finding(FINDING_FORWARD, FINDING_WARN, "rule *7 may drop", "place-before=*7");
}

static void test_the_service(void **state)
{
    (void)state;
    set_table(TABLE_SERVICE, ROWS("=name=api =disabled=true"));
    check_finding(FINDING_SERVICE, FINDING_FAIL, "disabled", "/ip/service/enable api");
    set_table(TABLE_SERVICE, ROWS("=name=api =available-from=172.17.0.2/32 =disabled=false"));
    check_finding(FINDING_SERVICE, FINDING_PASS, "for 172.17.0.2/32", NULL);
    set_table(TABLE_SERVICE, ROWS("=name=api =max-sessions=5 =disabled=false"));
    check_finding(FINDING_SERVICE, FINDING_PASS, "any address", NULL);
    set_table(TABLE_SERVICE, NULL);
    assert_null(find(FINDING_SERVICE));
}

/* Who can reach the API can try passwords, and without TLS read them. [S8] */
static void test_the_addresses_of_the_services(void **state)
{
    (void)state;
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_PASS, "limited", NULL);
    set_table(TABLE_SERVICE, ROWS("=name=api =address=172.17.0.2/32,10.0.0.0/8 =disabled=false",
                                  "=name=api-ssl =address= =disabled=true"));
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_PASS, "limited", NULL);
    set_table(TABLE_SERVICE, ROWS("=name=api =disabled=false"));
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_WARN, "the service api answers whoever",
                  "/ip/service/set api address=172.17.0.2/32");
    set_table(TABLE_SERVICE, ROWS("=name=api =available-from=192.168.88.0/24,0.0.0.0/0 =disabled=false"));
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_WARN, "without encryption",
                  "/ip/service/set api address=172.17.0.2/32");
    set_table(TABLE_SERVICE, ROWS("=name=api =disabled=true", "=name=api-ssl =disabled=false"));
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_WARN, "the service api-ssl answers",
                  "/ip/service/set api-ssl address=172.17.0.2/32");
    set_table(TABLE_SERVICE,
              ROWS("=name=api =remote=10.0.0.9:4711 =connection=true =dynamic=true",
                   "=name=api =address=172.17.0.2 =disabled=false", "=name=api-ssl =disabled=true"));
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_PASS, "limited", NULL);
    set_table(TABLE_SERVICE, ROWS("=name=api =disabled=false", "=name=api-ssl =disabled=false"));
    check_finding(FINDING_SERVICE_ADDRESS, FINDING_WARN, "the services api and api-ssl answer",
                  "/ip/service/set api-ssl address=172.17.0.2/32");
    survey->table[TABLE_SERVICE].state = TABLE_REFUSED;
    assert_null(find(FINDING_SERVICE_ADDRESS));
}

/* [R3] */
static void test_a_second_daemon(void **state)
{
    const char *many[] = {"=name=natpmp =address=172.17.0.2 =via=api",
                          "=name=natpmp =address=172.17.0.2 =via=api",
                          "=name=natpmp =address=172.17.0.2 =via=api",
                          "=name=natpmp =address=172.17.0.2 =via=api",
                          "=name=natpmp =address=172.17.0.2 =via=api",
                          NULL,
                          NULL};
    (void)state;
    check_finding(FINDING_SECOND_DAEMON, FINDING_PASS, "come from 172.17.0.2", NULL);
    set_table(TABLE_ACTIVE, many);
    check_finding(FINDING_SECOND_DAEMON, FINDING_PASS, "come from 172.17.0.2", NULL);
    many[5] = many[0];
    set_table(TABLE_ACTIVE, many);
    check_finding(FINDING_SECOND_DAEMON, FINDING_WARN, "has 6 sessions from 172.17.0.2", "another INSTANCE");
    set_table(TABLE_ACTIVE, ROWS("=name=natpmp =address=172.17.0.2 =via=api",
                                 "=name=natpmp =address=192.168.88.7 =via=api-ssl"));
    check_finding(FINDING_SECOND_DAEMON, FINDING_WARN, "(172.17.0.2, 192.168.88.7)", "stop one of the two");
    set_table(TABLE_ACTIVE, ROWS("=name=natpmp =address=172.17.0.2 =via=api",
                                 "=name=natpmp =address=192.168.88.7 =via=winbox",
                                 "=name=other =address=192.168.88.8 =via=api"));
    check_finding(FINDING_SECOND_DAEMON, FINDING_PASS, "come from 172.17.0.2", NULL);
    check_finding(FINDING_SECOND_DAEMON, FINDING_PASS, "also used by other", NULL);
    set_table(TABLE_ACTIVE, NULL);
    check_finding(FINDING_SECOND_DAEMON, FINDING_WARN, "does not show who is logged in", "another INSTANCE");
    refuse(TABLE_ACTIVE, ROS_ERROR_PERMISSION, "not enough permissions (9)");
    check_finding(FINDING_SECOND_DAEMON, FINDING_WARN, "does not show who is logged in", "another INSTANCE");
    /* The daemon itself knows it, whatever user the other one has. */
    survey->standing_by = true;
    check_finding(FINDING_SECOND_DAEMON, FINDING_WARN, "another daemon with this INSTANCE serves, and",
                  "stop one of the two");
    survey->other_address = 0xc0a85807;
    set_table(TABLE_ACTIVE, ROWS("=name=natpmp =address=172.17.0.2 =via=api"));
    check_finding(FINDING_SECOND_DAEMON, FINDING_WARN, "serves at 192.168.88.7, and", "stop one of the two");
    survey->table[TABLE_ACTIVE].state = TABLE_UNASKED;
    assert_null(find(FINDING_SECOND_DAEMON));
}

static void test_the_script(void **state)
{
    (void)state;
    config.change_script = "";
    assert_null(find(FINDING_SCRIPT));
    config.change_script = "port gone";
    set_table(TABLE_SCRIPT, ROWS("=name=other =policy=ftp", "=name=port_changed =policy=read,test"));
    set_table(TABLE_USER, ROWS("=name=admin =group=full", "=name=natpmp =group=natpmp"));
    set_table(TABLE_GROUP, ROWS("=name=full =policy=local,ftp,read,write,policy,test,api",
                                "=name=natpmp =policy=!local,!ftp,read,write,test,api"));
    check_finding(FINDING_SCRIPT, FINDING_FAIL, "the router has no script port gone",
                  "/system/script/add name=\"port gone\"");
    config.change_script = "port changed";
    check_finding(FINDING_SCRIPT, FINDING_PASS, "the user has its policies", NULL);
    set_table(TABLE_SCRIPT, ROWS("=name=port_changed =policy=read,test =invalid=true"));
    check_finding(FINDING_SCRIPT, FINDING_FAIL, "is invalid", "/system/script/print detail where name=");
    set_table(TABLE_SCRIPT, ROWS("=name=port_changed =policy=read,ftp,test"));
    check_finding(FINDING_SCRIPT, FINDING_FAIL, "needs the policy ftp",
                  "/system/script/set [find name=\"port changed\"] dont-require-permissions=yes");
    set_table(TABLE_SCRIPT, ROWS("=name=port_changed =policy=read,ftp =dont-require-permissions=true"));
    check_finding(FINDING_SCRIPT, FINDING_PASS, "needs no policies", NULL);
    set_table(TABLE_SCRIPT, ROWS("=name=port_changed =policy=read,ftp =dont-require-permissions=false"));
    survey->table[TABLE_SCRIPT].state = TABLE_REFUSED;
    config.change_script = "other";
    check_finding(FINDING_SCRIPT, FINDING_WARN, "is not known", NULL);
    survey->table[TABLE_SCRIPT].state = TABLE_READ;
    survey->table[TABLE_SCRIPT].incomplete = true;
    check_finding(FINDING_SCRIPT, FINDING_WARN, "too many rows", NULL);
    survey->table[TABLE_SCRIPT].incomplete = false;
    config.change_script = "port changed";
    set_table(TABLE_USER, NULL);
    check_finding(FINDING_SCRIPT, FINDING_WARN, "policies are not known", "dont-require-permissions=yes");
}

/* Since 7.19 the table has rows of live connections, with the name of their service. [R6] */
static void test_connections_among_the_services(void **state)
{
    static const char *const connections[] = {
        "=name=api =port=8728 =dynamic=true =connection=true =remote=192.168.88.2:51324",
        "=name=api =port=8728 =connection=yes",
        "=name=api =port=8728 =dynamic=true",
        "=name=api =port=8728 =remote=192.168.88.2:51324 =local=192.168.88.1",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(connections); i++) {
        set_table(TABLE_SERVICE, ROWS(connections[i], "=name=api =dynamic=false =disabled=true"));
        check_finding(FINDING_SERVICE, FINDING_FAIL, "disabled", "/ip/service/enable api");
        set_table(TABLE_SERVICE,
                  ROWS("=name=api =connection=false =remote= =max-sessions=4", connections[i]));
        check_finding(FINDING_SERVICE, FINDING_WARN, "allows 4 sessions", "max-sessions=20");
        set_table(TABLE_SERVICE, ROWS(connections[i]));
        assert_null(find(FINDING_SERVICE));
    }
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        enum finding_status status;
        const char *what;
    } versions[] = {
        {"=version=7.18.2_(stable)", FINDING_PASS,
         "/ip/route/check names the interface to the gateway, container commands as up to 7.19"},
        {"=version=7.17.1_(stable)", FINDING_PASS,
         "routing table names the interface to the gateway, container commands as up to 7.19"},
        {"=version=7.20_(stable)", FINDING_PASS, "container commands as in 7.20"},
        {"=version=7.21rc1_(testing)", FINDING_PASS, "container commands as since 7.21"},
        {"=version=7.3.1_(stable)", FINDING_PASS, "no containers"},
        {"=version=8.0", FINDING_PASS, "container commands as since 7.21"},
        {"=version=6.49.10_(long-term)", FINDING_PASS,
         "/ip/route/check names the interface to the gateway, no containers"},
        {"=version=6.42.12", FINDING_WARN, "in clear text"},
        {"=version=new", FINDING_WARN, "\"new\", has an unknown form"},
        {"=version=7", FINDING_WARN, "has an unknown form"},
        {"=board-name=x", FINDING_WARN, "\"\", has an unknown form"},
    };
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        set_table(TABLE_RESOURCE, ROWS(versions[i].row));
        judge(survey, &room, &findings);
        const struct finding *f = find(FINDING_VERSION);
        if (f == NULL || f->status != versions[i].status || strstr(f->what, versions[i].what) == NULL)
            fail_msg("%s: %s", versions[i].row, f == NULL ? "" : f->what);
    }
}

static void add_chains(enum table_name table, const char *chain)
{
    for (unsigned i = 0; i < WALK_CHAINS_MAX; i++) {
        char words[128];
        (void)snprintf(words, sizeof(words), "=.id=*%X =chain=%s =action=jump =jump-target=user%u", 0x100 + i,
                       chain, i);
        add_row(table, words);
    }
}

/* Beyond the chains that the check follows it is not known what a rule does, and no rule is named. */
static void test_more_chains_than_are_followed(void **state)
{
    (void)state;
    set_table(TABLE_NAT, NULL);
    add_chains(TABLE_NAT, "dstnat");
    add_row(TABLE_NAT, REDIRECT);
    check_finding(FINDING_REDIRECT_ORDER, FINDING_WARN, "the router's nat table has more chains",
                  "/ip/firewall/nat/print where action=jump");
    check_finding(FINDING_CLIENTS_VISIBLE, FINDING_WARN, "the router's nat table has more chains",
                  "/ip/firewall/nat/print where action=jump");
    check_finding(FINDING_PORTS, FINDING_WARN, "the router's nat table has more chains",
                  "/ip/firewall/nat/print where action=jump");
    set_table(TABLE_FILTER, NULL);
    add_chains(TABLE_FILTER, "forward");
    check_finding(FINDING_FORWARD, FINDING_WARN, "not known whether it drops connections from the tunnel",
                  "/ip/firewall/filter/print where action=jump");
}

/* [P14] */
static void test_a_dynamic_rule_that_takes_everything(void **state)
{
    static const struct {
        const char *rows[2];
        enum finding_status status;
        const char *cure;
    } rows[] = {
        {{"=.id=*6 =chain=dstnat =action=dst-nat =in-interface=wg1 =to-addresses=192.168.88.7 =dynamic=true"},
         FINDING_FAIL,
         "print detail where .id=*6"},
        {{"=.id=*6 =chain=dstnat =action=redirect =protocol=udp =in-interface=wg1 =dynamic=true"},
         FINDING_FAIL,
         "print detail where .id=*6"},
        {{"=.id=*6 =chain=dstnat =action=jump =jump-target=vpn =dynamic=true",
          "=.id=*7 =chain=vpn =action=accept =in-interface=wg1"},
         FINDING_FAIL,
         "find out what makes rule *6: /ip/firewall/nat/print detail where .id=*6"},
        {{"=.id=*6 =chain=dstnat =action=jump =jump-target=vpn =dynamic=true",
          "=.id=*7 =chain=vpn =action=accept =in-interface=wg1 =dynamic=true"},
         FINDING_FAIL,
         "find out what makes rule *7: /ip/firewall/nat/print detail where .id=*7"},
        {{"=.id=*6 =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=1024-65535 =in-interface=wg1 "
          "=to-addresses=192.168.88.7 =dynamic=true"},
         FINDING_FAIL,
         "print detail where .id=*6"},
        {{"=.id=*6 =chain=dstnat =action=dst-nat =connection-mark=games =to-addresses=192.168.88.7 "
          "=dynamic=true"},
         FINDING_PASS,
         NULL},
        {{"=.id=*6 =chain=dstnat =action=dst-nat =in-interface=wg1 =to-addresses=192.168.88.7"},
         FINDING_PASS,
         NULL},
        /* What is left below the dynamic range is enough. */
        {{"=.id=*6 =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=20000-65535 =in-interface=wg1 "
          "=to-addresses=192.168.88.7"},
         FINDING_PASS,
         NULL},
        {{"=.id=*6 =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=1024-65000 =in-interface=wg1 "
          "=to-addresses=192.168.88.7"},
         FINDING_WARN,
         "/ip/firewall/nat/disable *6"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_table(TABLE_NAT, NULL);
        add_row(TABLE_NAT, rows[i].rows[0]);
        if (rows[i].rows[1] != NULL)
            add_row(TABLE_NAT, rows[i].rows[1]);
        add_row(TABLE_NAT, REDIRECT);
        check_finding(FINDING_PORTS, rows[i].status, "free for", rows[i].cure);
    }
}

static void test_the_interface(void **state)
{
    (void)state;
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=failed"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1 (wg)", NULL); /* its address is in the subnet */
    set_table(TABLE_ROUTE, ROWS("=dst-address=10.2.0.1/32 =immediate-gw=wg1"));
    set_table(TABLE_ADDRESS, ROWS("=address=192.168.88.1/24 =interface=bridge"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1 (wg)", NULL);
    set_table(TABLE_INTERFACE, ROWS("=name=wg1 =type=wg =running=false =disabled=true"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "disabled", "/interface/enable wg1");
    set_table(TABLE_INTERFACE, ROWS("=name=wg1 =type=wg =running=false =disabled=false"));
    check_finding(FINDING_INTERFACE, FINDING_WARN, "not running", "name=wg1");
    set_table(TABLE_INTERFACE, ROWS("=name=wg1 =type=wg =running=true =disabled=false"));
    set_table(TABLE_NAT, ROWS("=.id=*7 =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=7000 "
                              "=to-addresses=192.168.88.10 =in-interface=*F00003 =invalid=true "
                              "=comment=double-natpmp-tcp-7000-192.168.88.10"));
    check_finding(FINDING_INTERFACE, FINDING_WARN, "1 rules of double-natpmp are invalid",
                  "nat/print detail where invalid");
    refuse(TABLE_INTERFACE, ROS_ERROR_OTHER, "x");
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
    set_table(TABLE_ROUTE, NULL);
    set_table(TABLE_INTERFACE, ROWS("=name=ether1 =type=ether"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "no route", "gateway=YOUR-TUNNEL");
}

#define ANSWERED "=src-address=172.17.0.2 =dst-port=5351 =seen-reply=true =timeout=2m59s "
#define UNANSWERED "=src-address=172.17.0.2 =dst-port=5351 =seen-reply=false =timeout=29s "

/* It is no mistake to run a gateway of one's own in the provider's network. */
static void test_a_gateway_without_a_tunnel(void **state)
{
    (void)state;
    config.gateway = 0xcb007101;
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=ether1"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses ether1", NULL); /* its address is in the subnet */
    set_table(TABLE_ADDRESS, ROWS("=address=192.168.88.1/24 =interface=bridge",
                                  "=address=198.51.100.9/32 =interface=ether1"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "instead of the tunnel", "gateway=wg1");
    /* The default route alone would be a guess, but the connection table shows that it answers there. */
    set_table(TABLE_CONNECTION, ROWS(ANSWERED "=dst-address=203.0.113.1 =reply-dst-address=198.51.100.9"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses ether1", NULL);
}

/* Any kind of tunnel will do for the remedy. */
static void test_a_tunnel_of_another_kind(void **state)
{
    (void)state;
    set_table(TABLE_INTERFACE, ROWS("=name=ether1 =type=ether =running=true =disabled=false",
                                    "=name=l2tp-out1 =type=l2tp-out =running=true =disabled=false"));
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=ether1"));
    set_table(TABLE_ADDRESS, ROWS("=address=203.0.113.2/24 =interface=ether1"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "instead of the tunnel", "gateway=l2tp-out1");
    config.in_interface = "ether1";
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "which is no tunnel", "leave it out");
}

/* [W1] The check takes the interface as the daemon does. */
static void test_the_connection_table_shows_the_way(void **state)
{
    (void)state;
    /* The main table leads out by the provider, and policy routing leads our packets into the tunnel. */
    set_table(TABLE_INTERFACE, ROWS("=name=pppoe-out1 =type=pppoe-out =running=true =disabled=false",
                                    "=name=wg1 =type=wg =running=true =disabled=false"));
    set_table(TABLE_ADDRESS,
              ROWS("=address=203.0.113.2/32 =interface=pppoe-out1",
                   "=address=192.168.88.1/24 =interface=bridge", "=address=172.17.0.1/30 =interface=veth1",
                   "=address=10.2.0.2/32 =interface=wg1"));
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=pppoe-out1"));
    set_table(TABLE_ROUTE, ROWS("=dst-address=0.0.0.0/0 =immediate-gw=pppoe-out1 =routing-table=main"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "instead of the tunnel",
                  "/ip/route/add dst-address=10.2.0.1/32 gateway=wg1");
    set_table(TABLE_CONNECTION, ROWS(ANSWERED "=dst-address=10.2.0.1 =reply-dst-address=10.2.0.2"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
    /* Nobody has answered yet, but the packet left by a tunnel. */
    set_table(TABLE_CONNECTION, ROWS(UNANSWERED "=dst-address=10.2.0.1 =reply-dst-address=10.2.0.2"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses wg1", NULL);
    set_table(TABLE_CONNECTION, ROWS(UNANSWERED "=dst-address=10.2.0.1 =reply-dst-address=203.0.113.2"));
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "uses pppoe-out1", "gateway=wg1");
    /* A router without connection tracking. */
    refuse(TABLE_CONNECTION, ROS_ERROR_OTHER, "x");
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "uses pppoe-out1", "gateway=wg1");
    check_finding(FINDING_POLICY_READ, FINDING_PASS, "", NULL);
}

static void test_the_best_redirect_is_judged(void **state)
{
    (void)state;
#define OTHER                                                                                                \
    "=.id=*5 =chain=dstnat =action=dst-nat =in-interface=wlan9 =protocol=udp =dst-port=5351 =to-addresses="
    set_table(TABLE_NAT, ROWS(OTHER "172.17.9.9", REDIRECT, MASQUERADE));
    check_finding(FINDING_REDIRECT, FINDING_PASS, "*1", NULL);
    set_table(TABLE_NAT, ROWS(REDIRECT " =disabled=true", OTHER "172.17.9.9", MASQUERADE));
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "*1", "/ip/firewall/nat/enable *1");
    set_table(TABLE_NAT, ROWS(REDIRECT " =invalid=true", MASQUERADE));
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "invalid", "!in-interface in-interface-list=LAN");
    set_table(TABLE_NAT, ROWS(OTHER "172.17.0.2-172.17.0.9"));
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "no single address", "to-addresses=172.17.0.2");
    set_table(TABLE_NAT, ROWS(OTHER "172.17.0.2 =to-ports=5351-5352"));
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "port 0", "to-ports=5351");
}

/* In Docker the router's target is the host. */
static void test_behind_another_translation(void **state)
{
    (void)state;
    survey->own[0] = 0xac120003;
    survey->local = 0xac120003;
    check_finding(FINDING_REDIRECT, FINDING_WARN,
                  "172.17.0.2, which is not an address of this machine; this works if",
                  "to-addresses=172.18.0.3");
    config.listen_address = 0xac110002;
    check_finding(FINDING_REDIRECT, FINDING_PASS, "172.17.0.2", NULL);
    survey->owns = 0;
    survey->local = 0;
    config.listen_address = 0;
    check_finding(FINDING_REDIRECT, FINDING_WARN, "not an address of this machine", NULL);
}

static void test_cures_for_a_missing_redirect(void **state)
{
    (void)state;
    set_table(TABLE_NAT, NULL);
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "no rule sends",
                  "to-addresses=172.17.0.2 comment=\"NAT-PMP to double-natpmp\"");
    assert_null(strstr(find(FINDING_REDIRECT)->cure, "place-before"));
    config.listen_port = 5360;
    set_table(TABLE_NAT,
              ROWS("=.id=*9 =chain=dstnat =dynamic=true", "=.id=*A =chain=srcnat", "=.id=*B =chain=dstnat"));
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "no rule sends",
                  "to-ports=5360 comment=\"NAT-PMP to double-natpmp\" place-before=*B");
}

static void test_a_disabled_member_is_none(void **state)
{
    (void)state;
    set_table(TABLE_MEMBER, ROWS("=list=LAN =interface=wg1 =disabled=true", "=list=WAN =interface=wg1",
                                 "=list=LAN =interface=bridge"));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_PASS, "bridge", NULL);
    set_table(TABLE_MEMBER, ROWS("=list=LAN =interface=wg1"));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_FAIL, "wg1", "of your clients");
}

/* Lists of lists. */
static void test_composed_lists(void **state)
{
    (void)state;
    set_table(TABLE_LIST, ROWS("=name=WAN", "=name=LAN", "=name=ALL =include=WAN,LAN"));
    set_table(TABLE_FILTER, ROWS("=.id=*1 =chain=forward =action=drop =in-interface-list=ALL"));
    check_finding(FINDING_FORWARD, FINDING_FAIL, "drops", "place-before=*1");
    set_table(TABLE_LIST,
              ROWS("=name=WAN", "=name=LAN", "=name=ALL =include=BOTH", "=name=BOTH =include=WAN,LAN"));
    check_finding(FINDING_FORWARD, FINDING_WARN, "may drop", "place-before=*1");
    set_table(TABLE_FILTER, ROWS("=.id=*1 =chain=forward =action=drop =in-interface-list=LAN"));
    check_finding(FINDING_FORWARD, FINDING_PASS, "", NULL);
}

static void test_external_addresses(void **state)
{
    (void)state;
    static const struct {
        uint32_t address;
        bool public;
    } addresses[] = {
        {0x0b16212c, true},  {0x01010101, true},  {0x0affffff, false}, {0x0b000000, true},
        {0x643fffff, true},  {0x64400000, false}, {0x647fffff, false}, {0x64800000, true},
        {0x7f000001, false}, {0xa9fe0101, false}, {0xac0fffff, true},  {0xac100000, false},
        {0xac1fffff, false}, {0xac200000, true},  {0xc0a80001, false}, {0xc6120001, false},
        {0xdfffffff, true},  {0xe0000001, false}, {0xffffffff, false}, {0x00000001, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        survey->upstream.address = addresses[i].address;
        if ((find(FINDING_EXTERNAL_ADDRESS)->status == FINDING_PASS) != addresses[i].public)
            fail_msg("%s", address_text(addresses[i].address).text);
    }
}

static void test_results_of_the_gateway(void **state)
{
    (void)state;
    static const char *const texts[] = {"without an address", "unsupported version", "not authorized",
                                        "network failure",    "out of resources",    "unsupported opcode",
                                        "unknown error"};
    survey->upstream.address_known = false;
    survey->upstream.trouble = GATEWAY_REFUSES;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        survey->upstream.result = i == 6 ? 77 : (uint16_t)i;
        check_finding(FINDING_GATEWAY, FINDING_FAIL, texts[i], "");
    }
    survey->upstream.trouble = GATEWAY_NO_SOURCE;
    check_finding(FINDING_GATEWAY, FINDING_FAIL, "GATEWAY_SOURCE", "ip -4 address");
    survey->upstream.trouble = GATEWAY_SEND_FAILED;
    check_finding(FINDING_GATEWAY, FINDING_FAIL, "nothing can be sent to the gateway", "outgoing UDP");
}

static void test_what_the_gateway_grants(void **state)
{
    (void)state;
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_PASS, "for 60 s (external", NULL);
    survey->upstream.lifetime_s = 3;
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_WARN, "for 3 s, too short", NULL);
    survey->upstream.lifetime_s = 4;
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_PASS, "for 4 s (external", NULL);
    survey->upstream.trial = GATEWAY_TRIAL_WRONG;
    survey->upstream.wrong = "for another internal port";
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_FAIL, "success, but for another internal port", "server");
}

static void test_text_from_outside_is_made_safe(void **state)
{
    (void)state;
    config.user = "o'\"n\\$\x01\x7f?";
    survey->logged_in = false;
    survey->failure = FAILURE_LOGIN;
    check_finding(FINDING_LOGIN, FINDING_FAIL, "(user o'?n?$?\?\?)",
                  "[find name=\"o'\\\"n\\\\\\$\\01\\7F\\3F\"]");
}

UNIT(judge)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_is_well),
        TEST(test_nothing_was_answered),
        TEST(test_a_refused_login),
        TEST(test_a_check_that_was_stopped),
        TEST(test_tables_that_are_not_whole),
        TEST(test_a_table_may_be_larger_than_the_memory),
        TEST(test_a_rule_with_too_many_words),
        TEST(test_the_service),
        TEST(test_connections_among_the_services),
        TEST(test_the_addresses_of_the_services),
        TEST(test_a_second_daemon),
        TEST(test_the_script),
        TEST(test_versions),
        TEST(test_the_interface),
        TEST(test_a_dynamic_rule_that_takes_everything),
        TEST(test_more_chains_than_are_followed),
        TEST(test_a_gateway_without_a_tunnel),
        TEST(test_a_tunnel_of_another_kind),
        TEST(test_the_connection_table_shows_the_way),
        TEST(test_the_best_redirect_is_judged),
        TEST(test_behind_another_translation),
        TEST(test_cures_for_a_missing_redirect),
        TEST(test_a_disabled_member_is_none),
        TEST(test_composed_lists),
        TEST(test_external_addresses),
        TEST(test_results_of_the_gateway),
        TEST(test_what_the_gateway_grants),
        TEST(test_text_from_outside_is_made_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
