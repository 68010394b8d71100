/* How the interface is found at which the gateway's packets arrive. */
#include "router_unit.h"

#define FLOW "/ip/firewall/connection/print"
#define ADDRESSES "/ip/address/print"
#define CHECK "/ip/route/check"
#define TUNNELS "/interface/print"
#define ROUTES "/ip/route/print"
#define SOURCE " =src-address=172.30.254.2:40000 =dst-address=10.2.0.1:5351"
#define TO_TUNNEL SOURCE " =reply-dst-address=10.2.0.2:40000"
#define ONE_TUNNEL " =name=wg1 =type=wg"
#define OWNER " =address=192.168.88.1/24 =interface=bridge| =address=10.2.0.2/32 =interface=wg1"
#define DEFAULT_ROUTE " =dst-address=0.0.0.0/0 =gateway=192.0.2.1 =immediate-gw=192.0.2.1%ether1"

static void log_in(void)
{
    note_sent();
    answer("/login", "");
    answer("/system/resource/print", " =version=7.9_(stable)");
}

static void begin(const char *interface)
{
    stop(NULL);
    start_with(interface);
    log_in();
}

static unsigned warnings(void)
{
    return count_actions(&out, ACTION_LOG);
}

/* What follows the look: addresses and lists, and the table. */
static void finish(void)
{
    answer(ADDRESSES, OWNER);
    answer("/interface/list/print", "");
    answer("/interface/list/member/print", "");
}

static void check_way(const char *interface)
{
    finish();
    if (tag_of("/ip/firewall/nat/print") != 0)
        answer("/ip/firewall/nat/print", "");
    assert_true(router_is_ready(router));
    assert_string_equal(router->way.interface, interface);
    assert_string_equal(router->context.interface, interface);
}

static void check_no_way(void)
{
    assert_int_equal(router->trouble, FAILURE_NO_INTERFACE);
    assert_false(router_is_ready(router));
    assert_false(router_way_is_known(router));
    assert_false(router_add(router, 1, &rule, at(now_ms)));
}

/* [W1] The connection table knows it best. The query asks for both forms, and only what was sent lately
 * counts. */
static void test_the_connection_table_decides(void **state)
{
    (void)state;
    note_sent();
    answer("/login", "");
    const struct ros_sentence *sent = check_sent(&out, 4, FLOW);
    check_attribute(sent, ".proplist", flow_proplist);
    assert_span_text(ros_word(sent, sent->words - 5), "?protocol=udp");
    assert_span_text(ros_word(sent, sent->words - 4), "?dst-address=10.2.0.1:5351");
    assert_span_text(ros_word(sent, sent->words - 3), "?dst-address=10.2.0.1");
    assert_span_text(ros_word(sent, sent->words - 2), "?dst-port=5351");
    assert_span_text(ros_word(sent, sent->words - 1), "?#&|");
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("wg1");
    assert_int_equal(tag_of(CHECK), 0); /* it was not asked for */
}

/* Rows that show our flow, and rows that do not although they passed the filter. */
static void test_rows_of_the_connection_table(void **state)
{
    static const struct {
        const char *rows;
        const char *interface; /* NULL: the routes decide */
    } cases[] = {
        {TO_TUNNEL " =seen-reply=true", "wg1"},
        {" =src-address=172.30.254.2 =src-port=1 =dst-address=10.2.0.1 =dst-port=5351 "
         "=reply-dst-address=10.2.0.2"
         " =reply-dst-port=1 =seen-reply=yes",
         "wg1"},
        {" =src-address=172.30.254.2 =dst-address=10.2.0.1 =dst-port=53 =reply-dst-address=10.2.0.2"
         " =seen-reply=true",
         NULL},
        {" =src-address=172.30.254.2 =dst-address=10.2.0.1 =reply-dst-address=10.2.0.2 =seen-reply=true",
         NULL},
        {" =src-address=172.30.254.2 =dst-address=10.2.0.9:5351 =reply-dst-address=10.2.0.2 =seen-reply=true",
         NULL},
        {" =src-address=x =dst-address=10.2.0.1:5351 =reply-dst-address=10.2.0.2 =seen-reply=true", NULL},
        {SOURCE " =reply-dst-address=10.2.0.2: =seen-reply=true", NULL},
        {SOURCE " =seen-reply=true", NULL},
        {"", NULL},
        /* Somebody else's flow, and the one that was not used for longer. */
        {SOURCE " =reply-dst-address=192.168.88.1:1 =seen-reply=true =timeout=2m|" TO_TUNNEL
                " =seen-reply=true =timeout=2m59s",
         "wg1"},
        {TO_TUNNEL " =seen-reply=true =timeout=00:02:59|" SOURCE
                   " =reply-dst-address=192.168.88.1 =seen-reply=true =timeout=10s",
         "wg1"},
        {SOURCE " =reply-dst-address=192.168.88.1 =timeout=2m59s|" TO_TUNNEL " =seen-reply=true", "wg1"},
        {TO_TUNNEL " =seen-reply=true =timeout=10s| =src-address=192.168.88.9 =dst-address=10.2.0.1:5351"
                   " =reply-dst-address=192.168.88.1 =seen-reply=true =timeout=2m",
         "wg1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin("");
        router->way.own_address = 0xAC1EFE02;
        answer(FLOW, cases[i].rows);
        if (cases[i].interface == NULL) {
            assert_int_equal(router->stage, STAGE_CHECK);
            continue;
        }
        answer(ADDRESSES, OWNER);
        check_way(cases[i].interface);
    }
}

/* [W2] Nobody answered, so the packet may have left by any interface: a tunnel counts, another link does not.
 */
static void test_what_nobody_answered(void **state)
{
    (void)state;
    log_in();
    answer(FLOW, TO_TUNNEL " =seen-reply=false");
    answer(ADDRESSES, OWNER);
    answer(CHECK, " =status=ok =interface=ether1");
    answer(TUNNELS, ONE_TUNNEL);
    check_way("wg1");
    begin("");
    answer(FLOW, SOURCE " =reply-dst-address=192.168.88.1:1 =seen-reply=false");
    answer(ADDRESSES, OWNER);
    answer(CHECK, " =status=ok =interface=bridge");
    answer(TUNNELS, ONE_TUNNEL);
    answer(ROUTES, DEFAULT_ROUTE);
    answer(ADDRESSES, OWNER);
    check_no_way();
    begin("");
    answer(FLOW, SOURCE " =reply-dst-address=192.168.88.1:1 =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("bridge");
}

/* [W5] Two tunnels have the address: the routes decide between them, and else the way stays as it is. */
static void test_two_tunnels_with_one_address(void **state)
{
#define BOTH OWNER "| =address=10.2.0.2/32 =interface=wg2"
    (void)state;
    log_in();
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, BOTH);
    answer(CHECK, " =interface=wg2");
    answer(TUNNELS, ONE_TUNNEL "| =name=wg2 =type=wg");
    check_way("wg2");
    for (unsigned i = 0; i < 2; i++) {
        router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
        answer(FLOW, TO_TUNNEL " =seen-reply=true");
        answer(ADDRESSES, BOTH);
        answer(CHECK, " =interface=ether1");
        answer(TUNNELS, ONE_TUNNEL "| =name=wg2 =type=wg");
        answer(ROUTES, i == 0 ? DEFAULT_ROUTE : DEFAULT_ROUTE "| =dst-address=10.0.0.0/8 =gateway=wg1");
        answer(ADDRESSES, BOTH);
        check_way(i == 0 ? "wg2" : "wg1");
    }
    begin("");
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, BOTH);
    answer(CHECK, " =interface=ether1");
    answer(TUNNELS, ONE_TUNNEL "| =name=wg2 =type=wg");
    answer(ROUTES, DEFAULT_ROUTE);
    answer(ADDRESSES, BOTH);
    check_no_way();
}

/* [W1] A default route counts only if it leads into a tunnel. */
static void test_routes(void **state)
{
    static const struct {
        const char *check;
        const char *routes; /* NULL: the check decides */
        const char *interface;
    } cases[] = {
        {" =status=ok =interface=wg1", NULL, "wg1"},
        {"!trap =message=no_such_command", DEFAULT_ROUTE, NULL},
        {"!trap =message=no_such_command_or_directory_(check)|!trap =message=no_such_command_prefix",
         " =dst-address=0.0.0.0/0 =immediate-gw=wg1", "wg1"},
        {" =status=failed", DEFAULT_ROUTE, NULL},
        {" =status=ok =interface=ether1", DEFAULT_ROUTE, NULL},
        {" =status=ok =interface=pppoe-out1", " =dst-address=0.0.0.0/0 =gateway=pppoe-out1", NULL},
        {" =status=ok =interface=bridge",
         DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =immediate-gw=10.2.0.1%bridge", "bridge"},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.1/32 =immediate-gw=10.2.0.1%wg2,10.9.9.9%wg3", "wg2"},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_reachable_via__wg6", "wg6"},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_unreachable =gateway=wg7",
         "wg7"},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_reachable_via_", NULL},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =gateway=10.2.0.1", NULL}, /* it has no interface */
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =gateway=wg7 =disabled=true", NULL},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/24 =gateway=wg7 =routing-mark=other", NULL},
        {"", DEFAULT_ROUTE "| =dst-address=10.2.0.0/16 =gateway=wg9 =routing-table=vpn", NULL},
        {"", DEFAULT_ROUTE "| =dst-address=10.3.0.0/24 =gateway=wg7", NULL},
        {"", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin("");
        answer(FLOW, "");
        answer(CHECK, cases[i].check);
        answer(TUNNELS, ONE_TUNNEL);
        if (cases[i].routes != NULL) {
            answer(ROUTES, cases[i].routes);
            answer(ADDRESSES, OWNER);
        }
        if (cases[i].interface == NULL)
            check_no_way();
        else
            check_way(cases[i].interface);
    }
}

/* The network of an address is a route as well. */
static void test_connected_networks(void **state)
{
    (void)state;
    for (unsigned longer = 0; longer < 2; longer++) {
        begin("");
        answer(FLOW, "");
        answer(CHECK, "");
        answer(TUNNELS, "");
        answer(ROUTES, longer != 0 ? " =dst-address=10.2.0.0/25 =gateway=wg7"
                                   : " =dst-address=10.2.0.0/16 =gateway=wg7");
        answer(ADDRESSES, " =address=10.2.0.2/24 =interface=wg8");
        check_way(longer != 0 ? "wg7" : "wg8");
    }
}

/* Without a way nothing is mapped, and it is said once, with the command if there is just one tunnel that it
 * can be: the only one, or the only one with an address near the gateway's. It is tried again at growing
 * intervals, and at once when an address or a route changes. */
static void test_no_guess(void **state)
{
#define TWO_TUNNELS " =name=office =type=wg|" ONE_TUNNEL
#define OFFICE "| =address=192.168.216.1/24 =interface=office"
    static const struct {
        const char *tunnels;
        const char *addresses;
        bool decided;
    } cases[] = {
        {ONE_TUNNEL, OWNER, true},
        {ONE_TUNNEL, OFFICE, true},
        {"", OWNER, false},
        {ONE_TUNNEL "| =name=wg2 =type=wg =disabled=true", OWNER, true},
        {TWO_TUNNELS, OWNER OFFICE, true},
        {TWO_TUNNELS, " =address=10.2.1.2/32 =interface=wg1" OFFICE, false},
        {TWO_TUNNELS, OWNER "| =address=10.2.0.3/32 =interface=office", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin("");
        for (uint64_t wait_ms = 1000; wait_ms <= 64000; wait_ms *= 2) {
            answer(FLOW, "");
            answer(CHECK, " =interface=ether1");
            answer(TUNNELS, cases[i].tunnels);
            answer(ROUTES, DEFAULT_ROUTE);
            answer(ADDRESSES, cases[i].addresses);
            check_no_way();
            assert_int_equal(warnings(), wait_ms == 1000);
            if (warnings() != 0)
                assert_int_equal(strstr(last_log(&out),
                                        "fix=\"/ip/route/add dst-address=10.2.0.1/32 gateway=wg1\"") != NULL,
                                 cases[i].decided);
            uint64_t retry_ms = now_ms + (wait_ms < 30000 ? wait_ms : 30000);
            assert_int_equal(router->way.due_ms, retry_ms);
            while (tag_of(FLOW) == 0) {
                wait_until(router_deadline_ms(router));
                note_sent();
                assert_true(now_ms <= retry_ms);
                if (tag_of("/system/identity/print") != 0)
                    answer("/system/identity/print", "");
            }
            assert_true(now_ms == retry_ms);
        }
    }
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("wg1");
    assert_int_equal(router->trouble, FAILURE_NONE);
}

/* [W6] Rows of listen are signs, except those of routes that lead elsewhere. */
static void test_signs(void **state)
{
    static const struct {
        const char *path;
        const char *row;
        bool sign;
    } rows[] = {
        {"/ip/route/listen", "=.id=*1 =dst-address=10.2.0.0/16 =gateway=wg2", true},
        {"/ip/route/listen", "=.id=*1 =dst-address=0.0.0.0/0 =gateway=wg2", true},
        {"/ip/route/listen", "=.id=*1 =dst-address=10.3.0.0/16 =gateway=wg2", false},
        {"/ip/route/listen", "=.id=*1 =.dead=true", true},
        {"/ip/address/listen", "=.id=*1 =address=10.2.0.9/32", true},
        {"/interface/list/member/listen", "=.id=*1 =list=LAN", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char words[128];
        begin("");
        unsigned tag = tag_of(rows[i].path);
        answer(FLOW, TO_TUNNEL " =seen-reply=true");
        answer(ADDRESSES, OWNER);
        check_way("wg1");
        snprintf(words, sizeof(words), "!re .tag=%u %s", tag, rows[i].row);
        now_ms += 5000;
        hear(words);
        assert_int_equal(router->way.due_ms, rows[i].sign ? now_ms + 500 : now_ms + 55000);
        assert_int_equal(outcome_count, 0);
    }
}

/* A look that finds nothing new ends before the snapshot. Signs that come again and again are followed less
 * often, but within ten seconds. */
static void test_looks_without_news(void **state)
{
    (void)state;
    log_in();
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("wg1");
    for (uint64_t pause_ms = 4000; pause_ms < 100000; pause_ms *= 2) {
        uint64_t begun_ms = router->way.begun_ms;
        router_way_sign(router, now_ms);
        uint64_t due_ms = later_ms(now_ms + 500, begun_ms + (pause_ms < 8000 ? pause_ms : 8000));
        assert_int_equal(router->way.due_ms, due_ms);
        while (tag_of(FLOW) == 0) {
            wait_until(router_deadline_ms(router));
            assert_true(now_ms <= due_ms);
            note_sent();
            if (tag_of("/system/identity/print") != 0)
                answer("/system/identity/print", "");
        }
        assert_true(now_ms == due_ms);
        answer(FLOW, TO_TUNNEL " =seen-reply=true");
        answer(ADDRESSES, OWNER);
        finish();
        assert_int_equal(router->stage, STAGE_IDLE);
        assert_int_equal(tag_of("/ip/firewall/nat/print"), 0);
    }
}

/* [W5] The way has another interface: it is said, and the rules are to follow. */
static void test_the_way_moves(void **state)
{
    (void)state;
    log_in();
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("wg1");
    router_way_sign(router, now_ms);
    wait_until(router->way.due_ms);
    note_sent();
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, " =address=10.2.0.2/32 =interface=wg2");
    finish();
    assert_int_equal(warnings(), 1);
    assert_int_equal(count_outcomes(ROUTER_WAY_MOVED), 1);
    answer("/ip/firewall/nat/print", "");
    assert_string_equal(router->context.interface, "wg2");
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(router_add(router, 1, &rule, at(now_ms)));
    check_attribute(check_sent(&out, 0, "/ip/firewall/nat/add"), "in-interface", "wg2");
}

/* [W1] A router that showed our connection does not show it any more: our own network is down, and the
 * packets do not reach the router. Without a sign the routes, which lead elsewhere, are no reason to leave
 * the way. */
static void test_no_packet_crosses_the_router(void **state)
{
    (void)state;
    for (unsigned sign = 0; sign < 2; sign++) {
        begin("");
        answer(FLOW, TO_TUNNEL " =seen-reply=true");
        answer(ADDRESSES, OWNER);
        check_way("wg1");
        router->way.due_ms = now_ms + 5000;
        if (sign != 0)
            router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
        answer(FLOW, "");
        if (sign != 0) {
            answer(CHECK, " =interface=wg2");
            answer(TUNNELS, ONE_TUNNEL "| =name=wg2 =type=wg");
        }
        finish();
        assert_string_equal(router->way.interface, sign != 0 ? "wg2" : "wg1");
    }
}

/* [W3] The way is lost while the router is ready: rules stay where they are, and none is added. */
static void test_the_way_is_lost(void **state)
{
    (void)state;
    log_in();
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("wg1");
    for (unsigned found = 0; found < 2; found++) {
        router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
        answer(FLOW, found != 0 ? TO_TUNNEL " =seen-reply=true" : "");
        if (found == 0) {
            answer(CHECK, " =interface=ether1");
            answer(TUNNELS, "");
            answer(ROUTES, DEFAULT_ROUTE);
        }
        answer(ADDRESSES, OWNER);
        assert_int_equal(router->trouble, FAILURE_NO_INTERFACE);
        router_report(router, FAILURE_NONE, span_of(NULL, 0), &out); /* another command was answered */
        assert_int_equal(router->trouble, FAILURE_NO_INTERFACE);
        assert_false(router_way_is_known(router)); /* what concerns the interface is read first */
        finish();
        assert_true(router_is_ready(router));
        assert_int_equal(router_way_is_known(router), found);
        assert_int_equal(router->trouble, found != 0 ? FAILURE_NONE : FAILURE_NO_INTERFACE);
        assert_string_equal(router->context.interface, "wg1");
    }
}

/* [W4] The configured interface counts. Evidence against it is logged once. */
static void test_the_configured_interface(void **state)
{
    static const struct {
        const char *flow;
        const char *check; /* NULL: it is not asked for */
        unsigned logs;
    } cases[] = {
        {TO_TUNNEL " =seen-reply=true", NULL, 0},
        {TO_TUNNEL " =seen-reply=false", NULL, 0},
        {SOURCE " =reply-dst-address=192.168.88.1 =seen-reply=true", NULL, 1},
        {SOURCE " =reply-dst-address=192.168.88.1 =seen-reply=false", " =interface=wg1", 0},
        {"", " =interface=ether1", 1},
        {"", "", 0},
        {"!trap =message=not_enough_permissions_(9)", "!trap =message=not_enough_permissions_(9)", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned logs = 0;
        begin("wg1");
        answer(FLOW, cases[i].flow);
        if (strlen(cases[i].flow) > 50) {
            answer(ADDRESSES, OWNER);
            logs += warnings();
        }
        assert_int_equal(tag_of(CHECK) != 0, cases[i].check != NULL);
        if (cases[i].check != NULL) {
            answer(CHECK, cases[i].check);
            logs += warnings();
        }
        assert_int_equal(logs, cases[i].logs);
        check_way("wg1");
        router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
        answer(FLOW, cases[i].flow);
        assert_int_equal(warnings(), 0);
    }
}

/* [S4] Our address is not replaced, and nobody answers. At the first look the answer may be on its way. */
static void test_nothing_translates(void **state)
{
#define OWN SOURCE " =reply-dst-address=172.30.254.2:40000"
    (void)state;
    log_in();
    for (unsigned look = 0; look < 4; look++) {
        answer(FLOW, OWN " =seen-reply=false");
        answer(CHECK, " =interface=wg1");
        answer(TUNNELS, ONE_TUNNEL);
        assert_int_equal(warnings(), look == 1);
        if (look == 1)
            assert_non_null(strstr(last_log(&out), "/ip/firewall/nat/add chain=srcnat action=masquerade "
                                                   "src-address=172.30.254.2 out-interface=wg1"));
        if (look == 0)
            check_way("wg1");
        else
            finish();
        assert_true(router->way.due_ms <= now_ms + (look == 0 ? 5000 : 60000));
        router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
    }
    begin("");
    for (unsigned look = 0; look < 3; look++) {
        answer(FLOW, OWN " =seen-reply=true");
        answer(CHECK, " =interface=wg1");
        answer(TUNNELS, ONE_TUNNEL);
        assert_int_equal(warnings(), 0);
        if (look == 0)
            check_way("wg1");
        else
            finish();
        router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
    }
}

/* Without the policy, or without the command, the routes are read; it is said once. */
static void test_a_missing_test_policy_is_logged_once(void **state)
{
    (void)state;
    log_in();
    for (unsigned look = 0; look < 3; look++) {
        answer(FLOW, "");
        answer(CHECK, "!trap =message=not_enough_permissions_(9)");
        assert_int_equal(warnings(), look == 0);
        answer(TUNNELS, ONE_TUNNEL);
        answer(ROUTES, " =dst-address=10.2.0.1/32 =gateway=wg1");
        answer(ADDRESSES, OWNER);
        if (look == 0)
            check_way("wg1");
        else
            finish();
        router_way_sign(router, now_ms);
        wait_until(router->way.due_ms);
        note_sent();
    }
}

/* The connection is lost in each stage of a look: the next connection begins one anew. */
static void test_the_connection_is_lost_amid_a_look(void **state)
{
    (void)state;
    for (unsigned until = 0; until < 7; until++) {
        begin("");
        if (until > 0)
            answer(FLOW, until < 3 ? "" : TO_TUNNEL " =seen-reply=true");
        if (until == 2)
            answer(CHECK, " =interface=ether1");
        if (until > 3)
            answer(ADDRESSES, OWNER);
        if (until > 4)
            answer(ADDRESSES, OWNER);
        if (until > 5) {
            answer("/interface/list/print", "");
            answer("/interface/list/member/print", "");
        }
        closed(0, FAILURE_LOST);
        assert_false(router_is_ready(router));
        wait_until(router->session[0].retry_ms);
        memset(last_sent, 0, sizeof(last_sent));
        opened(0);
        log_in();
        answer(FLOW, TO_TUNNEL " =seen-reply=true");
        answer(ADDRESSES, OWNER);
        check_way("wg1");
        assert_string_equal(router->version, "7.9");
    }
}

/* The table has only what was sent lately, and since the way may have moved: the proxy is asked to send. */
static void test_a_look_waits_for_a_packet(void **state)
{
    (void)state;
    log_in();
    answer(FLOW, TO_TUNNEL " =seen-reply=true");
    answer(ADDRESSES, OWNER);
    check_way("wg1");
    now_ms += 10000;
    router_way_sign(router, now_ms);
    uint64_t due_ms = router->way.due_ms;
    now_ms = due_ms;
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_false(router_way_note(router, 0, due_ms - 501, GATEWAY_FINE, now_ms));
    actions_clear(&out, LOG_LEVEL_INFO);
    router_tick(router, at(now_ms));
    check_sends(0);
    assert_true(router_way_note(router, 0, due_ms - 501, GATEWAY_FINE, now_ms));
    assert_false(router_way_note(router, 0, due_ms, GATEWAY_FINE, now_ms));
    assert_int_equal(router_deadline_ms(router), due_ms + 300);
    now_ms = due_ms + 300;
    router_tick(router, at(now_ms));
    check_sent(&out, 0, FLOW);
    check_sends(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

UNIT(router_way)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_connection_table_decides),
        TEST(test_rows_of_the_connection_table),
        TEST(test_what_nobody_answered),
        TEST(test_two_tunnels_with_one_address),
        TEST(test_routes),
        TEST(test_connected_networks),
        TEST(test_no_guess),
        TEST(test_signs),
        TEST(test_looks_without_news),
        TEST(test_the_way_moves),
        TEST(test_no_packet_crosses_the_router),
        TEST(test_the_way_is_lost),
        TEST(test_the_configured_interface),
        TEST(test_nothing_translates),
        TEST(test_a_missing_test_policy_is_logged_once),
        TEST(test_the_connection_is_lost_amid_a_look),
        TEST(test_a_look_waits_for_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
