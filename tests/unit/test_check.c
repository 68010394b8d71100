/* The inquiry against the router model and a small gateway, in virtual time. It is interrupted at every step,
 * and loses its connection at every command. No test rule may stay on the router. */
#include <stdio.h>
#include <stdlib.h>

#include "check/check.h"
#include "router_model.h"
#include "ros_unit.h"

enum {
    STEPS_MAX = 2000,
    PIECES_MAX = 64,
    LATENCY_MS = 5,
};

#define TRIAL "double-natpmp/default check, may be removed"

static struct router_model *router;
static struct check *subject;
static struct check_config config;
static struct actions *out;
static uint64_t now_ms;
static int session; /* of the model; 0: none */
static bool ended;
static bool gateway_answers;
static unsigned gateway_mappings;
static struct {
    size_t len;
    uint8_t bytes[8192];
} from_router[PIECES_MAX]; /* len 0: the connection has ended */
static unsigned pieces;
static struct {
    size_t len;
    uint8_t bytes[NATPMP_REPLY_MAX];
} from_gateway[PIECES_MAX];
static unsigned replies;
static bool opening;

static void router_sends(void *context, int number, struct span bytes)
{
    (void)context;
    assert_true(pieces < PIECES_MAX && bytes.len <= sizeof(from_router[0].bytes));
    if (number != session)
        return;
    memcpy(from_router[pieces].bytes, bytes.data, bytes.len);
    from_router[pieces++].len = bytes.len;
}

static void router_closes(void *context, int number, bool reset)
{
    (void)context;
    (void)reset;
    if (number != session)
        return;
    assert_true(pieces < PIECES_MAX);
    from_router[pieces++].len = 0;
}

static void gateway_takes(struct span bytes)
{
    uint8_t reply[NATPMP_REPLY_MAX];
    struct natpmp_request request = natpmp_decode_request(bytes);
    size_t len = 0;
    uint32_t epoch_s = (uint32_t)(now_ms / 1000);
    if (!gateway_answers)
        return;
    if (request.type == NATPMP_REQUEST_ADDRESS) {
        len = natpmp_encode_address_reply(reply, NATPMP_SUCCESS, epoch_s, 0x0b16212c);
    } else {
        gateway_mappings = request.lifetime_s > 0;
        len = natpmp_encode_map_reply(reply, request.protocol, NATPMP_SUCCESS, epoch_s, request.internal_port,
                                      request.lifetime_s > 0 ? 45001 : 0, request.lifetime_s);
    }
    assert_true(replies < PIECES_MAX);
    memcpy(from_gateway[replies].bytes, reply, len);
    from_gateway[replies++].len = len;
}

static void perform(const struct action *action)
{
    switch (action->type) {
    case ACTION_GATEWAY_SEND:
        gateway_takes(action->gateway);
        break;
    case ACTION_ROUTER_OPEN:
        opening = true;
        break;
    case ACTION_ROUTER_SEND:
        if (session > 0)
            router_model_input(router, session, now_ms, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
        if (session > 0)
            router_model_disconnect(router, session);
        session = 0;
        opening = false;
        pieces = 0;
        break;
    case ACTION_EXIT:
        ended = true;
        break;
    case ACTION_LAN_SEND:
    case ACTION_ANNOUNCE:
    case ACTION_LOG:
        fail_msg("an action of the daemon");
    }
}

static void step(struct event event)
{
    event.now_ms = now_ms;
    check_step(subject, &event, out);
    for (unsigned i = 0; i < out->count; i++)
        perform(&out->at[i]);
    assert_true(ended || check_deadline_ms(subject) > now_ms);
}

static void deliver_router(void)
{
    struct event event = {.type = EVENT_ROUTER_DATA, .router = {.failure = FAILURE_LOST}};
    static uint8_t bytes[sizeof(from_router[0].bytes)];
    size_t len = from_router[0].len;
    memcpy(bytes, from_router[0].bytes, len);
    pieces--;
    memmove(&from_router[0], &from_router[1], pieces * sizeof(from_router[0]));
    event.router.bytes = span_of(bytes, len);
    if (len == 0) {
        event.type = EVENT_ROUTER_CLOSED;
        session = 0;
    }
    step(event);
}

static void deliver_gateway(void)
{
    uint8_t bytes[NATPMP_REPLY_MAX];
    size_t len = from_gateway[0].len;
    memcpy(bytes, from_gateway[0].bytes, len);
    replies--;
    memmove(&from_gateway[0], &from_gateway[1], replies * sizeof(from_gateway[0]));
    step((struct event){.type = EVENT_GATEWAY, .gateway = span_of(bytes, len)});
}

static void open_connection(void)
{
    struct event event = {.type = EVENT_ROUTER_OPEN, .router = {.failure = FAILURE_REFUSED}};
    opening = false;
    session = router_model_connect(router, now_ms);
    if (session < 0) {
        session = 0;
        event.type = EVENT_ROUTER_CLOSED;
    }
    step(event);
}

/* Runs the next event. */
static void advance(void)
{
    if (opening) {
        open_connection();
    } else if (pieces > 0) {
        deliver_router();
    } else if (replies > 0) {
        deliver_gateway();
    } else {
        uint64_t model_ms = router_model_next_ms(router);
        uint64_t own_ms = check_deadline_ms(subject);
        uint64_t next_ms = model_ms < own_ms ? model_ms : own_ms;
        now_ms = next_ms > now_ms ? next_ms : now_ms;
        router_model_run(router, now_ms);
        if (own_ms <= now_ms)
            step((struct event){.type = EVENT_DEADLINE});
    }
}

/* Runs to the end, or interrupts the inquiry before its nth step, if it has so many. Returns the number of
 * steps. */
static unsigned run(unsigned interrupt_at)
{
    unsigned steps = 0;
    step((struct event){.type = EVENT_START});
    for (; !ended; steps++) {
        assert_true(steps < STEPS_MAX);
        if (steps == interrupt_at)
            step((struct event){.type = EVENT_STOP});
        if (!ended)
            advance();
    }
    assert_true(check_deadline_ms(subject) == UINT64_MAX);
    return steps;
}

static bool trial_is_there(void)
{
    return router_model_rule_by_comment(router, TRIAL) != NULL;
}

/* A router with a few rules that answers everything. */
static void set_up(bool version_only)
{
    static const struct router_model_callbacks callbacks = {.send = router_sends, .closed = router_closes};
    struct router_model_options options = router_model_defaults("7.18");
    options.latency_min_ms = options.latency_max_ms = LATENCY_MS;
    router = router_model_new(&options, &callbacks, 1);
    assert_true(router_model_interface_add(router, "wg1", "wg"));
    assert_true(router_model_address_add(router, "10.2.0.2/24", "wg1"));
    assert_int_not_equal(router_model_rule_add(router, "chain=srcnat action=masquerade", false), 0);
    config = (struct check_config){.gateway = 0x0a020001,
                                   .listen_port = 5351,
                                   .router_host = "r",
                                   .router_port = 8728,
                                   .user = "admin",
                                   .password = "",
                                   .instance = "default",
                                   .in_interface = ""};
    subject = calloc(1, sizeof(*subject));
    out = calloc(1, sizeof(*out));
    assert_true(subject != NULL && out != NULL);
    check_init(subject, &config, version_only, 7);
    now_ms = 1000000;
    session = 0;
    pieces = replies = 0;
    ended = opening = false;
    gateway_answers = true;
    gateway_mappings = 0;
}

static void tear_down(void)
{
    router_model_free(router);
    free(subject);
    free(out);
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

static void test_the_version_alone(void **state)
{
    (void)state;
    set_up(true);
    run(UINT32_MAX);
    struct table_rows rows = table_rows_of(&subject->survey, TABLE_RESOURCE);
    const struct ros_sentence *row = table_rows_next(&rows);
    assert_non_null(row);
    check_attribute(row, "version", "7.18 (stable)");
    assert_int_equal(router_model_counters(router)->commands, 1);
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
        cmocka_unit_test(test_the_version_alone),
        cmocka_unit_test(test_a_silent_gateway),
        cmocka_unit_test(test_a_slow_router),
        cmocka_unit_test(test_a_route_check_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
