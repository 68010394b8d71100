/* The inquiry against the router model and a small gateway, in virtual time. It is interrupted at every step,
 * and loses its connection at every command. No test rule may stay on the router. */
#include <stdio.h>

#include "inquiry_unit.h"

#define TRIAL "double-natpmp/default check, may be removed"

static bool trial_is_there(void)
{
    return router_model_rule_by_comment(router, TRIAL) != NULL;
}

/* A router with a few rules that answers everything. */
static void set_up(bool tables_only)
{
    static const struct check_config about = {.gateway = 0x0a020001,
                                              .listen_port = 5351,
                                              .router_host = "r",
                                              .router_port = 8728,
                                              .user = "admin",
                                              .password = "",
                                              .instance = "default",
                                              .in_interface = "",
                                              .change_script = "changed"};
    struct router_model_options options = router_model_defaults("7.18");
    options.latency_min_ms = options.latency_max_ms = LATENCY_MS;
    start_inquiry(&options, &about, tables_only);
    assert_true(router_model_interface_add(router, "wg1", "wg"));
    assert_true(router_model_address_add(router, "10.2.0.2/24", "wg1"));
    assert_int_not_equal(router_model_rule_add(router, "chain=srcnat action=masquerade", false), 0);
}

static void test_to_the_end(void **state)
{
    (void)state;
    set_up(false);
    run(UINT32_MAX);
    assert_int_equal(subject->survey.failure, FAILURE_NONE);
    assert_int_equal(subject->survey.trial, TRIAL_UNDONE);
    for (unsigned i = 0; i < TABLES; i++)
        assert_int_equal(subject->survey.table[i].state, TABLE_READ);
    assert_int_equal(subject->survey.upstream.trial, GATEWAY_TRIAL_GRANTED);
    assert_true(subject->survey.upstream.deleted);
    assert_int_equal(gateway_mappings, 0);
    assert_false(trial_is_there());
    assert_int_equal(router_model_counters(router)->adds, 1);
    assert_int_equal(router_model_sessions(router), 0);
    tear_down();
}

static void test_interrupted_at_every_step(void **state)
{
    (void)state;
    for (unsigned at = 0;; at++) {
        set_up(false);
        uint64_t start_ms = now_ms;
        unsigned taken = run(at);
        if (trial_is_there() || gateway_mappings != 0 || router_model_sessions(router) != 0)
            fail_msg("interrupted at step %u, a rule stayed", at);
        assert_true(now_ms - start_ms < 10000);
        bool over = taken <= at;
        tear_down();
        if (over)
            return;
    }
}

/* The check is killed, so that it cannot remove its rule. The next check removes it. */
static void test_killed_at_every_step(void **state)
{
    (void)state;
    for (unsigned at = 0;; at++) {
        set_up(false);
        step((struct event){.type = EVENT_START});
        for (unsigned i = 0; i < at && !ended; i++)
            advance();
        bool over = ended;
        bool stayed = trial_is_there();
        if (session > 0)
            router_model_disconnect(router, session);
        memset(subject, 0, sizeof(*subject));
        check_init(subject, &config, false, 8);
        session = 0;
        pieces = replies = 0;
        ended = opening = false;
        run(UINT32_MAX);
        assert_false(trial_is_there());
        assert_int_equal(subject->survey.trial, TRIAL_UNDONE);
        assert_int_equal(subject->survey.leftovers, stayed);
        tear_down();
        if (over)
            return;
    }
}

static void test_lost_at_every_command(void **state)
{
    (void)state;
    for (unsigned drop = ROUTER_MODEL_DROP_BEFORE; drop <= ROUTER_MODEL_DROP_DONE; drop++) {
        for (unsigned skip = 0;; skip++) {
            struct router_model_drop_fault fault = {
                .drop = (enum router_model_drop)drop, .skip = skip, .silent = skip % 3 == 2};
            set_up(false);
            router_model_drop_at(router, &fault);
            run(UINT32_MAX);
            if (trial_is_there() || gateway_mappings != 0)
                fail_msg("lost at command %u, point %u: a rule stayed", skip, drop);
            bool over =
                router_model_counters(router)->connections == 1 && subject->survey.failure == FAILURE_NONE;
            /* The last command is the removal. A loss after it changes nothing. */
            assert_true(subject->survey.trial == TRIAL_UNDONE || subject->survey.failure != FAILURE_NONE);
            tear_down();
            if (over)
                break;
        }
    }
}

/* The rule exists, and the router does not come back. */
static void test_a_router_that_is_gone(void **state)
{
    (void)state;
    struct router_model_drop_fault fault = {.drop = ROUTER_MODEL_DROP_AFTER,
                                            .command = "/ip/firewall/nat/add"};
    set_up(false);
    router_model_drop_at(router, &fault);
    step((struct event){.type = EVENT_START});
    while (!trial_is_there())
        advance();
    router_model_set_access(router, ROUTER_MODEL_REFUSED);
    while (!ended)
        advance();
    assert_int_equal(subject->survey.trial, TRIAL_STAYS);
    assert_true(trial_is_there());
    tear_down();
}

static void test_the_tables_alone(void **state)
{
    (void)state;
    set_up(true);
    run(UINT32_MAX);
    struct table_rows rows = table_rows_of(&subject->survey, TABLE_RESOURCE);
    const struct ros_sentence *row = table_rows_next(&rows);
    assert_non_null(row);
    check_attribute(row, "version", "7.18 (stable)");
    for (unsigned i = 0; i < TABLES; i++)
        assert_int_equal(subject->survey.table[i].state, TABLE_READ);
    assert_int_equal(router_model_counters(router)->adds, 0);
    tear_down();
}

static void test_a_silent_gateway(void **state)
{
    (void)state;
    set_up(false);
    gateway_answers = false;
    run(UINT32_MAX);
    assert_false(subject->survey.upstream.address_known);
    assert_int_equal(subject->survey.upstream.trouble, GATEWAY_SILENT);
    assert_int_equal(subject->survey.trial, TRIAL_UNDONE);
    tear_down();
}

/* Who refuses to tell its address may grant mappings all the same. */
static void test_a_gateway_without_an_address(void **state)
{
    (void)state;
    set_up(false);
    gateway_address_result = NATPMP_NOT_AUTHORIZED;
    run(UINT32_MAX);
    assert_false(subject->survey.upstream.address_known);
    assert_int_equal(subject->survey.upstream.trouble, GATEWAY_REFUSES);
    assert_int_equal(subject->survey.upstream.result, NATPMP_NOT_AUTHORIZED);
    assert_int_equal(subject->survey.upstream.trial, GATEWAY_TRIAL_GRANTED);
    assert_true(subject->survey.upstream.deleted);
    assert_int_equal(gateway_mappings, 0);
    tear_down();
}

/* It answers, but grants nothing of what was requested, and nothing stays there. */
static void test_a_gateway_that_answers_wrongly(void **state)
{
    static const char *const what[] = {[WRONG_LIFETIME] = "with a lifetime of 0 s",
                                       [WRONG_PORT] = "without an external port",
                                       [WRONG_INTERNAL] = "for another internal port"};
    (void)state;
    for (unsigned i = WRONG_LIFETIME; i <= WRONG_INTERNAL; i++) {
        set_up(false);
        gateway_wrong = i;
        run(UINT32_MAX);
        assert_int_equal(subject->survey.upstream.trial, GATEWAY_TRIAL_WRONG);
        assert_string_equal(subject->survey.upstream.wrong, what[i]);
        assert_int_equal(gateway_mappings, 0);
        tear_down();
    }
}

/* [R1] The check has the daemon's patience, and tells whoever looks on that it waits. */
static void test_a_slow_router(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        uint32_t for_ms;
    } slow[] = {{"/ip/firewall/nat/print", 20000}, {"/ip/address/print", 7000}, {"/login", 9800}, {"", 9800}};
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        unsigned shown_s = 0;
        set_up(false);
        router_model_slow(router, slow[i].command, slow[i].for_ms);
        step((struct event){.type = EVENT_START});
        while (!ended) {
            advance();
            shown_s = subject->waiting_s > shown_s ? subject->waiting_s : shown_s;
        }
        assert_int_equal(subject->survey.failure, FAILURE_NONE);
        assert_int_equal(subject->survey.trial, TRIAL_UNDONE);
        assert_int_equal(router_model_counters(router)->connections, 1);
        assert_in_range(shown_s, slow[i].for_ms / 1000 / 5 * 5, 20);
        tear_down();
    }
}

/* [R2] */
static void test_a_route_check_that_hangs(void **state)
{
    (void)state;
    set_up(false);
    router_model_slow(router, "/ip/route/check", ROUTER_MODEL_HANGS);
    run(UINT32_MAX);
    assert_int_equal(subject->survey.failure, FAILURE_NONE);
    assert_int_equal(subject->survey.table[TABLE_ROUTE_CHECK].state, TABLE_REFUSED);
    assert_int_equal(subject->survey.table[TABLE_ROUTE].state, TABLE_READ);
    assert_int_equal(subject->survey.trial, TRIAL_UNDONE);
    tear_down();
}

UNIT(check)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_end),
        cmocka_unit_test(test_interrupted_at_every_step),
        cmocka_unit_test(test_killed_at_every_step),
        cmocka_unit_test(test_lost_at_every_command),
        cmocka_unit_test(test_a_router_that_is_gone),
        cmocka_unit_test(test_the_tables_alone),
        cmocka_unit_test(test_a_silent_gateway),
        cmocka_unit_test(test_a_gateway_without_an_address),
        cmocka_unit_test(test_a_gateway_that_answers_wrongly),
        cmocka_unit_test(test_a_slow_router),
        cmocka_unit_test(test_a_route_check_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
