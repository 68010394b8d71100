/* One command: may it run, what is it, and which function answers it. Login and /cancel are here. */
#include "router_model_internal.h"

#include <md5.h>
#include <stdio.h>

/* ---- login ---- */

static void hex(char *text, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static void hand_out_challenge(struct router_model *m, struct rm_session *s, struct span tag)
{
    char text[2 * sizeof(s->challenge) + 1];
    for (size_t i = 0; i < sizeof(s->challenge); i++)
        s->challenge[i] = (uint8_t)prng_next(&m->prng);
    s->challenged = true;
    hex(text, s->challenge, sizeof(s->challenge));
    rm_done_with(m, tag, span_text(text));
}

static bool response_is_right(const struct rm_session *s, const char *password, struct span response)
{
    if (!s->challenged)
        return false;
    MD5_CTX md5;
    uint8_t digest[MD5_DIGEST_LENGTH];
    MD5Init(&md5);
    MD5Update(&md5, (const uint8_t *)"", 1);
    MD5Update(&md5, (const uint8_t *)password, strlen(password));
    MD5Update(&md5, s->challenge, sizeof(s->challenge));
    MD5Final(digest, &md5);
    char expected[2 + 2 * MD5_DIGEST_LENGTH + 1] = "00";
    hex(expected + 2, digest, sizeof(digest));
    return span_is(response, expected);
}

/* True: the session ends. */
static bool login(struct router_model *m, struct rm_session *s, struct rm_command *c)
{
    struct span name = span_of(NULL, 0);
    struct span password = span_of(NULL, 0);
    struct span response = span_of(NULL, 0);
    bool named = rm_find(c, "name", &name);
    bool plain = rm_find(c, "password", &password);
    bool answered = rm_find(c, "response", &response);
    enum router_model_login mode = m->options.login;

    bool asks = !answered && (mode == ROUTER_MODEL_LOGIN_CHALLENGE || (!named && !plain));
    if (asks) {
        hand_out_challenge(m, s, c->tag);
        return false;
    }
    int user = rm_user_find(m, name);
    const struct router_model_user *u = user < 0 ? NULL : &m->options.users[user];
    bool right = false;
    if (u && answered)
        right = mode != ROUTER_MODEL_LOGIN_PLAIN && response_is_right(s, u->password, response);
    else if (u)
        right = span_is(password, u->password);
    s->challenged = false;
    if (right && (u->policies & ROUTER_MODEL_API)) {
        s->user = user;
        m->counters.logins++;
        rm_done(m, c->tag);
        return false;
    }
    m->counters.failed_logins++;
    bool old = mode == ROUTER_MODEL_LOGIN_CHALLENGE;
    rm_trap(m, c->tag, RM_NO_CATEGORY, old ? "cannot log in" : "invalid user name or password (6)");
    rm_done(m, c->tag);
    return m->options.close_after_failed_login;
}

/* ---- /cancel ---- */

static bool is_cancelled(const struct rm_command *other, const struct rm_command *cancel, bool all,
                         struct span tag)
{
    return other != cancel && other->stage != RM_STAGE_DONE && (all || span_equal(other->tag, tag));
}

/* First the traps of the cancelled commands, then the !done of /cancel itself, then theirs. */
static void cancel(struct router_model *m, struct rm_session *s, struct rm_command *c)
{
    struct span tag = span_of(NULL, 0);
    bool all = !rm_find(c, "tag", &tag);
    for (struct rm_command *other = s->commands; other; other = other->next)
        if (is_cancelled(other, c, all, tag))
            rm_trap(m, other->tag, 2, "interrupted");
    rm_done(m, c->tag);
    for (struct rm_command *other = s->commands; other; other = other->next) {
        if (!is_cancelled(other, c, all, tag))
            continue;
        rm_done(m, other->tag);
        other->stage = RM_STAGE_DONE;
    }
}

/* ---- where a path leads ---- */

static bool find_menu(const struct router_model *m, struct span folder, enum rm_menu *ret_menu)
{
    for (enum rm_menu menu = 0; menu < RM_MENUS; menu++) {
        if (rm_menu_exists(m, menu) && span_is(folder, rm_menu_path[menu])) {
            *ret_menu = menu;
            return true;
        }
    }
    return false;
}

/* Is it a menu, or on the way to one? */
static bool folder_exists(const struct router_model *m, struct span folder)
{
    for (enum rm_menu menu = 0; menu < RM_MENUS; menu++) {
        const char *path = rm_menu_path[menu];
        if (rm_menu_exists(m, menu) && strlen(path) >= folder.len &&
            span_equal(span_of(path, folder.len), folder) && (path[folder.len] == '/' || !path[folder.len]))
            return true;
    }
    return false;
}

/* One trap for an unknown verb. Two traps for an unknown folder, of which the first names the part that is
 * wrong. */
static void unknown(struct router_model *m, const struct rm_command *c, struct span folder)
{
    if (folder_exists(m, folder)) {
        rm_trap(m, c->tag, 0, "no such command");
        rm_done(m, c->tag);
        return;
    }
    size_t start = 0;
    size_t end = 0;
    while (end < folder.len) {
        start = end + 1;
        for (end = start; end < folder.len && folder.data[end] != '/';)
            end++;
        if (!folder_exists(m, span_of(folder.data, end)))
            break;
    }
    char message[RM_ERROR_MAX];
    int length = end - start > 100 ? 100 : (int)(end - start);
    snprintf(message, sizeof(message), "no such command or directory (%.*s)", length,
             (const char *)folder.data + start);
    rm_trap(m, c->tag, 0, message);
    rm_trap(m, c->tag, 0, "no such command prefix");
    rm_done(m, c->tag);
}

static bool permitted(struct router_model *m, const struct rm_session *s, const struct rm_command *c,
                      unsigned policy)
{
    if (m->options.users[s->user].policies & policy)
        return true;
    m->counters.connection_refusals += c->menu == RM_MENU_CONNECTION;
    rm_trap(m, c->tag, RM_NO_CATEGORY, "not enough permissions (9)");
    rm_done(m, c->tag);
    return false;
}

static void active_print(struct router_model *m, const struct rm_session *s, struct rm_command *c)
{
    enum router_model_active active = m->options.users[s->user].active;
    if (!permitted(m, s, c, active == ROUTER_MODEL_ACTIVE_REFUSED ? 0 : ROUTER_MODEL_READ))
        return;
    c->shows_nothing = active == ROUTER_MODEL_ACTIVE_NONE;
    c->only_id = active == ROUTER_MODEL_ACTIVE_OWN ? (uint32_t)s->id : 0;
    rm_print(m, c, false);
}

/* The part before the last slash; *ret_last is the part behind it. */
static struct span folder_of(struct span path, struct span *ret_last)
{
    size_t slash = path.len;
    while (slash > 0 && path.data[slash - 1] != '/')
        slash--;
    *ret_last = span_skip(path, slash);
    return span_of(path.data, slash > 0 ? slash - 1 : 0);
}

static void dispatch(struct router_model *m, struct rm_session *s, struct rm_command *c)
{
    struct span last;
    struct span folder = folder_of(c->word[0], &last);
    char verb[ROUTER_MODEL_TEXT_MAX];
    snprintf(verb, sizeof(verb), "%.*s", last.len > 60 ? 60 : (int)last.len, (const char *)last.data);

    if (!find_menu(m, folder, &c->menu)) {
        unknown(m, c, folder);
        return;
    }
    bool print = strcmp(verb, "print") == 0 || strcmp(verb, "getall") == 0;
    if (c->menu == RM_MENU_ACTIVE && print) {
        active_print(m, s, c);
    } else if (print || strcmp(verb, "listen") == 0) {
        if (permitted(m, s, c, ROUTER_MODEL_READ))
            rm_print(m, c, !print);
    } else if (c->menu == RM_MENU_ROUTE && m->options.route_check && strcmp(verb, "check") == 0) {
        if (permitted(m, s, c, ROUTER_MODEL_TEST))
            rm_route_check(m, c);
    } else if (c->menu == RM_MENU_SCRIPT && strcmp(verb, "run") == 0) {
        rm_script_run(m, s, c);
    } else if (c->menu == RM_MENU_CONNECTION && strcmp(verb, "remove") == 0) {
        if (permitted(m, s, c, ROUTER_MODEL_WRITE))
            rm_connection_remove(m, c);
    } else if (c->menu == RM_MENU_NAT && rm_nat_knows(verb)) {
        if (permitted(m, s, c, ROUTER_MODEL_WRITE))
            rm_nat_verb(m, c, verb);
    } else {
        unknown(m, c, folder);
    }
}

/* ---- execution ---- */

static void fatal(struct router_model *m, const char *reason)
{
    rm_word(&m->reply, span_text("!fatal"));
    rm_word(&m->reply, span_text(reason));
    rm_end(m, &m->reply, span_of(NULL, 0));
}

/* True: the session ends after the answer. */
static bool answer(struct router_model *m, struct rm_session *s, struct rm_command *c)
{
    struct span path = c->word[0];
    if (c->stage == RM_STAGE_PRINTING) {
        rm_print_rows(m, c, m->options.rows_per_ms);
        return false;
    }
    if (c->stage == RM_STAGE_MONITORING) {
        rm_route_check_again(m, c);
        return false;
    }
    c->stage = RM_STAGE_DONE; /* The default, which a command may change. */
    if (span_is(path, "/login"))
        return login(m, s, c);
    if (s->user < 0) {
        fatal(m, "not logged in");
        return true;
    }
    m->counters.commands++;
    if (m->fail_command[0] && span_is(path, m->fail_command)) {
        m->fail_command[0] = 0;
        m->counters.failed++;
        m->counters.connection_refusals += span_starts(path, "/ip/firewall/connection/");
        if (m->fail_executes) {
            dispatch(m, s, c);
            m->reply.start = m->reply.end = 0;
        }
        rm_trap(m, c->tag, RM_NO_CATEGORY, m->fail_message);
        rm_done(m, c->tag);
    } else if (span_is(path, "/quit")) {
        fatal(m, "session terminated on request");
        return true;
    } else if (span_is(path, "/cancel")) {
        cancel(m, s, c);
    } else {
        dispatch(m, s, c);
    }
    return false;
}

static bool drop_matches(struct router_model *m, const struct rm_command *c)
{
    if (!m->drop_armed || c->stage != RM_STAGE_WAITING)
        return false;
    struct span path = c->word[0];
    bool match = m->drop.command[0] ? span_is(path, m->drop.command) : !span_is(path, "/login");
    if (!match || m->drop.skip-- > 0)
        return false;
    m->drop_armed = false;
    return true;
}

static void drop(struct router_model *m, struct rm_session *s)
{
    if (!m->drop.silent) {
        rm_session_close(s, m->drop.reset);
        return;
    }
    if (s->state == RM_LIVE && s->output.end > s->output.start)
        m->callbacks.send(m->callbacks.ctx, s->id, rm_buffer_span(&s->output));
    rm_session_die(s, false);
}

/* If the session ends here, the command is gone with it. */
void rm_execute(struct router_model *m, struct rm_session *s, struct rm_command *c)
{
    bool dropping = drop_matches(m, c);
    if (dropping && m->drop.drop == ROUTER_MODEL_DROP_BEFORE) {
        drop(m, s);
        return;
    }
    m->reply.start = m->reply.end = 0;
    uint32_t rows_per_ms = m->options.rows_per_ms;
    if (dropping)
        m->options.rows_per_ms = 0; /* The answer must exist before it can be cut off. */
    bool ends = answer(m, s, c);
    m->options.rows_per_ms = rows_per_ms;
    struct span reply = rm_buffer_span(&m->reply);
    if (dropping && m->drop.drop == ROUTER_MODEL_DROP_AFTER)
        reply.len = 0;
    if (dropping && m->drop.drop == ROUTER_MODEL_DROP_AMID)
        reply.len /= 2;
    rm_buffer_add(&s->output, reply);
    if (dropping)
        drop(m, s);
    else if (ends)
        rm_session_close(s, false);
}
