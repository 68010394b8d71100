#include "core/session.h"

#include <assert.h>

enum {
    /* The driver's limits are shorter and give a more exact reason: 10 s for a name, 5 s for each address. */
    OPEN_TIMEOUT_MS = 20 * 1000,
    /* The session ends if the router sends nothing for this time while commands are in flight. The shortest
     * time is short enough to connect again within the 12 s that a client waits. */
    PATIENCE_MIN_MS = 4000,
    PATIENCE_MAX_MS = 60 * 1000,
    PATIENCE_JUDGED_MS = 60 * 1000,
    PROBE_MS = 2000,
    /* The limit for one command while the router answers others. The snapshot of a large table takes longer.
     */
    COMMAND_TIMEOUT_MS = 60 * 1000,
    SNAPSHOT_TIMEOUT_MS = 120 * 1000,
    /* Without our entry of the connection table /ip/route/check decides, without that /ip/route/print, and
     * without /user/active a claim is made. */
    SHORT_TIMEOUT_MS = 10 * 1000,
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MAX_MS = 30 * 1000,
    LASTING_MS = 5 * 1000,
    COMMAND_BYTES_MAX = 1024,
    /* The number of slots that are reserved for what is no change of a rule: 4 listens, 6 commands of a stage
     * and 3 of the one before it, /ip/route/check each 2 s for the 10 s after which it is given up, and one
     * each for the version, the sessions, a claim, its removal, a script, the entries, the counters and the
     * keep-alive. */
    COMMANDS_RESERVED = 26,
    LISTENS_MAX = 4, /* they do not count as in flight */
};

void session_init(struct session *s, unsigned number, const char *user, const char *password)
{
    s->user = user;
    s->password = password;
    s->number = (uint8_t)number;
    s->backoff_ms = BACKOFF_FIRST_MS;
    s->patience_ms = PATIENCE_MIN_MS;
}

/* ---- the connection's life ---- */

void session_open(struct session *s, const struct step *step)
{
    assert(s->state == SESSION_CLOSED);
    s->state = SESSION_OPENING;
    s->opened_ms = step->now_ms;
    s->trusted_ms = step->now_ms;
    actions_push(step->out, (struct action){.type = ACTION_ROUTER_OPEN, .router = {.session = s->number}});
}

static void login(struct session *s, struct span response, const struct step *step)
{
    struct writer w = session_begin(s, COMMAND_LOGIN, 0, "/login", step);
    ros_write_pair_text(&w, "=name=", s->user);
    if (response.len > 0)
        ros_write_pair(&w, "=response=", response);
    else
        ros_write_pair_text(&w, "=password=", s->password);
    session_end(s, &w, step->out);
}

void session_opened(struct session *s, uint32_t peer, const struct step *step)
{
    if (s->state != SESSION_OPENING)
        return;
    s->state = SESSION_LOGIN;
    s->challenged = false;
    s->next_tag = 1;
    s->in_flight = 0;
    s->peer = peer;
    s->opened_ms = step->now_ms;
    s->heard_ms = step->now_ms;
    s->judged_ms = step->now_ms;
    s->slowest_ms = 0;
    ros_reader_init(&s->reader);
    login(s, span_of(NULL, 0), step);
}

/* Half of the interval is random, so that two daemons do not connect at the same moments. A connection that
 * does not last counts like one that could not be opened. */
static void back_off(struct session *s, uint64_t now_ms, struct prng *prng)
{
    if (s->state == SESSION_READY && s->ready_ms + LASTING_MS <= now_ms)
        s->backoff_ms = BACKOFF_FIRST_MS;
    s->retry_ms = now_ms + s->backoff_ms / 2 + prng_below(prng, s->backoff_ms / 2 + 1);
    s->backoff_ms = s->backoff_ms * 2 < BACKOFF_MAX_MS ? s->backoff_ms * 2 : BACKOFF_MAX_MS;
}

static void fail(struct session *s, enum failure failure, uint64_t now_ms, struct prng *prng)
{
    back_off(s, now_ms, prng);
    s->failure = (uint8_t)failure;
    s->state = SESSION_BROKEN;
}

static bool login_was_refused(const struct session *s)
{
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++)
        if (s->command[i].used && s->command[i].kind == COMMAND_LOGIN && s->command[i].failed)
            return true;
    return false;
}

/* In two states of the session, the failure that the driver reports has another meaning. */
static enum failure failure_in(enum session_state state, enum failure failure)
{
    /* RouterOS closes the connection if the service's address list or its session limit excludes us. */
    if (failure == FAILURE_LOST && state == SESSION_LOGIN)
        return FAILURE_SILENT_LOGIN;
    if (failure == FAILURE_HERE && state != SESSION_OPENING)
        return FAILURE_LOST;
    return failure;
}

void session_closed(struct session *s, enum failure failure, uint64_t now_ms, struct prng *prng)
{
    if (s->state == SESSION_CLOSED || s->state == SESSION_BROKEN)
        return;
    bool refused = s->state == SESSION_LOGIN && login_was_refused(s);
    fail(s, refused ? FAILURE_LOGIN : failure_in((enum session_state)s->state, failure), now_ms, prng);
}

void session_break(struct session *s, enum failure failure, struct prng *prng, const struct step *step)
{
    actions_push(step->out, (struct action){.type = ACTION_ROUTER_CLOSE, .router = {.session = s->number}});
    fail(s, failure, step->now_ms, prng);
}

void session_close(struct session *s, struct actions *out)
{
    actions_push(out, (struct action){.type = ACTION_ROUTER_CLOSE, .router = {.session = s->number}});
    memset(s->command, 0, sizeof s->command);
    s->state = SESSION_CLOSED;
}

bool session_take_lost(struct session *s, struct command *ret_command)
{
    assert(s->state == SESSION_BROKEN);
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++) {
        if (!s->command[i].used)
            continue;
        *ret_command = s->command[i];
        s->command[i].used = false;
        return true;
    }
    s->in_flight = 0;
    s->state = SESSION_CLOSED;
    return false;
}

void session_disown(struct session *s)
{
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++)
        if (s->command[i].used)
            s->command[i].cookie = 0;
}

/* ---- time-outs ---- */

static uint64_t time_limit_ms(const struct command *c)
{
    if (c->kind == COMMAND_SNAPSHOT)
        return c->sent_ms + SNAPSHOT_TIMEOUT_MS;
    bool is_short = c->kind == COMMAND_ROUTE_CHECK || c->kind == COMMAND_SESSIONS || c->kind == COMMAND_FLOW;
    return c->sent_ms + (is_short ? SHORT_TIMEOUT_MS : COMMAND_TIMEOUT_MS);
}

/* The owner can do without its answer. */
static bool is_dispensable(const struct command *c)
{
    return c->kind == COMMAND_ROUTE_CHECK || c->kind == COMMAND_RESOURCE || c->kind == COMMAND_LISTS ||
           c->kind == COMMAND_MEMBERS || c->kind == COMMAND_LISTENERS || c->kind == COMMAND_ADDRESS_LISTS ||
           c->kind == COMMAND_SESSIONS || c->kind == COMMAND_FLOW || c->kind == COMMAND_FLOW_AGAIN ||
           c->kind == COMMAND_TUNNELS || c->kind == COMMAND_SCRIPT || c->kind == COMMAND_ENTRIES ||
           c->kind == COMMAND_FORGET || c->kind == COMMAND_COUNTERS;
}

/* It does not end by itself. */
static bool is_listen(const struct command *c)
{
    return c->kind == COMMAND_LISTEN || c->kind == COMMAND_LISTEN_WAY;
}

/* What the commands in flight wait for. */
struct waits {
    uint64_t silence_ms; /* since when the router says nothing */
    uint64_t limit_ms;   /* when the first command that matters has waited too long */
    uint64_t give_up_ms; /* when the first one does that does not */
    bool probing;
};

static struct waits waits_of(const struct session *s)
{
    struct waits waits = {UINT64_MAX, UINT64_MAX, UINT64_MAX, false};
    if (s->state != SESSION_READY || s->in_flight == 0)
        return waits;
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++) {
        const struct command *c = &s->command[i];
        if (!c->used || is_listen(c))
            continue;
        uint64_t *limit_ms = is_dispensable(c) ? &waits.give_up_ms : &waits.limit_ms;
        *limit_ms = earlier_ms(time_limit_ms(c), *limit_ms);
        waits.silence_ms = earlier_ms(c->sent_ms, waits.silence_ms);
        waits.probing = waits.probing || c->kind == COMMAND_KEEP_ALIVE;
    }
    waits.silence_ms = later_ms(waits.silence_ms, s->heard_ms);
    return waits;
}

static uint64_t after_ms(uint64_t since_ms, uint32_t for_ms)
{
    return since_ms == UINT64_MAX ? UINT64_MAX : since_ms + for_ms;
}

static uint64_t silent_ms(const struct session *s, const struct waits *waits)
{
    if (s->state == SESSION_OPENING)
        return s->opened_ms + OPEN_TIMEOUT_MS;
    /* A quarter more: the login comes when the router has just begun with the connection. */
    uint64_t login_ms = earlier_ms(s->patience_ms + s->patience_ms / 4, PATIENCE_MAX_MS);
    if (s->state == SESSION_LOGIN)
        return s->opened_ms + login_ms;
    return earlier_ms(after_ms(waits->silence_ms, s->patience_ms), waits->limit_ms);
}

static uint64_t due_ms(const struct session *s, const struct waits *waits)
{
    uint64_t probe_ms = waits->probing ? UINT64_MAX : after_ms(waits->silence_ms, PROBE_MS);
    return earlier_ms(silent_ms(s, waits), earlier_ms(probe_ms, waits->give_up_ms));
}

uint64_t session_due_ms(const struct session *s)
{
    struct waits waits = waits_of(s);
    return due_ms(s, &waits);
}

const struct command *session_waits_for(const struct session *s)
{
    const struct command *oldest = NULL;
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++) {
        const struct command *c = &s->command[i];
        if (c->used && !is_listen(c) && c->kind != COMMAND_KEEP_ALIVE &&
            (oldest == NULL || c->heard_ms < oldest->heard_ms))
            oldest = c;
    }
    return oldest;
}

static void give_up(struct session *s, struct command *ret_command, uint64_t now_ms)
{
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++) {
        struct command *c = &s->command[i];
        if (!c->used || !is_dispensable(c) || time_limit_ms(c) > now_ms)
            continue;
        c->used = false;
        s->in_flight--;
        *ret_command = *c;
        ret_command->failed = true;
        ret_command->error = ROS_ERROR_OTHER;
        ret_command->message = log_safe(span_text("no answer"));
        return;
    }
}

/* A router that answers this lives, whatever else it is busy with. */
static void probe(struct session *s, const struct step *step)
{
    struct writer w = session_begin(s, COMMAND_KEEP_ALIVE, 0, "/system/identity/print", step);
    session_end(s, &w, step->out);
}

enum session_wait session_wait(struct session *s, struct command *ret_command, const struct step *step)
{
    if (step->now_ms < s->trusted_ms)
        return SESSION_WAITS;
    struct waits waits = waits_of(s);
    if (silent_ms(s, &waits) <= step->now_ms) {
        if (s->state != SESSION_OPENING)
            s->patience_ms = (uint32_t)earlier_ms(2 * (uint64_t)s->patience_ms, PATIENCE_MAX_MS);
        return SESSION_TIMES_OUT;
    }
    if (waits.give_up_ms <= step->now_ms) {
        give_up(s, ret_command, step->now_ms);
        return SESSION_GIVES_UP;
    }
    if (due_ms(s, &waits) <= step->now_ms)
        probe(s, step);
    s->trusted_ms = session_due_ms(s);
    return SESSION_WAITS;
}

enum failure session_timeout(const struct session *s)
{
    if (s->state == SESSION_OPENING)
        return FAILURE_TIMEOUT;
    return s->state == SESSION_LOGIN ? FAILURE_SILENT_LOGIN : FAILURE_SILENT;
}

/* The router said something. */
static void heard(struct session *s, uint64_t now_ms)
{
    uint64_t silence_ms = s->in_flight > 0 ? now_ms - later_ms(s->heard_ms, s->busy_ms) : 0;
    s->heard_ms = now_ms;
    s->slowest_ms = (uint32_t)later_ms(s->slowest_ms, earlier_ms(silence_ms, PATIENCE_MAX_MS));
    if (4 * silence_ms > 3 * (uint64_t)s->patience_ms) /* it came just in time */
        s->patience_ms = (uint32_t)earlier_ms(2 * silence_ms, PATIENCE_MAX_MS);
    if (now_ms < s->judged_ms + PATIENCE_JUDGED_MS)
        return;
    if (4 * (uint64_t)s->slowest_ms <= s->patience_ms)
        s->patience_ms = (uint32_t)later_ms(s->patience_ms / 2, PATIENCE_MIN_MS);
    s->judged_ms = now_ms;
    s->slowest_ms = 0;
}

/* ---- commands ---- */

bool session_free(const struct session *s)
{
    return s->state == SESSION_READY && s->in_flight < ROUTER_COMMANDS_MAX - COMMANDS_RESERVED;
}

/* Tags increase and are never used twice on a connection, because the router may still answer a command that
 * timed out. */
static struct command *take_slot(struct session *s)
{
    assert(s->in_flight < ROUTER_COMMANDS_MAX - LISTENS_MAX);
    while (s->command[s->next_tag % ROUTER_COMMANDS_MAX].used)
        s->next_tag++;
    struct command *c = &s->command[s->next_tag % ROUTER_COMMANDS_MAX];
    *c = (struct command){.used = true, .tag = s->next_tag++};
    return c;
}

static struct writer begin(struct session *s, struct command command, const char *path,
                           const struct step *step)
{
    struct command *c = take_slot(s);
    c->kind = command.kind;
    c->cookie = command.cookie;
    c->id = command.id;
    c->path = path;
    c->sent_ms = step->now_ms;
    c->heard_ms = step->now_ms;
    s->used_ms = step->now_ms;
    if (!is_listen(c) && s->in_flight++ == 0)
        s->busy_ms = step->now_ms;
    s->trusted_ms = earlier_ms(s->trusted_ms, step->now_ms + PROBE_MS); /* the shortest limit */
    struct writer w = writer_of(actions_bytes(step->out, COMMAND_BYTES_MAX), COMMAND_BYTES_MAX);
    ros_write_word(&w, span_text(path));
    ros_write_pair_decimal(&w, ".tag=", c->tag);
    return w;
}

struct writer session_begin(struct session *s, enum command_kind kind, uint32_t cookie, const char *path,
                            const struct step *step)
{
    return begin(s, (struct command){.kind = (uint8_t)kind, .cookie = cookie}, path, step);
}

struct writer session_begin_removal(struct session *s, uint32_t cookie, uint32_t id, const char *path,
                                    const struct step *step)
{
    return begin(s, (struct command){.kind = COMMAND_REMOVE, .cookie = cookie, .id = id}, path, step);
}

void session_end(struct session *s, struct writer *w, struct actions *out)
{
    ros_write_end(w);
    assert(!w->failed);
    actions_push(out, (struct action){
                          .type = ACTION_ROUTER_SEND,
                          .router = {.session = s->number, .bytes = actions_trim(out, w->data, w->len)},
                      });
}

/* ---- replies ---- */

static struct command *find_command(struct session *s)
{
    struct span text;
    uint64_t tag;
    if (!ros_attribute(&s->reader.sentence, ".tag", &text) || !parse_decimal(text, UINT32_MAX, &tag))
        return NULL;
    struct command *c = &s->command[tag % ROUTER_COMMANDS_MAX];
    return c->used && c->tag == tag ? c : NULL;
}

static void note_trap(struct command *c, struct span message)
{
    if (c->failed)
        return; /* RouterOS sends two for an unknown path, and the first one names the cause */
    c->failed = true;
    c->error = (uint8_t)ros_classify(message);
    c->message = log_safe(message);
}

/* We send the new form of the login. RouterOS before 6.43 answers it with a challenge. */
static enum session_reply login_done(struct session *s, struct command *c, const struct step *step)
{
    struct span challenge;
    char response[ROS_RESPONSE_LENGTH];
    if (c->failed) {
        s->failure = FAILURE_LOGIN;
        return SESSION_FAILED;
    }
    if (!ros_attribute(&s->reader.sentence, "ret", &challenge)) {
        s->state = SESSION_READY;
        s->failure = FAILURE_NONE;
        s->ready_ms = step->now_ms;
        return SESSION_UP;
    }
    s->failure = FAILURE_PROTOCOL;
    if (s->challenged || !ros_login_response(span_text(s->password), challenge, response))
        return SESSION_FAILED;
    s->challenged = true;
    login(s, span_of(response, sizeof response), step);
    return SESSION_NOTHING;
}

static enum session_reply finish(struct session *s, struct command *c, struct command *ret_command,
                                 const struct step *step)
{
    struct span ret;
    if (ros_attribute(&s->reader.sentence, "ret", &ret) && !ros_parse_id(ret, &c->id))
        c->id = 0;
    *ret_command = *c;
    c->used = false;
    if (!is_listen(c))
        s->in_flight--;
    s->trusted_ms = earlier_ms(s->trusted_ms, step->now_ms + PROBE_MS); /* it may have been the probe */
    if (c->kind == COMMAND_LOGIN)
        return login_done(s, ret_command, step);
    return SESSION_DONE;
}

static enum session_reply take_sentence(struct session *s, struct command *ret_command,
                                        const struct step *step)
{
    const struct ros_sentence *sentence = &s->reader.sentence;
    if (ros_is(sentence, "!fatal")) {
        bool login_refused = ros_classify(ros_message(sentence)) == ROS_ERROR_LOGIN;
        s->failure = login_refused ? FAILURE_LOGIN : FAILURE_LOST;
        return SESSION_FAILED;
    }
    struct command *c = find_command(s);
    if (c == NULL)
        return SESSION_NOTHING; /* the command timed out, or the tag is not ours */
    if (ros_is(sentence, "!trap"))
        note_trap(c, ros_message(sentence));
    else if (ros_is(sentence, "!done"))
        return finish(s, c, ret_command, step);
    if (!ros_is(sentence, "!re"))
        return SESSION_NOTHING; /* !empty since RouterOS 7.18, and other replies of later versions */
    c->heard_ms = step->now_ms;
    *ret_command = *c;
    return SESSION_ROW;
}

enum session_reply session_next(struct session *s, struct span *input, struct command *ret_command,
                                const struct step *step)
{
    while (s->state == SESSION_LOGIN || s->state == SESSION_READY) {
        if (input->len > 0)
            heard(s, step->now_ms);
        switch (ros_reader_next(&s->reader, input)) {
        case ROS_NEED_MORE:
            return SESSION_NOTHING;
        case ROS_BAD_STREAM:
            s->failure = FAILURE_PROTOCOL;
            return SESSION_FAILED;
        case ROS_SENTENCE:
            break;
        }
        enum session_reply reply = take_sentence(s, ret_command, step);
        if (reply != SESSION_NOTHING)
            return reply;
    }
    input->len = 0;
    return SESSION_NOTHING;
}
