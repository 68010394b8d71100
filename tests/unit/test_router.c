/* Reading the router: the interface towards the gateway, the snapshot and listen. */
#include <stdio.h>

#include "router_unit.h"

/* ---- the interface ---- */

static void test_route_check(void **state)
{
    (void)state;
    hear("!done .tag=1");
    check_sent(&out, 0, "/system/resource/print");
    const struct ros_sentence *check = check_sent(&out, 1, "/ip/route/check");
    check_attribute(check, "dst-ip", "10.2.0.1");
    check_attribute(check, "once", "");
    hear("!re .tag=3 =status=ok =interface=wg1 =nexthop=10.2.0.1|!done .tag=3");
    check_sent(&out, 0, "/ip/address/print");
    check_sent(&out, 1, "/interface/list/print");
    check_sent(&out, 2, "/interface/list/member/print");
    check_sent(&out, 3, "/ip/firewall/nat/listen");
    check_sends(4);
    hear("!done .tag=4|!done .tag=5");
    check_sends(0);
    assert_false(router_is_ready(router));
    hear("!done .tag=6");
    assert_int_equal(outcome_count, 0); /* nothing is known about the rules yet */
    check_attribute(check_sent(&out, 0, "/ip/firewall/nat/print"), ".proplist", nat_rule_proplist);
    hear("!done .tag=8");
    assert_true(router_is_ready(router));
    assert_int_equal(count_outcomes(ROUTER_SNAPSHOT_DONE), 1);
    assert_string_equal(router->context.interface, "wg1");
}

static void check_routes_after(const char *sentences, unsigned logs)
{
    stop(NULL);
    start(NULL);
    hear("!done .tag=1");
    hear(sentences);
    assert_int_equal(count_actions(&out, ACTION_LOG), logs);
    check_sent(&out, 0, "/ip/route/print");
    check_sent(&out, 1, "/ip/address/print");
    hear("!re .tag=4 =dst-address=0.0.0.0/0 =gateway=192.0.2.1 =immediate-gw=192.0.2.1%ether1|"
         "!re .tag=4 =dst-address=10.0.0.0/8 =gateway=wg1 =immediate-gw=wg1 =routing-table=main|"
         "!re .tag=4 =dst-address=10.2.0.0/16 =gateway=wg9 =immediate-gw=wg9 =routing-table=vpn|"
         "!re .tag=4 =dst-address=10.3.0.0/16 =immediate-gw=wg3|!done .tag=4");
    check_sends(0);
    hear("!re .tag=5 =address=192.168.88.1/24 =interface=bridge|!done .tag=5");
    assert_int_equal(outcome_count, 0);
    check_sends(4);
    assert_string_equal(router->way.interface, "wg1");
}

/* If the router does not have the command, or has no route, that is no matter of policies. */
static void test_without_route_check(void **state)
{
    (void)state;
    check_routes_after("!trap .tag=3 =message=no_such_command|!done .tag=3", 0);
    check_routes_after("!trap .tag=3 =message=no_such_command_or_directory_(check)|"
                       "!trap .tag=3 =message=no_such_command_prefix|!done .tag=3",
                       0);
    check_routes_after("!trap .tag=3 =message=not_enough_permissions_(9)|!done .tag=3", 1);
    assert_int_equal(count_actions(&out, ACTION_LOG), 0);
    check_routes_after("!empty .tag=3|!done .tag=3", 0);
    check_routes_after("!re .tag=3 =status=failed|!done .tag=3", 0);
}

static void test_longest_match(void **state)
{
    (void)state;
    static const struct {
        const char *route;
        const char *interface;
    } rows[] = {
        {"=dst-address=10.2.0.1/32 =immediate-gw=10.2.0.1%wg2,10.9.9.9%wg3", "wg2"},
        {"=dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_reachable_via__wg6", "wg6"},
        {"=dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_unreachable =gateway=wg7", "wg7"},
        {"=dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_reachable_via_", "ether1"},
        {"=dst-address=10.2.0.0/24 =gateway-status=10.2.0.1_reachable_via__", "ether1"},
        {"=dst-address=10.2.0.0/24 =gateway=wg7", "wg7"},
        {"=dst-address=10.2.0.0/24 =gateway=10.2.0.1", "ether1"}, /* the row has no interface */
        {"=dst-address=10.2.0.0/24 =gateway=wg7 =disabled=true", "ether1"},
        {"=dst-address=10.2.0.0/24 =gateway=wg7 =routing-mark=other", "ether1"},
        {"=dst-address=10.3.0.0/24 =gateway=wg7", "ether1"},
        {"=dst-address=x =gateway=wg7", "ether1"},
        /* The network of an address is a route as well. */
        {"=dst-address=10.2.0.0/16 =gateway=wg7|!re .tag=5 =address=10.2.0.2/24 =interface=wg8", "wg8"},
        {"=dst-address=10.2.0.0/25 =gateway=wg7|!re .tag=5 =address=10.2.0.2/24 =interface=wg8", "wg7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char words[512];
        stop(NULL);
        start(NULL);
        hear("!done .tag=1|!done .tag=3");
        snprintf(
            words, sizeof(words),
            "!re .tag=4 %s|!re .tag=4 =dst-address=0.0.0.0/0 =immediate-gw=192.0.2.1%%ether1|!done .tag=4|"
            "!done .tag=5",
            rows[i].route);
        hear(words);
        assert_string_equal(router->way.interface, rows[i].interface);
    }
}

static void test_no_interface_means_no_guess(void **state)
{
    (void)state;
    hear("!done .tag=1|!done .tag=2|!done .tag=3");
    hear("!done .tag=4|!done .tag=5");
    check_sends(0);
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    assert_false(router_is_ready(router));
    assert_false(router_add(router, 1, &rule, at(now_ms)));
    for (unsigned i = 0; i < 3; i++) {
        char words[64];
        uint64_t retry_ms = router_deadline_ms(router);
        assert_in_range(retry_ms - now_ms, 1000, 30000);
        wait_until(retry_ms);
        check_sent(&out, 0, "/ip/route/check");
        snprintf(words, sizeof(words), "!done .tag=%u|!done .tag=%u|!done .tag=%u", 6 + 3 * i, 7 + 3 * i,
                 8 + 3 * i);
        hear(words);
        assert_int_equal(count_actions(&out, ACTION_LOG), 0); /* logged once */
    }
    wait_until(router_deadline_ms(router));
    hear("!re .tag=15 =interface=wg1|!done .tag=15");
    check_sent(&out, 3, "/ip/firewall/nat/listen");
}

/* The tunnel is down for a while, twice: both times it is said, and in between nothing is wrong. */
static void test_no_interface_for_a_while(void **state)
{
    (void)state;
    hear("!done .tag=1|!done .tag=2|!re .tag=3 =interface=wg1|!done .tag=3");
    hear("!done .tag=4|!done .tag=5|!done .tag=6|!done .tag=8");
    assert_true(router_is_ready(router));
    for (unsigned tag = 9; tag < 9 + 2 * 8; tag += 8) {
        char words[128];
        router_resync(router, now_ms);
        wait_until(now_ms + 1);
        snprintf(words, sizeof(words), "!done .tag=%u", tag);
        hear(words);
        snprintf(words, sizeof(words), "!done .tag=%u|!done .tag=%u", tag + 1, tag + 2);
        hear(words);
        assert_int_equal(count_actions(&out, ACTION_LOG), 1);
        assert_int_equal(router->trouble, FAILURE_NO_INTERFACE);
        wait_until(router_deadline_ms(router));
        snprintf(words, sizeof(words), "!re .tag=%u =interface=wg1|!done .tag=%u", tag + 3, tag + 3);
        hear(words);
        assert_int_equal(router->trouble, FAILURE_NONE);
        snprintf(words, sizeof(words), "!done .tag=%u|!done .tag=%u|!done .tag=%u", tag + 4, tag + 5,
                 tag + 6);
        hear(words);
        snprintf(words, sizeof(words), "!done .tag=%u", tag + 7);
        hear(words);
        assert_int_equal(count_outcomes(ROUTER_SNAPSHOT_DONE), 1);
    }
}

/* A missing table is logged once, not at each resync. */
static void test_a_missing_test_policy_is_logged_once(void **state)
{
    (void)state;
    hear("!done .tag=1|!done .tag=2");
    for (unsigned tag = 3; tag < 15; tag += 3) {
        char words[100];
        snprintf(words, sizeof(words), "!trap .tag=%u =message=not_enough_permissions_(9)|!done .tag=%u", tag,
                 tag);
        hear(words);
        assert_int_equal(count_actions(&out, ACTION_LOG), tag == 3);
        check_sent(&out, 0, "/ip/route/print");
        snprintf(words, sizeof(words), "!done .tag=%u|!done .tag=%u", tag + 1, tag + 2);
        hear(words);
        wait_until(router_deadline_ms(router));
        check_sent(&out, 0, "/ip/route/check");
    }
}

/* ---- the daemon's copy of the NAT table ---- */

static void test_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=2|!re .tag=4 =address=10.2.0.2/32 =interface=wg1|!done .tag=4|"
         "!done .tag=5|!done .tag=6");
    hear("!re .tag=8 =.id=*1 " FOREIGN "|!re .tag=8 =.id=*2 " RULE
         " =dst-address=10.2.0.2|!re .tag=8 =.id=*3 " FOREIGN
         " =in-interface=ether1 =dst-port=81|!re .tag=8|!done .tag=8");
    assert_int_equal(outcome_count, 2);
    assert_int_equal(outcomes[0].type, ROUTER_RULE);
    assert_int_equal(outcomes[0].id, 2);
    assert_true(outcomes[0].rule.as_wanted);
    assert_int_equal(outcomes[1].type, ROUTER_SNAPSHOT_DONE);
    assert_true(router_port_taken(router, NATPMP_TCP, 80));
    assert_false(router_port_taken(router, NATPMP_UDP, 80));
    assert_false(router_port_taken(router, NATPMP_TCP, 81));
    assert_false(router_port_taken(router, NATPMP_TCP, 6881));
    assert_true(router_has_address(router, 0x0a020002));
    assert_true(router_has_address(router, 0xc0a85801)); /* the address that the daemon uses */
    assert_false(router_has_address(router, 0xc0a8580b));
    assert_false(router_has_address(router, 0)); /* connections that were never opened */
}

static void test_listen(void **state)
{
    (void)state;
    hear("!re .tag=7 =.id=*9 " RULE);
    assert_int_equal(count_outcomes(ROUTER_RULE), 1);
    hear("!re .tag=7 =.id=*9 =.dead=true");
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 1);
    assert_int_equal(outcomes[0].id, 9);
    hear("!re .tag=7 =.id=*9 =.dead=yes");
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 1);
    hear("!re .tag=7 =.id=*9 =.dead=no " RULE "|!re .tag=7 =.id=*9 =.dead=false " RULE);
    assert_int_equal(count_outcomes(ROUTER_RULE), 2);
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 0);
    hear("!re .tag=7 =.id=*8 " FOREIGN);
    assert_int_equal(count_outcomes(ROUTER_RULE_FOREIGN), 1);
    assert_true(router_port_taken(router, NATPMP_TCP, 80));
    hear("!re .tag=7 =.id=*8 =bytes=5 =packets=1");
    assert_int_equal(outcome_count, 0);
    assert_true(router_deadline_ms(router) >= now_ms + 2000); /* nothing that requires a resync */
}

/* A row with only the changed property: a resync reads the rest. */
static void test_partial_row(void **state)
{
    (void)state;
    hear("!re .tag=7 =.id=*8 =disabled=true");
    assert_int_equal(outcome_count, 1);
    assert_int_equal(outcomes[0].type, ROUTER_RULE_DISABLED);
    assert_int_equal(outcomes[0].id, 8);
    hear("!re .tag=7 =.id=*8 =dst-port=81");
    assert_int_equal(outcome_count, 1);
    assert_int_equal(outcomes[0].type, ROUTER_RULE_CHANGED);
    assert_int_equal(outcomes[0].id, 8);
    uint64_t resync_ms = router_deadline_ms(router);
    assert_in_range(resync_ms - now_ms, 1, 1000);
    wait_until(resync_ms);
    check_sent(&out, 1, "/ip/address/print");
    check_sends(4); /* listen continues */
}

/* Somebody removes the only foreign rule of the start, and no other change is reported. The next resync frees
 * its port. */
static void test_the_only_foreign_rule_goes(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1");
    hear("!done .tag=2|!done .tag=3|!done .tag=4|!done .tag=5|!done .tag=6");
    hear("!re .tag=8 =.id=*1 " FOREIGN "|!done .tag=8");
    assert_true(router_port_taken(router, NATPMP_TCP, 80));
    router_resync(router, now_ms);
    wait_until(now_ms + 1);
    hear("!done .tag=9|!done .tag=10|!done .tag=11|!done .tag=12");
    assert_true(router_port_taken(router, NATPMP_TCP, 80)); /* while the table is read */
    hear("!done .tag=13");
    assert_int_equal(count_outcomes(ROUTER_SNAPSHOT_DONE), 1);
    assert_false(router_port_taken(router, NATPMP_TCP, 80));
}

/* A foreign rule that is removed starts a resync after two seconds, but not within 15 s of the last one. */
static void test_resyncs_for_foreign_rules_are_apart(void **state)
{
    (void)state;
    uint64_t resynced_ms = now_ms;
    router_foreign_changed(router, now_ms);
    assert_int_equal(router->resync_due_ms, resynced_ms + 15000);
    router_foreign_changed(router, resynced_ms + 12999);
    assert_int_equal(router->resync_due_ms, resynced_ms + 15000);
    stop(NULL);
    start_ready(NULL);
    resynced_ms = now_ms;
    router_foreign_changed(router, resynced_ms + 13001);
    assert_int_equal(router->resync_due_ms, resynced_ms + 15001);
    router_foreign_changed(router, resynced_ms + 14000); /* the one that is due is soon enough */
    assert_int_equal(router->resync_due_ms, resynced_ms + 15001);
}

/* The connection is lost in each stage of a resync: the next connection begins one anew. */
static void test_the_connection_is_lost_amid_a_resync(void **state)
{
    static const char *const until[] = {
        "",                                       /* the interface is asked for */
        "!done .tag=3",                           /* the routes */
        "!done .tag=3|!done .tag=4",              /* half of them */
        "!re .tag=3 =interface=wg1|!done .tag=3", /* what surrounds it */
        "!re .tag=3 =interface=wg1|!done .tag=3|!done .tag=4|!done .tag=5|!done .tag=6", /* the table */
        "!re .tag=3 =interface=wg1|!done .tag=3|!done .tag=4|!done .tag=5|!done .tag=6|!re .tag=8 "
        "=.id=*2 " RULE,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(until); i++) {
        stop(NULL);
        start(NULL);
        hear("!done .tag=1");
        hear("!re .tag=2 =version=7.18.2_(stable)|!done .tag=2");
        hear(until[i]);
        closed(0, FAILURE_LOST);
        assert_false(router_is_ready(router));
        wait_until(router_deadline_ms(router));
        opened(0);
        hear("!done .tag=1");
        check_sent(&out, 0, "/system/resource/print");
        check_sent(&out, 1, "/ip/route/check");
        hear("!re .tag=2 =version=7.9_(stable)|!done .tag=2|!re .tag=3 =interface=wg1|!done .tag=3");
        check_sent(&out, 3, "/ip/firewall/nat/listen");
        hear("!done .tag=4|!done .tag=5|!done .tag=6");
        hear("!re .tag=8 =.id=*2 " RULE "|!done .tag=8");
        assert_int_equal(count_outcomes(ROUTER_RULE), 1);
        assert_int_equal(count_outcomes(ROUTER_SNAPSHOT_DONE), 1);
        assert_true(router_is_ready(router));
        assert_string_equal(router->version, "7.9"); /* nothing of the longer one is left */
    }
}

/* The router refuses to print its interface lists, or their members, so a rule that names a list may
 * match. */
static void test_unknown_interface_lists(void **state)
{
    static const char *const answers[] = {
        "!done .tag=5|!done .tag=6",
        "!trap .tag=5 =message=failure|!done .tag=5|!done .tag=6",
        "!done .tag=5|!trap .tag=6 =message=failure|!done .tag=6",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        stop(NULL);
        start_with("wg1");
        hear("!done .tag=1");
        hear("!done .tag=2|!done .tag=3|!done .tag=4");
        hear(answers[i]);
        hear("!re .tag=8 =.id=*1 " FOREIGN " =in-interface-list=LAN|!done .tag=8");
        assert_true(router_is_ready(router));
        assert_false(router_port_taken(router, NATPMP_TCP, 80));
        assert_int_equal(router_port_doubted(router, NATPMP_TCP, 80), i > 0);
    }
}

/* A change that listen reports during a snapshot counts, too. */
static void test_listen_during_a_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1");
    hear("!re .tag=7 =.id=*5 " RULE); /* the snapshot will show it */
    assert_int_equal(outcome_count, 0);
    hear("!done .tag=4|!done .tag=5|!done .tag=6");
    hear("!re .tag=8 =.id=*2 " RULE);
    assert_int_equal(count_outcomes(ROUTER_RULE), 1);
    hear("!re .tag=7 =.id=*2 =.dead=true");
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 1);
    hear("!re .tag=7 =.id=*8 " FOREIGN "|!done .tag=8");
    assert_int_equal(count_outcomes(ROUTER_SNAPSHOT_DONE), 1);
    assert_true(router_port_taken(router, NATPMP_TCP, 80));
}

/* The snapshot may still contain the row of a rule that was removed meanwhile. Only another resync shows
 * that. */
static void test_removed_during_a_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1");
    hear("!done .tag=4|!done .tag=5|!done .tag=6");
    hear("!re .tag=7 =.id=*2 =.dead=true");
    hear("!re .tag=8 =.id=*2 " RULE "|!done .tag=8");
    check_sent(&out, 1, "/ip/address/print");
}

/* A router that refuses listen, and does so slowly, must not cause one resync after the other. */
static void test_listen_is_refused_during_a_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=2");
    hear("!done .tag=4|!done .tag=5|!done .tag=6");
    hear("!trap .tag=7 =message=no_such_command|!done .tag=7");
    hear("!done .tag=8");
    check_sends(0);
    assert_in_range(router->resync_due_ms - now_ms, 10000, 30000);
}

static void test_resyncs_are_repeated(void **state)
{
    (void)state;
    uint64_t end_ms = now_ms + 600000;
    unsigned tag = 9;
    while (router_deadline_ms(router) < end_ms) {
        char words[64];
        wait_until(router_deadline_ms(router));
        check_sent(&out, 0, "/system/identity/print");
        check_sends(1);
        snprintf(words, sizeof(words), "!re .tag=%u =name=MikroTik|!done .tag=%u", tag, tag);
        tag++;
        hear(words);
        assert_int_equal(outcome_count, 0);
    }
    assert_true(router_deadline_ms(router) == end_ms);
    wait_until(end_ms);
    check_sent(&out, 0, "/ip/route/check");
    check_sent(&out, 1, "/ip/address/print");
}

/* The configured interface counts. If the router uses another one, the daemon logs that once. */
static void test_the_configured_interface_is_compared(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "!re .tag=3 =interface=wg1|", "!re .tag=3 =interface=ether1|"};
    for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
        char words[128];
        stop(NULL);
        start_with("wg1");
        hear("!done .tag=1");
        check_attribute(check_sent(&out, 1, "/ip/route/check"), "dst-ip", "10.2.0.1");
        snprintf(words, sizeof(words), "!done .tag=2|%s!done .tag=3", answers[i]);
        hear(words);
        assert_int_equal(count_actions(&out, ACTION_LOG), i == 2);
        hear("!done .tag=4|!done .tag=5|!done .tag=6|!done .tag=8");
        assert_true(router_is_ready(router));
        assert_string_equal(router->context.interface, "wg1");
    }
    router_resync(router, now_ms);
    wait_until(now_ms + 1);
    hear("!re .tag=9 =interface=ether1|!done .tag=9");
    assert_int_equal(count_actions(&out, ACTION_LOG), 0);
}

static void test_without_listen(void **state)
{
    (void)state;
    hear("!trap .tag=7 =message=no_such_command|!done .tag=7");
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    assert_in_range(router_deadline_ms(router) - now_ms, 1000, 30000);
    assert_int_equal(router->resync_due_ms, now_ms + 30000);
    wait_until(router_deadline_ms(router));
    if (router->stage == STAGE_IDLE) /* keep-alive was due first */
        hear("!done .tag=9");
    assert_in_range(router_deadline_ms(router) - now_ms, 1, 30000);
}

static void test_reading_is_refused(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=2|!done .tag=3|!trap .tag=4 =message=not_enough_permissions_(9)|!done "
         ".tag=4|!done "
         ".tag=5");
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    hear("!done .tag=6");
    check_sends(0);
    assert_false(router_is_ready(router));
    assert_int_equal(router_deadline_ms(router), now_ms + 10000);
    wait_until(router_deadline_ms(router));
    check_sent(&out, 1, "/ip/address/print");
}

static void test_a_long_version(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1");
    hear("!re .tag=2 =version=7.18.2beta34567890123456789012345678 |!done .tag=2");
    assert_string_equal(router->version, "7.18.2beta345678901234567890123");
    assert_int_equal(strlen(router->version), sizeof(router->version) - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define READY_TEST(name) cmocka_unit_test_setup_teardown(name, start_ready, stop)

UNIT(router)
{
    const struct CMUnitTest tests[] = {
        TEST(test_route_check),
        TEST(test_without_route_check),
        TEST(test_longest_match),
        TEST(test_no_interface_means_no_guess),
        TEST(test_no_interface_for_a_while),
        TEST(test_a_missing_test_policy_is_logged_once),
        TEST(test_snapshot),
        READY_TEST(test_listen),
        READY_TEST(test_partial_row),
        TEST(test_the_only_foreign_rule_goes),
        READY_TEST(test_resyncs_for_foreign_rules_are_apart),
        TEST(test_the_connection_is_lost_amid_a_resync),
        TEST(test_unknown_interface_lists),
        TEST(test_listen_during_a_snapshot),
        TEST(test_removed_during_a_snapshot),
        TEST(test_listen_is_refused_during_a_snapshot),
        READY_TEST(test_resyncs_are_repeated),
        READY_TEST(test_without_listen),
        TEST(test_the_configured_interface_is_compared),
        TEST(test_reading_is_refused),
        TEST(test_a_long_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
