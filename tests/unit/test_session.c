/* One connection to the RouterOS API: login, tags, silence, back-off. */
#include <stdio.h>

#include "base/prng.h"
#include "core/session.h"
#include "ros_unit.h"

enum { START_MS = 100000, PEER = 0xc0a85801 };

static struct session session;
static struct actions out;

/* A step at that time, whose actions go to `out`. */
static inline const struct step *at(uint64_t now_ms)
{
    static struct step step;
    step = (struct step){.now_ms = now_ms, .out = &out};
    return &step;
}
static struct command command;
static struct prng prng;
static uint8_t stream[65536];
static size_t stream_len;

static int start(void **state)
{
    (void)state;
    memset(&session, 0, sizeof(session));
    session_init(&session, 2, "natpmp", "passTest");
    prng = prng_seeded(1);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return 0;
}

static void say(const char *words)
{
    struct writer w = writer_of(stream + stream_len, sizeof(stream) - stream_len);
    write_sentence(&w, words);
    stream_len += w.len;
}

static struct span input;

/* Gives all bytes at once, then calls take() until SESSION_NOTHING. */
static void hear(void)
{
    input = span_of(stream, stream_len);
    stream_len = 0;
}

static enum session_reply take(uint64_t now_ms)
{
    return session_next(&session, &input, &command, at(now_ms));
}

static enum session_reply say_and_take(const char *words, uint64_t now_ms)
{
    say(words);
    hear();
    return take(now_ms);
}

static void open_session(void)
{
    session_open(&session, at(START_MS));
    session_opened(&session, PEER, at(START_MS));
}

static void log_in(void)
{
    open_session();
    assert_int_equal(say_and_take("!done .tag=1", START_MS), SESSION_UP);
    actions_clear(&out, LOG_LEVEL_DEBUG);
}

static uint32_t send_command(enum command_kind kind, uint32_t cookie, uint64_t now_ms)
{
    actions_clear(&out, LOG_LEVEL_DEBUG);
    struct writer w = session_begin(&session, kind, cookie, "/a/command", at(now_ms));
    session_end(&session, &w, &out);
    unsigned number;
    struct span tag;
    uint64_t value;
    assert_true(ros_attribute(sent_command(&out, 0, &number), ".tag", &tag));
    assert_true(parse_decimal(tag, UINT32_MAX, &value));
    return (uint32_t)value;
}

static enum session_reply reply(const char *word, uint32_t tag, const char *rest, uint64_t now_ms)
{
    char words[256];
    snprintf(words, sizeof(words), "%s .tag=%u%s%s", word, (unsigned)tag, rest[0] != '\0' ? " " : "", rest);
    return say_and_take(words, now_ms);
}

/* ---- login ---- */

static void test_login(void **state)
{
    (void)state;
    unsigned number;
    session_open(&session, at(START_MS));
    assert_int_equal(out.count, 1);
    assert_int_equal(out.at[0].type, ACTION_ROUTER_OPEN);
    assert_int_equal(out.at[0].router.session, 2);
    session_opened(&session, PEER, at(START_MS));
    const struct ros_sentence *sent = sent_command(&out, 0, &number);
    assert_span_text(ros_word(sent, 0), "/login");
    assert_int_equal(sent->words, 4);
    assert_int_equal(number, 2);
    check_attribute(sent, "name", "natpmp");
    check_attribute(sent, "password", "passTest");
    assert_false(session_free(&session));
    assert_int_equal(say_and_take("!done .tag=1", START_MS), SESSION_UP);
    assert_int_equal(session.state, SESSION_READY);
    assert_int_equal(session.in_flight, 0);
    assert_true(session_free(&session));
}

static void test_login_by_challenge(void **state)
{
    (void)state;
    unsigned number;
    open_session();
    actions_clear(&out, LOG_LEVEL_DEBUG);
    assert_int_equal(say_and_take("!done .tag=1 =ret=abc123", START_MS), SESSION_NOTHING);
    assert_int_equal(session.state, SESSION_LOGIN);
    const struct ros_sentence *sent = sent_command(&out, 0, &number);
    check_attribute(sent, "name", "natpmp");
    check_attribute(sent, "response", "0021277bff9ac7caf06aa608e46616d47f");
    struct span text;
    assert_false(ros_attribute(sent, "password", &text));
    assert_int_equal(say_and_take("!done .tag=2", START_MS), SESSION_UP);
}

static void test_challenges_that_lead_nowhere(void **state)
{
    (void)state;
    open_session();
    assert_int_equal(say_and_take("!done .tag=1 =ret=xyz", START_MS), SESSION_FAILED);
    assert_int_equal(session.failure, FAILURE_PROTOCOL);
    start(NULL);
    open_session();
    assert_int_equal(say_and_take("!done .tag=1 =ret=abc123", START_MS), SESSION_NOTHING);
    assert_int_equal(say_and_take("!done .tag=2 =ret=abc123", START_MS), SESSION_FAILED);
    assert_int_equal(session.failure, FAILURE_PROTOCOL);
}

static void test_refused_login(void **state)
{
    (void)state;
    static const char trap[] = "!trap .tag=1 =message=invalid_user_name_or_password_(6)";
    open_session();
    assert_int_equal(say_and_take(trap, START_MS), SESSION_NOTHING);
    assert_int_equal(say_and_take("!done .tag=1", START_MS), SESSION_FAILED);
    assert_int_equal(session.failure, FAILURE_LOGIN);
    /* The router may close after the trap. */
    start(NULL);
    open_session();
    assert_int_equal(say_and_take(trap, START_MS), SESSION_NOTHING);
    session_closed(&session, FAILURE_LOST, START_MS, &prng);
    assert_int_equal(session.failure, FAILURE_LOGIN);
    start(NULL);
    open_session();
    assert_int_equal(say_and_take("!fatal not_logged_in", START_MS), SESSION_FAILED);
    assert_int_equal(session.failure, FAILURE_LOGIN);
}

static void test_why_a_connection_failed(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= CONNECTION_FAILURES; i++) {
        enum failure failure = (enum failure)i;
        enum failure login = failure;
        enum failure ready = failure;
        if (failure == FAILURE_HERE)
            login = ready = FAILURE_LOST;
        else if (failure == FAILURE_LOST)
            login = FAILURE_SILENT_LOGIN;
        start(NULL);
        session_open(&session, at(START_MS));
        session_closed(&session, failure, START_MS, &prng);
        assert_int_equal(session.failure, failure);
        start(NULL);
        open_session();
        session_closed(&session, failure, START_MS, &prng);
        assert_int_equal(session.failure, login);
        start(NULL);
        log_in();
        session_closed(&session, failure, START_MS, &prng);
        assert_int_equal(session.failure, ready);
        assert_int_equal(session.state, SESSION_BROKEN);
    }
}

/* ---- replies ---- */

static void test_rows_and_ends(void **state)
{
    (void)state;
    log_in();
    uint32_t first = send_command(COMMAND_ADD, 11, START_MS);
    uint32_t second = send_command(COMMAND_SNAPSHOT, 22, START_MS);
    assert_int_equal(session.in_flight, 2);
    assert_int_equal(reply("!re", second, "=.id=*1", START_MS), SESSION_ROW);
    assert_int_equal(command.kind, COMMAND_SNAPSHOT);
    assert_int_equal(command.cookie, 22);
    check_attribute(&session.reader.sentence, ".id", "*1");
    assert_int_equal(reply("!done", first, "=ret=*1A", START_MS), SESSION_DONE);
    assert_int_equal(command.cookie, 11);
    assert_int_equal(command.id, 0x1A);
    assert_false(command.failed);
    assert_int_equal(reply("!done", second, "", START_MS), SESSION_DONE);
    assert_int_equal(command.id, 0);
    assert_int_equal(session.in_flight, 0);
}

static void test_what_is_passed_over(void **state)
{
    (void)state;
    log_in();
    uint32_t tag = send_command(COMMAND_REMOVE, 1, START_MS);
    assert_int_equal(reply("!empty", tag, "", START_MS), SESSION_NOTHING);
    assert_int_equal(reply("!later", tag, "=a=b", START_MS), SESSION_NOTHING);
    assert_int_equal(reply("!re", tag + 1, "=.id=*1", START_MS), SESSION_NOTHING);
    assert_int_equal(reply("!done", tag + ROUTER_COMMANDS_MAX, "", START_MS), SESSION_NOTHING);
    assert_int_equal(say_and_take("!done", START_MS), SESSION_NOTHING);
    assert_int_equal(say_and_take("!done .tag=x", START_MS), SESSION_NOTHING);
    assert_int_equal(say_and_take("!done .tag=", START_MS), SESSION_NOTHING);
    assert_int_equal(say_and_take("!trap =message=nobody's", START_MS), SESSION_NOTHING);
    assert_int_equal(session.in_flight, 1);
    assert_int_equal(reply("!done", tag, "", START_MS), SESSION_DONE);
    assert_false(command.failed);
}

static void test_the_first_of_two_traps_counts(void **state)
{
    (void)state;
    log_in();
    uint32_t tag = send_command(COMMAND_ROUTE_CHECK, 1, START_MS);
    assert_int_equal(reply("!trap", tag, "=category=0 =message=no_such_command", START_MS), SESSION_NOTHING);
    assert_int_equal(reply("!trap", tag, "=message=not_enough_permissions_(9)", START_MS), SESSION_NOTHING);
    assert_int_equal(reply("!done", tag, "", START_MS), SESSION_DONE);
    assert_true(command.failed);
    assert_int_equal(command.error, ROS_ERROR_NO_COMMAND);
    assert_string_equal(command.message.text, "no such command");
}

static void test_fatal(void **state)
{
    (void)state;
    log_in();
    send_command(COMMAND_ADD, 1, START_MS);
    assert_int_equal(say_and_take("!fatal session_terminated_on_request", START_MS), SESSION_FAILED);
    assert_int_equal(session.failure, FAILURE_LOST);
}

static void test_a_stream_that_cannot_go_on(void **state)
{
    (void)state;
    log_in();
    input = BYTES("\xff");
    assert_int_equal(take(START_MS), SESSION_FAILED);
    assert_int_equal(session.failure, FAILURE_PROTOCOL);
}

static void test_bytes_one_by_one(void **state)
{
    (void)state;
    log_in();
    uint32_t tag = send_command(COMMAND_ADD, 5, START_MS);
    reply("!re", tag, "=a=b", START_MS);
    say("!done .tag=2 =ret=*FF");
    for (size_t i = 0; i < stream_len; i++) {
        input = span_of(stream + i, 1);
        assert_int_equal(take(START_MS), i + 1 < stream_len ? SESSION_NOTHING : SESSION_DONE);
    }
    stream_len = 0;
    assert_int_equal(command.id, 0xFF);
}

static void test_data_of_a_closed_connection(void **state)
{
    (void)state;
    log_in();
    session_closed(&session, FAILURE_LOST, START_MS, &prng);
    assert_int_equal(say_and_take("!done .tag=1", START_MS), SESSION_NOTHING);
    assert_int_equal(input.len, 0);
}

/* ---- tags ---- */

static void test_tags_are_never_used_twice(void **state)
{
    (void)state;
    log_in();
    uint32_t listen = send_command(COMMAND_LISTEN, 0, START_MS);
    assert_int_equal(session.in_flight, 0);
    uint32_t last = listen;
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t tag = send_command(COMMAND_ADD, i, START_MS);
        assert_true(tag > last);
        assert_int_equal(reply("!done", last, "", START_MS), last == listen ? SESSION_DONE : SESSION_NOTHING);
        if (last == listen)
            send_command(COMMAND_LISTEN, 0, START_MS);
        last = tag;
        assert_int_equal(reply("!done", tag, "", START_MS), SESSION_DONE);
        assert_int_equal(command.cookie, i);
    }
}

static void test_slots_are_kept_for_reading(void **state)
{
    (void)state;
    log_in();
    send_command(COMMAND_LISTEN, 0, START_MS);
    uint32_t first = session.next_tag;
    unsigned sent = 0;
    for (; session_free(&session); sent++)
        send_command(COMMAND_ADD, sent, START_MS);
    assert_in_range(sent, ROUTER_COMMANDS_MAX / 2, ROUTER_COMMANDS_MAX - 6);
    for (unsigned i = 0; i < 4; i++) /* as many as a resync needs, and one more */
        send_command(COMMAND_MEMBERS, i, START_MS);
    for (unsigned i = 0; i < sent + 4; i++)
        assert_int_equal(reply("!done", first + i, "", START_MS), SESSION_DONE);
    assert_int_equal(session.in_flight, 0);
}

/* As many changes as may be are in flight, four listens and all that a look at the way and a claim need. */
static void test_a_look_at_the_way_finds_slots(void **state)
{
    (void)state;
    log_in();
    while (session_free(&session))
        send_command(COMMAND_ADD, 1, START_MS);
    send_command(COMMAND_LISTEN, 0, START_MS);
    for (unsigned i = 0; i < 3; i++)
        send_command(COMMAND_LISTEN_WAY, 0, START_MS);
    for (unsigned i = 0; i < 20; i++)
        send_command(COMMAND_ADDRESSES, 0, START_MS);
    unsigned used = 0;
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++)
        used += session.command[i].used;
    assert_int_equal(used, ROUTER_COMMANDS_MAX - 26 + 4 + 20);
}

/* ---- a router that does not answer ---- */

/* When the session times out if the router says nothing from now on; UINT64_MAX: never. */
static uint64_t silent_ms(void)
{
    static struct session later;
    later = session;
    for (uint64_t due_ms; (due_ms = session_due_ms(&later)) != UINT64_MAX;)
        if (session_wait(&later, &command, at(due_ms)) == SESSION_TIMES_OUT)
            return due_ms;
    return UINT64_MAX;
}

static void test_silence(void **state)
{
    (void)state;
    assert_true(silent_ms() == UINT64_MAX);
    session_open(&session, at(START_MS));
    assert_true(silent_ms() == START_MS + 20000);
    session_opened(&session, PEER, at(START_MS + 10));
    assert_true(silent_ms() == START_MS + 10 + 5000);
    say_and_take("!done .tag=1", START_MS + 20);
    assert_true(silent_ms() == UINT64_MAX);
    send_command(COMMAND_LISTEN, 0, START_MS + 30);
    assert_true(silent_ms() == UINT64_MAX);
    uint32_t add = send_command(COMMAND_ADD, 0, START_MS + 50000);
    assert_true(silent_ms() == START_MS + 54000);
    send_command(COMMAND_ADD, 0, START_MS + 51000);
    assert_true(silent_ms() == START_MS + 54000);
    say_and_take("!re .tag=2", START_MS + 53000); /* any input proves that the router is alive */
    assert_true(silent_ms() == START_MS + 57000);
    say_and_take("!re .tag=2", START_MS + 109000); /* but a command has a minute at most */
    assert_true(silent_ms() == START_MS + 110000);
    reply("!done", add, "", START_MS + 109000);
    assert_true(silent_ms() == START_MS + 111000);
}

static enum session_wait wait_at(uint64_t now_ms)
{
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return session_wait(&session, &command, at(now_ms));
}

static void check_probe(uint64_t now_ms, bool probed)
{
    unsigned number;
    assert_int_equal(wait_at(now_ms), SESSION_WAITS);
    const struct ros_sentence *sent = sent_command(&out, 0, &number);
    assert_true((sent != NULL) == probed);
    if (sent != NULL)
        assert_span_text(ros_word(sent, 0), "/system/identity/print");
}

/* [R1] An answered probe every two seconds lets a command wait for a minute. */
static void test_a_slow_command(void **state)
{
    (void)state;
    log_in();
    uint32_t add = send_command(COMMAND_ADD, 0, START_MS);
    uint32_t tag = session.next_tag;
    uint64_t now_ms = START_MS;
    for (; now_ms < START_MS + 58000; tag++) {
        assert_true(session_due_ms(&session) == now_ms + 2000);
        check_probe(now_ms + 1999, false);
        check_probe(now_ms + 2000, true);
        now_ms += 2100;
        assert_int_equal(reply("!done", tag, "", now_ms), SESSION_DONE);
        assert_int_equal(command.kind, COMMAND_KEEP_ALIVE);
    }
    assert_true(session.in_flight == 1 && silent_ms() == START_MS + 60000);
    assert_int_equal(wait_at(START_MS + 60000), SESSION_TIMES_OUT);
    assert_int_equal(session_timeout(&session), FAILURE_SILENT);
    assert_int_equal(reply("!done", add, "", START_MS + 60000), SESSION_DONE);
}

/* [R7] Of the commands that wait, the one whose answer or next row is missing for longest; a probe is none.
 */
static void test_what_it_waits_for(void **state)
{
    (void)state;
    log_in();
    assert_null(session_waits_for(&session));
    uint32_t rows = send_command(COMMAND_SNAPSHOT, 0, START_MS);
    uint32_t other = send_command(COMMAND_LISTS, 0, START_MS + 1);
    (void)send_command(COMMAND_LISTEN, 0, START_MS);
    (void)send_command(COMMAND_KEEP_ALIVE, 0, START_MS);
    assert_int_equal(session_waits_for(&session)->tag, rows);
    assert_int_equal(reply("!re", rows, "=.id=*1", START_MS + 9), SESSION_ROW);
    assert_int_equal(session_waits_for(&session)->tag, other);
    assert_non_null(session_waits_for(&session)->path);
    assert_int_equal(reply("!done", other, "", START_MS + 10), SESSION_DONE);
    assert_int_equal(session_waits_for(&session)->tag, rows);
    assert_int_equal(session_waits_for(&session)->heard_ms, START_MS + 9);
}

/* [R1] A connection whose probe is not answered is noticed as if there were none; one probe is
 * sent at a time. */
static void test_a_dead_connection(void **state)
{
    (void)state;
    log_in();
    send_command(COMMAND_ADD, 0, START_MS);
    check_probe(START_MS + 2000, true);
    check_probe(START_MS + 3999, false);
    assert_int_equal(wait_at(START_MS + 4000), SESSION_TIMES_OUT);
}

/* [R1] Each time-out doubles the patience, up to a minute, also that of the login; a minute in
 * which the router was quick halves it. */
static void test_patience(void **state)
{
    (void)state;
    static const unsigned logins_s[] = {5, 10, 20, 40, 60, 60};
    uint64_t now_ms = START_MS;
    for (size_t i = 0; i < ARRAY_LEN(logins_s); i++) {
        session_open(&session, at(now_ms));
        session_opened(&session, PEER, at(now_ms));
        now_ms += logins_s[i] * UINT64_C(1000);
        assert_int_equal(wait_at(now_ms - 1), SESSION_WAITS);
        assert_int_equal(wait_at(now_ms), SESSION_TIMES_OUT);
        assert_int_equal(session_timeout(&session), FAILURE_SILENT_LOGIN);
        session_break(&session, session_timeout(&session), &prng, at(now_ms));
        assert_true(session_take_lost(&session, &command) && !session_take_lost(&session, &command));
    }
    session_open(&session, at(now_ms));
    session_opened(&session, PEER, at(now_ms));
    assert_int_equal(say_and_take("!done .tag=1", now_ms), SESSION_UP);
    static const unsigned patience_s[] = {30, 15, 7, 4, 4};
    for (size_t i = 0; i < ARRAY_LEN(patience_s); i++) {
        now_ms += 60000;
        reply("!done", send_command(COMMAND_KEEP_ALIVE, 0, now_ms), "", now_ms + 10);
        now_ms += 10;
        assert_int_equal(session.patience_ms / 1000, patience_s[i]);
    }
}

/* [R1] What a router needed once it is given twice; while it needs that, the patience stays. */
static void test_patience_of_a_slow_router(void **state)
{
    (void)state;
    open_session();
    assert_int_equal(say_and_take("!done .tag=1", START_MS + 4500), SESSION_UP);
    for (uint64_t now_ms = START_MS + 5000; now_ms < START_MS + 600000; now_ms += 10000) {
        uint32_t tag = send_command(COMMAND_ADD, 0, now_ms);
        assert_true(silent_ms() == now_ms + 9000);
        assert_int_equal(reply("!done", tag, "", now_ms + 4500), SESSION_DONE);
    }
}

/* [R2] What the owner can do without is given up alone; the connection goes on. */
static void test_a_command_is_given_up(void **state)
{
    (void)state;
    log_in();
    uint32_t tag = send_command(COMMAND_ROUTE_CHECK, 7, START_MS);
    uint32_t add = send_command(COMMAND_ADD, 8, START_MS);
    for (unsigned s = 1; s < 10; s++)
        say_and_take("!re .tag=0", START_MS + 1000 * s);
    assert_true(session_due_ms(&session) == START_MS + 10000);
    assert_int_equal(wait_at(START_MS + 10000), SESSION_GIVES_UP);
    assert_int_equal(command.cookie, 7);
    assert_true(command.failed);
    assert_int_equal(wait_at(START_MS + 10000), SESSION_WAITS);
    assert_int_equal(session.in_flight, 1);
    assert_int_equal(reply("!re", tag, "=interface=wg1", START_MS + 10000), SESSION_NOTHING);
    assert_int_equal(reply("!done", tag, "", START_MS + 10000), SESSION_NOTHING);
    assert_int_equal(reply("!done", add, "", START_MS + 10000), SESSION_DONE);
}

static void test_a_long_snapshot_is_not_silent(void **state)
{
    (void)state;
    log_in();
    uint32_t tag = send_command(COMMAND_SNAPSHOT, 0, START_MS);
    for (unsigned s = 1; s <= 118; s++) {
        reply("!re", tag, "=.id=*1", START_MS + 1000 * s);
        uint64_t limit_ms = START_MS + 1000 * s + 4000;
        assert_true(silent_ms() == (limit_ms < START_MS + 120000 ? limit_ms : START_MS + 120000));
    }
}

/* ---- end and reconnection ---- */

static void test_lost_commands_come_back_once(void **state)
{
    (void)state;
    log_in();
    send_command(COMMAND_LISTEN, 9, START_MS);
    send_command(COMMAND_ADD, 11, START_MS);
    send_command(COMMAND_REMOVE, 12, START_MS);
    session_closed(&session, FAILURE_LOST, START_MS, &prng);
    uint32_t cookies = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(session_take_lost(&session, &command));
        cookies += command.cookie;
    }
    assert_int_equal(cookies, 9 + 11 + 12);
    assert_false(session_take_lost(&session, &command));
    assert_int_equal(session.state, SESSION_CLOSED);
    assert_int_equal(session.in_flight, 0);
    assert_true(silent_ms() == UINT64_MAX);
}

static void test_break_closes(void **state)
{
    (void)state;
    log_in();
    session_break(&session, FAILURE_SILENT, &prng, at(START_MS));
    assert_int_equal(count_actions(&out, ACTION_ROUTER_CLOSE), 1);
    assert_int_equal(session.failure, FAILURE_SILENT);
    session_closed(&session, FAILURE_LOST, START_MS, &prng); /* nothing else follows */
    assert_int_equal(session.failure, FAILURE_SILENT);
    assert_false(session_take_lost(&session, &command));
    assert_int_equal(session.state, SESSION_CLOSED);
}

static void test_a_session_that_is_not_needed(void **state)
{
    (void)state;
    log_in();
    send_command(COMMAND_LISTEN, 9, START_MS);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    session_close(&session, &out);
    assert_int_equal(count_actions(&out, ACTION_ROUTER_CLOSE), 1);
    assert_int_equal(session.state, SESSION_CLOSED);
    assert_true(session.retry_ms <= START_MS);
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++)
        assert_false(session.command[i].used);
    log_in(); /* used again: nothing of the old connection is left */
    send_command(COMMAND_ADD, 11, START_MS);
    session_closed(&session, FAILURE_LOST, START_MS, &prng);
    assert_true(session_take_lost(&session, &command));
    assert_int_equal(command.cookie, 11);
    assert_false(session_take_lost(&session, &command));
}

/* 0.5 s, doubling to 30 s; between half of it and all of it. */
static void test_back_off(void **state)
{
    (void)state;
    static const uint32_t backoffs_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    uint64_t least_ms[ARRAY_LEN(backoffs_ms)];
    uint64_t most_ms[ARRAY_LEN(backoffs_ms)] = {0};
    memset(least_ms, 0xFF, sizeof(least_ms));
    for (uint64_t seed = 0; seed < 200; seed++) {
        start(NULL);
        prng = prng_seeded(seed);
        for (size_t i = 0; i < ARRAY_LEN(backoffs_ms); i++) {
            session_open(&session, at(START_MS));
            session_closed(&session, FAILURE_REFUSED, START_MS, &prng);
            session_take_lost(&session, &command);
            uint64_t wait_ms = session.retry_ms - START_MS;
            assert_in_range(wait_ms, backoffs_ms[i] / 2, backoffs_ms[i]);
            least_ms[i] = wait_ms < least_ms[i] ? wait_ms : least_ms[i];
            most_ms[i] = wait_ms > most_ms[i] ? wait_ms : most_ms[i];
            actions_clear(&out, LOG_LEVEL_DEBUG);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(backoffs_ms); i++)
        assert_true(least_ms[i] < backoffs_ms[i] * 6 / 10 && most_ms[i] > backoffs_ms[i] * 9 / 10);
}

/* A login alone does not end the back-off: if connections end right after it, the intervals still grow. After
 * a connection that has lasted, the next one starts at once. */
static void test_back_off_of_a_connection_that_does_not_last(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        log_in();
        session_closed(&session, FAILURE_LOST, START_MS + 4999, &prng);
        session_take_lost(&session, &command);
        assert_in_range(session.retry_ms - START_MS - 4999, UINT64_C(250) << i, UINT64_C(500) << i);
    }
    log_in();
    session_closed(&session, FAILURE_LOST, START_MS + 5000, &prng);
    assert_in_range(session.retry_ms - START_MS - 5000, 250, 500);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

UNIT(session)
{
    const struct CMUnitTest tests[] = {
        TEST(test_login),
        TEST(test_login_by_challenge),
        TEST(test_challenges_that_lead_nowhere),
        TEST(test_refused_login),
        TEST(test_why_a_connection_failed),
        TEST(test_rows_and_ends),
        TEST(test_what_is_passed_over),
        TEST(test_the_first_of_two_traps_counts),
        TEST(test_fatal),
        TEST(test_a_stream_that_cannot_go_on),
        TEST(test_bytes_one_by_one),
        TEST(test_data_of_a_closed_connection),
        TEST(test_tags_are_never_used_twice),
        TEST(test_slots_are_kept_for_reading),
        TEST(test_a_look_at_the_way_finds_slots),
        TEST(test_silence),
        TEST(test_a_slow_command),
        TEST(test_what_it_waits_for),
        TEST(test_a_dead_connection),
        TEST(test_patience),
        TEST(test_patience_of_a_slow_router),
        TEST(test_a_command_is_given_up),
        TEST(test_a_long_snapshot_is_not_silent),
        TEST(test_lost_commands_come_back_once),
        TEST(test_break_closes),
        TEST(test_a_session_that_is_not_needed),
        TEST(test_back_off),
        TEST(test_back_off_of_a_connection_that_does_not_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
