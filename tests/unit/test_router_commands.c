/* Changing the router's rules: answers, refusals, lost connections, and several connections. */
#include <stdio.h>

#include "router_unit.h"

/* ---- commands ---- */

static void test_add(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    const struct ros_sentence *sent = check_sent(&out, 0, "/ip/firewall/nat/add");
    check_attribute(sent, "chain", "dstnat");
    check_attribute(sent, "action", "dst-nat");
    check_attribute(sent, "protocol", "tcp");
    check_attribute(sent, "in-interface", "wg1");
    check_attribute(sent, "dst-port", "6881");
    check_attribute(sent, "to-addresses", "192.168.88.11");
    check_attribute(sent, "to-ports", "6882");
    check_attribute(sent, "comment", "double-natpmp/default external pending lease 3600 s");
    check_attribute(sent, "dst-address-type", "local"); /* the tunnel's address is not known */
    assert_int_equal(sent->words, 11);
    hear("!done .tag=13 =ret=*1A");
    assert_int_equal(outcomes[0].type, ROUTER_ADDED);
    assert_int_equal(outcomes[0].owner, 5);
    assert_int_equal(outcomes[0].id, 0x1A);
}

/* No client waits so long for an answer. The next addition in time ends it, and nothing else does. */
static void test_a_slow_router(void **state)
{
    (void)state;
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    now_ms += 12000;
    hear("!done .tag=13 =ret=*1A");
    assert_int_equal(outcomes[0].type, ROUTER_ADDED);
    assert_int_equal(router->trouble, FAILURE_SLOW);
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    assert_true(router_remove(router, 5, 0x1A, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/remove", "");
    assert_int_equal(router->trouble, FAILURE_SLOW);
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/add", "");
    assert_int_equal(router->trouble, FAILURE_NONE);
}

/* One rule may be refused for a reason of its own, the second one in a row shows that all are. A rule that is
 * made ends it, and nothing else does. */
static void test_a_router_that_refuses_rules(void **state)
{
    (void)state;
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/add", "!trap =message=failure:_no_space_left_on_device|");
    assert_int_equal(router->trouble, FAILURE_COMMAND);
    assert_true(router_remove(router, 6, 0x1A, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/remove", "");
    assert_int_equal(router->trouble, FAILURE_NONE);
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/add", "!trap =message=failure:_no_space_left_on_device|");
    assert_int_equal(router->trouble, FAILURE_REFUSES_RULES);
    assert_true(router_set_comment(router, 6, 0x1A, 0, 60, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/set", "!trap =message=failure:_no_space_left_on_device|");
    assert_true(router_remove(router, 6, 0x1A, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/remove", "");
    assert_int_equal(router->trouble, FAILURE_REFUSES_RULES);
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    note_sent();
    answer("/ip/firewall/nat/add", "");
    assert_int_equal(router->trouble, FAILURE_NONE);
}

/* Reads the tables again: one address on the interface, and these NAT rules. The commands begin with this
 * tag. */
static void resync_with(unsigned tag, const char *rules)
{
    char text[1024];
    router_resync(router, now_ms);
    wait_until(now_ms + 1);
    (void)snprintf(
        text, sizeof(text),
        "!re .tag=%u =address=10.2.0.2/32 =interface=wg1|!done .tag=%u|!done .tag=%u|!done .tag=%u", tag, tag,
        tag + 1, tag + 2);
    hear(text);
    char snapshot[16];
    (void)snprintf(snapshot, sizeof(snapshot), ".tag=%u ", tag + 3);
    size_t len = 0;
    for (const char *at = rules; *at != '\0'; at++) {
        if (*at == '@')
            len += (size_t)snprintf(text + len, sizeof(text) - len, "!re %s", snapshot);
        else
            text[len++] = *at;
    }
    (void)snprintf(text + len, sizeof(text) - len, "!done %s", snapshot);
    hear(text);
}

/* [P6] [P7] [P9] Ours stand before the first static rule of dstnat that is not ours, and are for the tunnel's
 * own address. */
static void test_where_a_rule_is_added(void **state)
{
    (void)state;
    resync_with(13, "@=.id=*1 =chain=dstnat =action=jump =jump-target=a =dynamic=true|"
                    "@=.id=*2 =chain=srcnat =action=masquerade|@=.id=*3 " RULE "|@=.id=*4 " FOREIGN
                    "|@=.id=*5 " FOREIGN "|");
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(router_add(router, 5, &rule, at(now_ms)));
    const struct ros_sentence *sent = check_sent(&out, 0, "/ip/firewall/nat/add");
    check_attribute(sent, "dst-address", "10.2.0.2");
    check_attribute(sent, "place-before", "*4");
    /* It is gone: nothing is added until another one is known. */
    hear("!re .tag=11 =.id=*4 =.dead=true");
    assert_false(router_add(router, 6, &rule, at(now_ms)));
    check_sent(&out, 0, "/ip/address/print");
}

/* The router does not know the rule any more, or refuses it. It is named once, and not again. */
static void test_a_place_that_is_refused(void **state)
{
    (void)state;
    static const char *const messages[] = {"item_referred_by_'place-before'_does_not_exist_(11)",
                                           "no_such_item_(4)"};
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        stop(NULL);
        start_ready(NULL);
        char text[128];
        resync_with(13, "@=.id=*4 " FOREIGN "|");
        actions_clear(&out, LOG_LEVEL_INFO);
        assert_true(router_add(router, 5, &rule, at(now_ms)));
        check_attribute(check_sent(&out, 0, "/ip/firewall/nat/add"), "place-before", "*4");
        (void)snprintf(text, sizeof(text), "!trap .tag=17 =message=%s|!done .tag=17", messages[i]);
        hear(text);
        assert_int_equal(outcomes[0].type, ROUTER_FAILED);
        assert_false(router_add(router, 5, &rule, at(now_ms)));
        resync_with(18, "@=.id=*4 " FOREIGN "|");
        actions_clear(&out, LOG_LEVEL_INFO);
        assert_true(router_add(router, 5, &rule, at(now_ms)));
        struct span none;
        assert_false(ros_attribute(check_sent(&out, 0, "/ip/firewall/nat/add"), "place-before", &none));
    }
}

static void test_remove_and_set(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(router_remove(router, 5, 0x1A, at(now_ms)));
    assert_true(router_set_comment(router, 6, 0x1B, 41000, 60, at(now_ms)));
    check_attribute(check_sent(&out, 0, "/ip/firewall/nat/remove"), ".id", "*1A");
    const struct ros_sentence *set = check_sent(&out, 1, "/ip/firewall/nat/set");
    check_attribute(set, ".id", "*1B");
    check_attribute(set, "comment", "double-natpmp/default external 41000 lease 60 s");
    hear("!re .tag=11 =.id=*1A =.dead=true"); /* the daemon's own change */
    assert_int_equal(outcome_count, 0);
    hear("!trap .tag=13 =message=no_such_item_(4)|!done .tag=13|!done .tag=14");
    assert_int_equal(outcomes[0].type, ROUTER_REMOVED);
    assert_int_equal(outcomes[0].owner, 5);
    assert_int_equal(outcomes[1].type, ROUTER_SET_DONE);
    assert_int_equal(outcomes[1].owner, 6);
}

/* A rule that could not be removed still exists. Its removal by hand is a change. */
static void test_a_removal_that_failed_is_forgotten(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(router_remove(router, 5, 0x1A, at(now_ms)));
    hear("!trap .tag=13 =message=failure:_busy|!done .tag=13");
    assert_int_equal(outcomes[0].type, ROUTER_FAILED);
    hear("!re .tag=11 =.id=*1A =.dead=true");
    assert_int_equal(outcome_count, 1);
    assert_int_equal(outcomes[0].type, ROUTER_RULE_GONE);
    assert_int_equal(outcomes[0].id, 0x1A);
    hear("!re .tag=11 =.id=*1 =.dead=true"); /* and so is any other rule's */
    assert_int_equal(outcome_count, 1);
    assert_int_equal(outcomes[0].id, 1);
}

static void test_refused_commands(void **state)
{
    (void)state;
    router_add(router, 5, &rule, at(now_ms));
    router_add(router, 6, &rule, at(now_ms));
    hear("!trap .tag=13 =message=not_enough_permissions_(9)|!done .tag=13|"
         "!trap .tag=14 =message=not_enough_permissions_(9)|!done .tag=14");
    assert_int_equal(count_outcomes(ROUTER_FAILED), 2);
    assert_int_equal(outcomes[0].kind, COMMAND_ADD);
    assert_int_equal(outcomes[0].error, ROS_ERROR_PERMISSION);
    assert_int_equal(count_actions(&out, ACTION_LOG), 1); /* logged once */
}

/* ---- lost connections ---- */

static void test_a_resync_settles_lost_answers(void **state)
{
    (void)state;
    router_add(router, 5, &rule, at(now_ms));
    router_remove(router, 6, 0x1A, at(now_ms));
    router_set_comment(router, 7, 0x1B, 1, 1, at(now_ms));
    closed(0, FAILURE_LOST);
    assert_int_equal(count_outcomes(ROUTER_LOST), 3);
    assert_false(router_is_ready(router));
    assert_false(router_add(router, 5, &rule, at(now_ms)));
    assert_true(router->ids_valid_from > router->snapshot);
    wait_until(router->session[0].retry_ms);
    opened(0);
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=8|!done .tag=9|!done .tag=10|!re .tag=12 =.id=*2 " RULE "|!done .tag=12");
    assert_int_equal(count_outcomes(ROUTER_RULE), 1);
    assert_int_equal(router->snapshot, router->ids_valid_from);
    assert_true(router_is_ready(router));
}

/* An id from an earlier connection may belong to another rule by now. */
static void test_orphans_of_the_last_connection_are_forgotten(void **state)
{
    (void)state;
    while (router_remove(router, 1, 99, at(now_ms))) /* every slot is used */
        actions_clear(&out, LOG_LEVEL_INFO);
    router_orphan(router, 0x77, now_ms);
    closed(0, FAILURE_LOST);
    wait_until(router->session[0].retry_ms);
    opened(0);
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=8|!done .tag=9|!done .tag=10|!done .tag=12");
    assert_true(router_is_ready(router));
    check_sends(1); /* no removal after the snapshot */
    check_sent(&out, 0, "/ip/firewall/nat/print");
    wait_until(now_ms + 1);
    check_sends(0);
}

static void test_orphans_are_removed(void **state)
{
    (void)state;
    router_orphan(router, 0x77, now_ms);
    router_orphan(router, 0x77, now_ms);
    wait_until(now_ms + 1);
    check_attribute(check_sent(&out, 0, "/ip/firewall/nat/remove"), ".id", "*77");
    check_sends(1);
    hear("!done .tag=13");
    assert_int_equal(outcomes[0].type, ROUTER_REMOVED);
    assert_int_equal(outcomes[0].owner, 0);
}

/* More of them than the table has room for: a resync soon finds the others again. */
static void test_more_orphans_than_are_kept(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= ROUTER_ORPHANS_MAX; i++)
        router_orphan(router, i, now_ms);
    assert_true(router->resync_due_ms > now_ms + 60000);
    router_orphan(router, 1, now_ms); /* is in the table already */
    assert_true(router->resync_due_ms > now_ms + 60000);
    router_orphan(router, ROUTER_ORPHANS_MAX + 1, now_ms);
    assert_int_equal(router->resync_due_ms, now_ms + 10000);
    assert_int_equal(router->orphans, ROUTER_ORPHANS_MAX);
}

/* As many commands are in flight as the connection may have, so the comment is written later. */
static void test_a_comment_waits_for_a_free_connection(void **state)
{
    (void)state;
    while (router_remove(router, 1, 99, at(now_ms)))
        actions_clear(&out, LOG_LEVEL_INFO);
    assert_false(router_set_comment(router, 1, 98, 41000, 60, at(now_ms)));
    assert_int_equal(out.count, 0);
    hear("!done .tag=13");
    assert_true(router_set_comment(router, 1, 98, 41000, 60, at(now_ms)));
    check_attribute(check_sent(&out, 0, "/ip/firewall/nat/set"), "comment",
                    "double-natpmp/default external 41000 lease 60 s");
    closed(0, FAILURE_LOST);
    assert_false(router_set_comment(router, 1, 98, 41000, 60, at(now_ms)));
}

/* The rule leads to a client that did not request it, so ten minutes are too long. A router that refuses
 * permanently is asked at growing intervals. */
static void test_an_orphan_that_stayed_starts_a_resync(void **state)
{
    (void)state;
    unsigned tag = 12;
    static const unsigned waits_s[] = {1, 4, 16};
    for (unsigned failures = 0; failures < ARRAY_LEN(waits_s); failures++) {
        char text[128];
        router_orphan(router, 0x77, now_ms);
        router_orphan(router, 0x78, now_ms);
        wait_until(now_ms + 1);
        check_sends(2);
        (void)snprintf(text, sizeof text,
                       "!trap .tag=%u =message=failure:_busy|!done .tag=%u|"
                       "!trap .tag=%u =message=failure:_busy|!done .tag=%u",
                       tag + 1, tag + 1, tag + 2, tag + 2);
        hear(text);
        uint64_t due_ms = now_ms + UINT64_C(1000) * waits_s[failures];
        wait_until(due_ms - 1);
        check_sends(0);
        wait_until(due_ms);
        check_sent(&out, 0, "/ip/address/print");
        tag += 5;
        (void)snprintf(text, sizeof text, "!done .tag=%u|!done .tag=%u|!done .tag=%u", tag - 2, tag - 1, tag);
        hear(text);
        check_sent(&out, 0, "/ip/firewall/nat/print");
        tag++;
        (void)snprintf(text, sizeof text, "!done .tag=%u", tag);
        hear(text);
        assert_int_equal(count_outcomes(ROUTER_SNAPSHOT_DONE), 1);
    }
    router_orphan(router, 0x77, now_ms);
    wait_until(now_ms + 1);
    char text[64];
    (void)snprintf(text, sizeof text, "!done .tag=%u", tag + 1);
    hear(text);
    assert_int_equal(router->orphan_failures, 0);
}

static void test_silent_connection_is_replaced(void **state)
{
    (void)state;
    router_add(router, 5, &rule, at(now_ms));
    assert_true(router_deadline_ms(router) == now_ms + 2000);
    wait_until(now_ms + 2000);
    check_sent(&out, 0, "/system/identity/print"); /* [R1] does it answer anything? */
    assert_true(router_deadline_ms(router) == now_ms + 2000);
    wait_until(now_ms + 2000);
    assert_int_equal(count_actions(&out, ACTION_ROUTER_CLOSE), 1);
    assert_int_equal(count_outcomes(ROUTER_LOST), 1);
    assert_in_range(router_deadline_ms(router) - now_ms, 250, 500);
    wait_until(router_deadline_ms(router));
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1);
}

/* When the daemon stops, it does not wait for the next attempt, because the rules have to be removed. */
static void test_an_attempt_that_is_urgent(void **state)
{
    (void)state;
    closed(0, FAILURE_LOST);
    assert_true(router_deadline_ms(router) > now_ms + 100);
    router_hurry(router, now_ms);
    assert_int_equal(router_deadline_ms(router), now_ms);
    step((struct event){.type = EVENT_DEADLINE});
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1);
}

static void test_a_problem_is_logged_once(void **state)
{
    (void)state;
    closed(0, FAILURE_LOST);
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
    for (unsigned i = 0; i < 6; i++) {
        wait_until(router_deadline_ms(router));
        assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1);
        closed(0, FAILURE_REFUSED);
        assert_int_equal(count_actions(&out, ACTION_LOG), i == 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        wait_until(router_deadline_ms(router));
        opened(0);
        hear("!trap .tag=1 =message=invalid_user_name_or_password_(6)|!done .tag=1");
        assert_int_equal(count_actions(&out, ACTION_LOG), i == 0);
        assert_int_equal(count_actions(&out, ACTION_ROUTER_CLOSE), 1);
    }
}

/* For each problem with a certificate, one complete line has the reason and the commands that show the
 * certificate and make a new one. */
static void test_a_wrong_certificate_is_logged_once(void **state)
{
    static const struct {
        enum failure reason;
        const char *says;
    } cases[] = {
        {FAILURE_TLS_REFUSED, "has no certificate"},
        {FAILURE_TLS_UNTRUSTED, "no CA that is trusted here signed it"},
        {FAILURE_TLS_OUTDATED, "has expired or is not valid yet"},
        {FAILURE_TLS_WRONG_NAME, "it must name MIKROTIK_API_TLS_NAME"},
        {FAILURE_TLS_WRONG_PRINT, "has another fingerprint"},
    };
    (void)state;
    closed(0, FAILURE_LOST);
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        wait_until(router_deadline_ms(router));
        closed(0, cases[i / 2].reason);
        assert_int_equal(count_actions(&out, ACTION_LOG), i % 2 == 0);
        for (unsigned k = 0; k < out.count; k++) {
            char text[600];
            if (out.at[k].type != ACTION_LOG)
                continue;
            assert_int_equal(out.at[k].log.level, LOG_LEVEL_ERROR);
            (void)snprintf(text, sizeof(text), "%.*s", (int)out.at[k].log.text.len,
                           (const char *)out.at[k].log.text.data);
            const char *const parts[] = {cases[i / 2].says, "/certificate/add name=api",
                                         "/certificate/sign api", "/print detail", "; retrying fix=\""};
            for (size_t j = 0; j < ARRAY_LEN(parts); j++)
                if (strstr(text, parts[j]) == NULL)
                    fail_msg("no \"%s\": %s", parts[j], text);
            assert_int_equal(text[strlen(text) - 1], '"');
        }
    }
    wait_until(router_deadline_ms(router));
    closed(0, FAILURE_TLS_BROKEN);
    assert_int_equal(count_actions(&out, ACTION_LOG), 1);
}

/* The driver does not report the end of an attempt: after 20 s, or 5 s without an answer to the login, the
 * core ends it for the reason that the driver would have named. */
static void test_attempts_without_an_end(void **state)
{
    (void)state;
    closed(0, FAILURE_LOST);
    for (unsigned i = 0; i < 2; i++) {
        wait_until(router_deadline_ms(router));
        assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1);
        if (i == 1)
            opened(0);
        uint64_t limit_ms = now_ms + (i == 1 ? 5000 : 20000);
        assert_int_equal(router_deadline_ms(router), limit_ms);
        wait_until(limit_ms);
        assert_int_equal(count_actions(&out, ACTION_ROUTER_CLOSE), 1);
        assert_int_equal(router->session[0].failure, i == 1 ? FAILURE_SILENT_LOGIN : FAILURE_TIMEOUT);
    }
}

/* ---- more sessions ---- */

static void add_so_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_true(router_add(router, (uint16_t)(1 + i), &rule, at(now_ms)));
}

static void test_more_sessions_only_when_busy(void **state)
{
    (void)state;
    actions_clear(&out, LOG_LEVEL_INFO);
    add_so_many(8);
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 0);
    add_so_many(20);
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1); /* one at a time */
    unsigned extra = out.at[8].router.session;
    assert_int_not_equal(extra, 0);
    opened(extra);
    assert_true(router_add(router, 29, &rule, at(now_ms)));
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 0); /* also while it logs in */
    hear_from(extra, "!done .tag=1");
    check_sends(0); /* it only adds rules */
    unsigned session = 0;
    actions_clear(&out, LOG_LEVEL_INFO);
    assert_true(router_add(router, 77, &rule, at(now_ms)));
    sent_command(&out, 0, &session);
    assert_int_equal(session, extra);
    assert_true(router_remove(router, 78, 1, at(now_ms))); /* ids are used only where they were learnt */
    sent_command(&out, 1, &session);
    assert_int_equal(session, 0);
    closed(extra, FAILURE_LOST);
    assert_int_equal(count_outcomes(ROUTER_LOST), 1);
    assert_int_equal(outcomes[0].owner, 77);
    assert_true(router_is_ready(router));
}

static void test_an_idle_extra_session_is_closed(void **state)
{
    (void)state;
    add_so_many(9);
    opened(3);
    hear_from(3, "!done .tag=1");
    assert_int_equal(router->session[3].state, SESSION_READY);
    for (unsigned i = 0; i < 9; i++) {
        char words[64];
        snprintf(words, sizeof(words), "!done .tag=%u =ret=*%u", 13 + i, 1 + i);
        hear(words);
    }
    uint64_t end_ms = now_ms + 60000;
    unsigned tag = 22;
    while (now_ms < end_ms) {
        char words[64];
        wait_until(router_deadline_ms(router));
        snprintf(words, sizeof(words), "!done .tag=%u", tag++);
        if (now_ms < end_ms) {
            assert_int_equal(router->session[3].state, SESSION_READY);
            hear(words);
        }
    }
    assert_int_equal(router->session[3].state, SESSION_CLOSED);
    assert_int_equal(router->session[0].state, SESSION_READY);
}

#define READY_TEST(name) cmocka_unit_test_setup_teardown(name, start_ready, stop)

UNIT(router_commands)
{
    const struct CMUnitTest tests[] = {
        READY_TEST(test_add),
        READY_TEST(test_a_slow_router),
        READY_TEST(test_a_router_that_refuses_rules),
        READY_TEST(test_where_a_rule_is_added),
        READY_TEST(test_a_place_that_is_refused),
        READY_TEST(test_remove_and_set),
        READY_TEST(test_a_removal_that_failed_is_forgotten),
        READY_TEST(test_refused_commands),
        READY_TEST(test_a_resync_settles_lost_answers),
        READY_TEST(test_orphans_of_the_last_connection_are_forgotten),
        READY_TEST(test_orphans_are_removed),
        READY_TEST(test_more_orphans_than_are_kept),
        READY_TEST(test_a_comment_waits_for_a_free_connection),
        READY_TEST(test_an_orphan_that_stayed_starts_a_resync),
        READY_TEST(test_silent_connection_is_replaced),
        READY_TEST(test_an_attempt_that_is_urgent),
        READY_TEST(test_a_problem_is_logged_once),
        READY_TEST(test_a_wrong_certificate_is_logged_once),
        READY_TEST(test_attempts_without_an_end),
        READY_TEST(test_more_sessions_only_when_busy),
        READY_TEST(test_an_idle_extra_session_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
