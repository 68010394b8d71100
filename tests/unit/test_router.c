/* Reading the router: the snapshot and listen. */
#include "router_unit.h"

/* ---- the daemon's copy of the NAT table ---- */

static void test_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6|!done .tag=2");
    hear("!re .tag=8 =address=10.2.0.2/32 =interface=wg1|!done .tag=8|!done .tag=9|!done .tag=10");
    hear("!re .tag=12 =.id=*1 " FOREIGN "|!re .tag=12 =.id=*2 " RULE
         " =dst-address=10.2.0.2|!re .tag=12 =.id=*3 " FOREIGN
         " =in-interface=ether1 =dst-port=81|!re .tag=12|!done .tag=12");
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
    hear("!re .tag=11 =.id=*9 " RULE);
    assert_int_equal(count_outcomes(ROUTER_RULE), 1);
    hear("!re .tag=11 =.id=*9 =.dead=true");
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 1);
    assert_int_equal(outcomes[0].id, 9);
    hear("!re .tag=11 =.id=*9 =.dead=yes");
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 1);
    hear("!re .tag=11 =.id=*9 =.dead=no " RULE "|!re .tag=11 =.id=*9 =.dead=false " RULE);
    assert_int_equal(count_outcomes(ROUTER_RULE), 2);
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 0);
    hear("!re .tag=11 =.id=*8 " FOREIGN);
    assert_int_equal(count_outcomes(ROUTER_RULE_FOREIGN), 1);
    assert_true(router_port_taken(router, NATPMP_TCP, 80));
    hear("!re .tag=11 =.id=*8 =bytes=5 =packets=1");
    assert_int_equal(outcome_count, 0);
    assert_true(router_deadline_ms(router) >= now_ms + 2000); /* nothing that requires a resync */
}

/* A row with only the changed property: a resync reads the rest. */
static void test_partial_row(void **state)
{
    (void)state;
    hear("!re .tag=11 =.id=*8 =disabled=true");
    assert_int_equal(outcome_count, 1);
    assert_int_equal(outcomes[0].type, ROUTER_RULE_DISABLED);
    assert_int_equal(outcomes[0].id, 8);
    hear("!re .tag=11 =.id=*8 =dst-port=81");
    assert_int_equal(outcome_count, 1);
    assert_int_equal(outcomes[0].type, ROUTER_RULE_CHANGED);
    assert_int_equal(outcomes[0].id, 8);
    uint64_t resync_ms = router_deadline_ms(router);
    assert_in_range(resync_ms - now_ms, 1, 1000);
    wait_until(resync_ms);
    check_sent(&out, 0, "/ip/address/print");
    check_sends(3); /* listen continues */
}

/* Somebody removes the only foreign rule of the start, and no other change is reported. The next resync frees
 * its port. */
static void test_the_only_foreign_rule_goes(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=2|!done .tag=7|!done .tag=8|!done .tag=9|!done .tag=10");
    hear("!re .tag=12 =.id=*1 " FOREIGN "|!done .tag=12");
    assert_true(router_port_taken(router, NATPMP_TCP, 80));
    router_resync(router, now_ms);
    wait_until(now_ms + 1);
    hear("!done .tag=13|!done .tag=14|!done .tag=15");
    assert_true(router_port_taken(router, NATPMP_TCP, 80)); /* while the table is read */
    hear("!done .tag=16");
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

/* The router refuses to print its interface lists, or their members, so a rule that names a list may
 * match. */
static void test_unknown_interface_lists(void **state)
{
    static const char *const answers[] = {
        "!done .tag=9|!done .tag=10",
        "!trap .tag=9 =message=failure|!done .tag=9|!done .tag=10",
        "!done .tag=9|!trap .tag=10 =message=failure|!done .tag=10",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        stop(NULL);
        start_with("wg1");
        hear("!done .tag=1|!done .tag=6");
        hear("!done .tag=2|!done .tag=7|!done .tag=8");
        hear(answers[i]);
        hear("!re .tag=12 =.id=*1 " FOREIGN " =in-interface-list=LAN|!done .tag=12");
        assert_true(router_is_ready(router));
        assert_false(router_port_taken(router, NATPMP_TCP, 80));
        assert_int_equal(router_port_doubted(router, NATPMP_TCP, 80), i > 0);
    }
}

/* A table with more chains than are followed is said once. */
static void test_more_chains_than_are_followed(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=8|!done .tag=9|!done .tag=10");
    note_sent();
    for (unsigned chains = TAKEN_CHAINS_MAX; chains <= TAKEN_CHAINS_MAX + 1; chains++) {
        for (unsigned again = 0; again < 2; again++) {
            char row[96];
            for (unsigned i = 0; i < chains; i++) {
                snprintf(row, sizeof row,
                         "!re .tag=%u =.id=*%X =chain=c%u =action=accept =protocol=tcp =dst-port=80",
                         tag_of("/ip/firewall/nat/print"), i + 1, i);
                hear(row);
            }
            answer("/ip/firewall/nat/print", "");
            bool said = chains > TAKEN_CHAINS_MAX && again == 0;
            bool ready = chains == TAKEN_CHAINS_MAX && again == 0;
            assert_int_equal(count_actions(&out, ACTION_LOG), said + ready);
            router_resync(router, now_ms);
            wait_until(now_ms);
            note_sent();
            answer("/ip/address/print", "");
            answer("/interface/list/print", "");
            answer("/interface/list/member/print", "");
        }
    }
}

/* A change that listen reports during a snapshot counts, too. */
static void test_listen_during_a_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6");
    hear("!re .tag=11 =.id=*5 " RULE); /* the snapshot will show it */
    assert_int_equal(outcome_count, 0);
    hear("!done .tag=8|!done .tag=9|!done .tag=10");
    hear("!re .tag=12 =.id=*2 " RULE);
    assert_int_equal(count_outcomes(ROUTER_RULE), 1);
    hear("!re .tag=11 =.id=*2 =.dead=true");
    assert_int_equal(count_outcomes(ROUTER_RULE_GONE), 1);
    hear("!re .tag=11 =.id=*8 " FOREIGN "|!done .tag=12");
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
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=8|!done .tag=9|!done .tag=10");
    hear("!re .tag=11 =.id=*2 =.dead=true");
    hear("!re .tag=12 =.id=*2 " RULE "|!done .tag=12");
    check_sent(&out, 0, "/ip/address/print");
}

/* A router that refuses listen, and does so slowly, must not cause one resync after the other. */
static void test_listen_is_refused_during_a_snapshot(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6|!done .tag=2");
    hear("!done .tag=8|!done .tag=9|!done .tag=10");
    hear("!trap .tag=11 =message=no_such_command|!done .tag=11");
    hear("!done .tag=12");
    check_sends(0);
    assert_in_range(router->resync_due_ms - now_ms, 10000, 30000);
}

static void test_without_listen(void **state)
{
    (void)state;
    hear("!trap .tag=11 =message=no_such_command|!done .tag=11");
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    assert_in_range(router_deadline_ms(router) - now_ms, 1000, 30000);
    assert_int_equal(router->resync_due_ms, now_ms + 30000);
    wait_until(router_deadline_ms(router));
    if (router->stage == STAGE_IDLE) /* keep-alive was due first */
        hear("!done .tag=13");
    assert_in_range(router_deadline_ms(router) - now_ms, 1, 30000);
}

static void test_reading_is_refused(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6|!done .tag=2|!done .tag=7|!trap .tag=8 "
         "=message=not_enough_permissions_(9)|!done "
         ".tag=8|!done "
         ".tag=9");
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    hear("!done .tag=10");
    check_sends(0);
    assert_false(router_is_ready(router));
    assert_int_equal(router_deadline_ms(router), now_ms + 10000);
    wait_until(router_deadline_ms(router));
    check_sent(&out, 0, "/ip/firewall/connection/print");
}

static void test_a_long_version(void **state)
{
    (void)state;
    stop(NULL);
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6");
    hear("!re .tag=2 =version=7.18.2beta34567890123456789012345678 |!done .tag=2");
    assert_string_equal(router->version, "7.18.2beta345678901234567890123");
    assert_int_equal(strlen(router->version), sizeof(router->version) - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define READY_TEST(name) cmocka_unit_test_setup_teardown(name, start_ready, stop)

UNIT(router)
{
    const struct CMUnitTest tests[] = {
        TEST(test_snapshot),
        READY_TEST(test_listen),
        READY_TEST(test_partial_row),
        TEST(test_the_only_foreign_rule_goes),
        READY_TEST(test_resyncs_for_foreign_rules_are_apart),
        TEST(test_unknown_interface_lists),
        TEST(test_more_chains_than_are_followed),
        TEST(test_listen_during_a_snapshot),
        TEST(test_removed_during_a_snapshot),
        TEST(test_listen_is_refused_during_a_snapshot),
        READY_TEST(test_without_listen),
        TEST(test_reading_is_refused),
        TEST(test_a_long_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
