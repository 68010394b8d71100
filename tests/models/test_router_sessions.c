/* The router model's sessions: login, permissions, tags and time, and each fault it can show. */
#include "router_client.h"

#include <md5.h>

static struct client *start(void **state, const struct router_model_options *options)
{
    struct client *t = client_new(options);
    *state = t;
    return t;
}

static int stop(void **state)
{
    client_free(*state);
    return 0;
}

#define ADD "/ip/firewall/nat/add|=chain=dstnat"
#define WRONG "!trap|=message=invalid user name or password (6)\n!done\n"

static void a_login_needs_name_password_and_the_api_policy(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    snprintf(options.users[1].name, sizeof(options.users[1].name), "natpmp");
    snprintf(options.users[1].password, sizeof(options.users[1].password), "secret");
    options.users[1].policies = ROUTER_MODEL_READ | ROUTER_MODEL_API;
    struct client *t = start(state, &options);
    int s = router_model_connect(t->m, 0);
    assert_string_equal(client_ask(t, s, "/login|=name=natpmp|=password=x"), WRONG);
    assert_string_equal(client_ask(t, s, "/login|=name=nobody|=password=secret"), WRONG);
    assert_string_equal(client_ask(t, s, "/login|=name=natpmp|=password=secret|.tag=1"), "!done|.tag=1\n");
    assert_string_equal(client_ask(t, s, ADD "|.tag=2"), "!trap|.tag=2|=message=not enough permissions (9)\n"
                                                         "!done|.tag=2\n");
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=10.2.0.1|=once="),
                        "!trap|=message=not enough permissions (9)\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print"), "!empty\n!done\n");
    router_model_set_policies(t->m, "natpmp", ROUTER_MODEL_WRITE);
    assert_string_equal(client_ask(t, s, ADD), "!done|=ret=*1\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/listen"),
                        "!trap|=message=not enough permissions (9)\n!done\n");
    s = router_model_connect(t->m, 0);
    assert_string_equal(client_ask(t, s, "/login|=name=natpmp|=password=secret"), WRONG);
    router_model_set_password(t->m, "admin", "new");
    router_model_options(t->m)->close_after_failed_login = true;
    assert_string_equal(client_ask(t, s, "/login|=name=admin|=password="), WRONG);
    assert_true(t->session[s].closed);
}

static void nothing_is_answered_before_a_login(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = router_model_connect(t->m, 0);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print"), "!fatal|not logged in\n");
    assert_true(t->session[s].closed);
    s = router_model_connect(t->m, 0);
    for (int i = 0; i < 16; i++)
        assert_string_equal(client_ask(t, s, "/login|=name=admin|=password=x"), WRONG);
    assert_string_equal(client_ask(t, s, "/login|=name=admin|=password="),
                        "!fatal|too many commands before login\n");
    s = client_login(t);
    assert_string_equal(client_ask(t, s, "/quit"), "!fatal|session terminated on request\n");
    assert_true(t->session[s].closed);
    assert_int_equal(router_model_sessions(t->m), 0);
}

static void respond(struct client *t, int session, const char *password, const char *challenge,
                    char *ret_words)
{
    uint8_t bytes[17] = {0};
    uint8_t digest[16];
    MD5_CTX md5;
    for (size_t i = 0; i < 16; i++) {
        char digits[3] = {challenge[2 * i], challenge[2 * i + 1], 0};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    MD5Init(&md5);
    MD5Update(&md5, (const uint8_t *)"", 1);
    MD5Update(&md5, (const uint8_t *)password, strlen(password));
    MD5Update(&md5, bytes, 16);
    MD5Final(digest, &md5);
    char *out = ret_words + sprintf(ret_words, "/login|=name=admin|=response=00");
    for (unsigned i = 0; i < 16; i++)
        out += sprintf(out, "%02x", digest[i]);
    client_tell(t, session, ret_words);
}

static void the_old_login_hands_out_a_challenge(void **state)
{
    static const struct {
        const char *version;
        const char *to_plain; /* the first words of the answer to the new form */
        const char *to_response;
    } rows[] = {
        {"6.42.9", "!done|=ret=", "!done\n"},
        {"6.44", "!done\n", "!done\n"},
        {"6.49.10", "!done\n", WRONG},
        {"7.18", "!done\n", WRONG},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct router_model_options options = router_model_defaults(rows[i].version);
        snprintf(options.users[0].password, sizeof(options.users[0].password), "passTest");
        struct client *t = start(state, &options);
        char words[128];
        int s = router_model_connect(t->m, 0);
        const char *answer = client_ask(t, s, "/login|=name=admin|=password=passTest");
        assert_memory_equal(answer, rows[i].to_plain, strlen(rows[i].to_plain));
        answer = client_ask(t, s, "/login");
        assert_int_equal(strlen(answer), strlen("!done|=ret=") + 32 + 1);
        respond(t, s, "passTest", answer + strlen("!done|=ret="), words);
        assert_string_equal(client_take(t, s), rows[i].to_response);
        /* A challenge is valid for one answer. */
        assert_string_equal(client_ask(t, s, words), strcmp(rows[i].version, "6.42.9") == 0
                                                         ? "!trap|=message=cannot log in\n!done\n"
                                                         : WRONG);
        if (i + 1 < ARRAY_LEN(rows))
            client_free(t);
    }
}

static void sentences_come_in_any_pieces(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    char comment[401];
    memset(comment, 'x', 400);
    comment[400] = 0;
    uint8_t bytes[600] = {0, 0}; /* empty sentences first */
    int len = 2 + sprintf((char *)bytes + 2, "\024/ip/firewall/nat/add\015=chain=dstnat");
    bytes[len++] = 0x80 | 409 >> 8;
    bytes[len++] = 409 & 255;
    len += sprintf((char *)bytes + len, "=comment=%s", comment);
    bytes[len++] = 0;
    for (int i = 0; i < len; i++) {
        assert_string_equal(client_take(t, s), "");
        router_model_input(t->m, s, 0, span_of(bytes + i, 1));
    }
    assert_string_equal(client_take(t, s), "!done|=ret=*1\n");
    assert_non_null(router_model_rule_by_comment(t->m, comment));
}

static void words_may_be_long(void **state)
{
    static const size_t lengths[] = {118, 119, 9000, 16374, 16375, 40000};
    static char comment[40001];
    static char words[41000];
    static char expected[41000];
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        memset(comment, 'x', lengths[i]);
        comment[lengths[i]] = 0;
        snprintf(words, sizeof(words), ADD "|=comment=%s", comment);
        client_ask(t, s, words);
        snprintf(words, sizeof(words), "/ip/firewall/nat/print|=.proplist=comment|?.id=*%u", i + 1);
        snprintf(expected, sizeof(expected), "!re|=comment=%s\n!done\n", comment);
        assert_string_equal(client_ask(t, s, words), expected);
    }
}

static void output_may_dribble(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    router_model_options(t->m)->chunk_bytes = 1;
    router_model_options(t->m)->chunk_interval_ms = 3;
    unsigned before = t->sends;
    client_tell(t, s, "/system/identity/print");
    assert_int_equal(t->sends - before, 1);
    assert_int_equal(router_model_next_ms(t->m), t->now_ms + 3);
    client_run(t, 9);
    assert_int_equal(t->sends - before, 4);
    client_run(t, 1000);
    assert_string_equal(client_take(t, s), "!re|=name=MikroTik\n!done\n");
}

/* Commands with the tags a to h. Returns the tags in the order in which the commands were executed. */
static void ask_eight(struct client *t, int s, char ret_order[16])
{
    for (int tag = 'a'; tag < 'i'; tag++) {
        char words[64];
        snprintf(words, sizeof(words), "/system/identity/print|=.proplist=x|.tag=%c", tag);
        client_tell(t, s, words);
    }
    client_run(t, 1000);
    ret_order[0] = 0;
    for (const char *at = client_take(t, s); (at = strstr(at, "!done|.tag=")) != NULL; at++)
        snprintf(ret_order + strlen(ret_order), 2, "%c", at[11]);
}

static void commands_take_their_time(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    router_model_options(t->m)->latency_min_ms = 20;
    router_model_options(t->m)->latency_max_ms = 20;
    client_tell(t, s, ADD);
    client_run(t, 19);
    assert_int_equal(router_model_rule_count(t->m), 0);
    assert_int_equal(router_model_next_ms(t->m), 20);
    client_run(t, 1);
    assert_string_equal(client_take(t, s), "!done|=ret=*1\n");
    router_model_options(t->m)->latency_min_ms = 0;
    router_model_options(t->m)->latency_max_ms = 100;
    char in_order[16];
    ask_eight(t, s, in_order);
    assert_string_equal(in_order, "abcdefgh");
    router_model_options(t->m)->out_of_order = true;
    char out_of_order[16];
    ask_eight(t, s, out_of_order);
    assert_int_equal(strlen(out_of_order), 8);
    assert_string_not_equal(out_of_order, in_order);
}

static void access_may_be_denied_in_three_ways(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    options.max_sessions = 2;
    struct client *t = start(state, &options);
    client_login(t);
    int second = client_login(t);
    int third = router_model_connect(t->m, 0);
    assert_true(third > 0);
    client_run(t, 0);
    assert_true(t->session[third].closed);
    router_model_disconnect(t->m, second);
    client_login(t);
    router_model_options(t->m)->max_sessions = 0;
    router_model_set_access(t->m, ROUTER_MODEL_REFUSED);
    assert_int_equal(router_model_connect(t->m, 0), -1);
    router_model_set_access(t->m, ROUTER_MODEL_ACCEPT_CLOSE);
    int s = router_model_connect(t->m, 0);
    client_run(t, 0);
    assert_true(t->session[s].closed);
    router_model_set_access(t->m, ROUTER_MODEL_SILENT);
    s = router_model_connect(t->m, 0);
    assert_string_equal(client_ask(t, s, "/login|=name=admin|=password="), "");
    client_run(t, 1000000);
    assert_int_equal(t->session[s].len, 0);
    assert_false(t->session[s].closed);
}

static void a_session_can_be_dropped_at_each_point(void **state)
{
    static const struct {
        enum router_model_drop drop;
        unsigned rules;
        size_t bytes; /* of the answer to the add */
    } rows[] = {
        {ROUTER_MODEL_DROP_BEFORE, 1, 0},
        {ROUTER_MODEL_DROP_AFTER, 2, 0},
        {ROUTER_MODEL_DROP_AMID, 2, 7},
        {ROUTER_MODEL_DROP_DONE, 2, 15},
    };
    for (unsigned i = 0; i < 3 * ARRAY_LEN(rows); i++) {
        unsigned row = i % ARRAY_LEN(rows);
        struct router_model_drop_fault fault = {
            .drop = rows[row].drop, .skip = 1, .reset = i / 4 == 1, .silent = i / 4 == 2};
        strcpy(fault.command, "/ip/firewall/nat/add");
        struct router_model_options options = router_model_defaults("7.18");
        struct client *t = start(state, &options);
        int s = client_login(t);
        router_model_drop_at(t->m, &fault);
        assert_string_equal(client_ask(t, s, "/system/identity/print"), "!re|=name=MikroTik\n!done\n");
        assert_string_equal(client_ask(t, s, ADD), "!done|=ret=*1\n");
        size_t before = t->session[s].len;
        client_tell(t, s, ADD);
        assert_int_equal(router_model_rule_count(t->m), rows[row].rules);
        assert_int_equal(t->session[s].len - before, rows[row].bytes);
        assert_int_equal(t->session[s].closed, !fault.silent);
        assert_int_equal(t->session[s].reset, fault.reset);
        assert_string_equal(client_ask(t, client_login(t), ADD),
                            rows[row].rules == 1 ? "!done|=ret=*2\n" : "!done|=ret=*3\n");
        assert_string_equal(client_ask(t, s, "/system/identity/print"),
                            fault.drop == ROUTER_MODEL_DROP_DONE ? "!done|=ret=*2\n" : "");
        if (i + 1 < 3 * ARRAY_LEN(rows))
            client_free(t);
    }
}

static void a_reboot_forgets_sessions_but_not_rules(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    options.renumber_on_reboot = true;
    struct client *t = start(state, &options);
    int silent = client_login(t);
    client_ask(t, silent, ADD "|=comment=one");
    client_ask(t, silent, ADD "|=comment=two");
    router_model_rule_add(t->m, "chain=dstnat comment=upnp", true);
    router_model_reboot(t->m, 5000, false);
    assert_string_equal(client_ask(t, silent, ADD), "");
    client_run(t, 4999);
    assert_int_equal(router_model_connect(t->m, t->now_ms), -1);
    assert_false(t->session[silent].closed);
    client_run(t, 1);
    client_tell(t, silent, ADD);
    assert_true(t->session[silent].closed && t->session[silent].reset);
    assert_int_equal(router_model_rule_count(t->m), 2);
    assert_int_equal(router_model_rule_id(router_model_rule_by_comment(t->m, "two")), 1);
    int s = client_login(t);
    assert_string_equal(client_ask(t, s, "/system/resource/print|=.proplist=uptime"),
                        "!re|=uptime=0h0m0s\n!done\n");
    router_model_reboot(t->m, 1000, true);
    client_run(t, 0);
    assert_true(t->session[s].closed && t->session[s].reset);
}

static void a_mute_router_executes_late_or_answers_late(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    router_model_mute(t->m, t->now_ms + 1000, false);
    assert_string_equal(client_ask(t, s, ADD), "");
    client_run(t, 999);
    assert_int_equal(router_model_rule_count(t->m), 0);
    client_run(t, 1);
    assert_string_equal(client_take(t, s), "!done|=ret=*1\n");
    router_model_mute(t->m, t->now_ms + 1000, true);
    assert_string_equal(client_ask(t, s, ADD), "");
    assert_int_equal(router_model_rule_count(t->m), 2);
    int other = router_model_connect(t->m, t->now_ms);
    assert_string_equal(client_ask(t, other, "/login|=name=admin|=password="), "");
    client_run(t, 1000);
    assert_string_equal(client_take(t, s), "!done|=ret=*2\n");
    assert_string_equal(client_take(t, other), "!done\n");
}

static void orphaned_commands_may_still_be_executed(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    for (unsigned i = 0; i < 2; i++) {
        int s = client_login(t);
        router_model_options(t->m)->latency_min_ms = 50;
        router_model_options(t->m)->orphan_commands = i == 1;
        client_tell(t, s, ADD);
        client_tell(t, s, ADD);
        router_model_disconnect(t->m, s);
        client_run(t, 100);
        assert_int_equal(router_model_rule_count(t->m), i ? 2 : 0);
        assert_int_equal(router_model_next_ms(t->m), UINT64_MAX);
        router_model_options(t->m)->latency_min_ms = 0;
    }
}

static void idle_sessions_may_end(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    options.idle = ROUTER_MODEL_IDLE_CLOSE;
    options.idle_ms = 60000;
    struct client *t = start(state, &options);
    int s = client_login(t);
    client_run(t, 59999);
    client_ask(t, s, ADD);
    client_run(t, 59999);
    assert_false(t->session[s].closed);
    client_run(t, 1);
    assert_true(t->session[s].closed && !t->session[s].reset);
    router_model_options(t->m)->idle = ROUTER_MODEL_IDLE_FORGET;
    s = client_login(t);
    client_run(t, 60000);
    assert_string_equal(client_ask(t, s, ADD), "");
    client_run(t, 100000);
    assert_false(t->session[s].closed);
}

static void a_command_can_be_made_to_fail_once(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    router_model_fail_next(t->m, "/ip/firewall/nat/add", "failure: busy");
    assert_string_equal(client_ask(t, s, "/system/identity/print|=.proplist=x"), "!re\n!done\n");
    assert_string_equal(client_ask(t, s, ADD), "!trap|=message=failure: busy\n!done\n");
    assert_string_equal(client_ask(t, s, ADD), "!done|=ret=*1\n");
}

static void cancel_without_a_tag_ends_everything_else(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    client_tell(t, s, "/ip/firewall/nat/listen|.tag=a");
    client_tell(t, s, "/ip/route/check|=dst-ip=10.2.0.1|=.proplist=|.tag=b");
    client_take(t, s);
    assert_string_equal(client_ask(t, s, "/cancel|=tag=none|.tag=c"), "!done|.tag=c\n");
    assert_string_equal(client_ask(t, s, "/cancel|.tag=c"), "!trap|.tag=a|=category=2|=message=interrupted\n"
                                                            "!trap|.tag=b|=category=2|=message=interrupted\n"
                                                            "!done|.tag=c\n!done|.tag=a\n!done|.tag=b\n");
    assert_int_equal(router_model_next_ms(t->m), UINT64_MAX);
}

static void too_many_commands_wait_and_too_much_input_closes(void **state)
{
    struct router_model_options options = router_model_defaults("7.18");
    struct client *t = start(state, &options);
    int s = client_login(t);
    router_model_options(t->m)->latency_min_ms = 10;
    for (int i = 0; i < 200; i++)
        client_tell(t, s, ADD);
    assert_true(router_model_waiting_input(t->m, s) > 0);
    client_run(t, 20);
    assert_int_equal(router_model_rule_count(t->m), 200);
    assert_int_equal(router_model_waiting_input(t->m, s), 0);
    router_model_options(t->m)->latency_min_ms = 0;
    static uint8_t long_word[70000] = {0xc1, 0x11, 0x6d}; /* 70,000 bytes */
    router_model_input(t->m, s, t->now_ms, span_of(long_word, sizeof(long_word)));
    client_run(t, 20);
    assert_true(t->session[s].closed);
    s = client_login(t);
    client_tell(t, s, "/ip/firewall/nat/print");
    router_model_input(t->m, s, t->now_ms, span_of("\xf8", 1));
    client_run(t, 20);
    assert_true(t->session[s].closed);
}

UNIT(router_sessions)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_login_needs_name_password_and_the_api_policy, stop),
        cmocka_unit_test_teardown(nothing_is_answered_before_a_login, stop),
        cmocka_unit_test_teardown(the_old_login_hands_out_a_challenge, stop),
        cmocka_unit_test_teardown(sentences_come_in_any_pieces, stop),
        cmocka_unit_test_teardown(words_may_be_long, stop),
        cmocka_unit_test_teardown(output_may_dribble, stop),
        cmocka_unit_test_teardown(commands_take_their_time, stop),
        cmocka_unit_test_teardown(access_may_be_denied_in_three_ways, stop),
        cmocka_unit_test_teardown(a_session_can_be_dropped_at_each_point, stop),
        cmocka_unit_test_teardown(a_reboot_forgets_sessions_but_not_rules, stop),
        cmocka_unit_test_teardown(a_mute_router_executes_late_or_answers_late, stop),
        cmocka_unit_test_teardown(orphaned_commands_may_still_be_executed, stop),
        cmocka_unit_test_teardown(idle_sessions_may_end, stop),
        cmocka_unit_test_teardown(a_command_can_be_made_to_fail_once, stop),
        cmocka_unit_test_teardown(cancel_without_a_tag_ends_everything_else, stop),
        cmocka_unit_test_teardown(too_many_commands_wait_and_too_much_input_closes, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
