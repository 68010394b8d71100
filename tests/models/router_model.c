/* The router as a whole: options, users, faults, and the clock. */
#include "router_model_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *rm_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        abort();
    return memory;
}

bool rm_fail(struct router_model *m, int category, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->error, sizeof(m->error), format, arguments);
    va_end(arguments);
    m->error_category = category;
    return false;
}

uint32_t rm_between(struct router_model *m, uint32_t min, uint32_t max)
{
    return max <= min ? min : min + prng_below(&m->prng, max - min + 1);
}

bool rm_version_is(const struct router_model *m, unsigned major, unsigned minor)
{
    return m->major == major && m->minor >= minor;
}

int rm_user_find(const struct router_model *m, struct span name)
{
    for (int i = 0; i < ROUTER_MODEL_USERS_MAX; i++)
        if (m->options.users[i].name[0] && span_is(name, m->options.users[i].name))
            return i;
    return -1;
}

bool rm_muted(const struct router_model *m)
{
    return m->now_ms < m->mute_until_ms;
}

/* ---- options ---- */

static void parse_version(const char *version, unsigned *ret_major, unsigned *ret_minor)
{
    char *end;
    *ret_major = (unsigned)strtoul(version, &end, 10);
    *ret_minor = *end == '.' ? (unsigned)strtoul(end + 1, NULL, 10) : 0;
}

struct router_model_options router_model_defaults(const char *version)
{
    struct router_model_options o = {.access = ROUTER_MODEL_OPEN};
    unsigned major;
    unsigned minor;
    if (!version[0])
        version = "7.18";
    parse_version(version, &major, &minor);
    bool plain = strchr(version, '(') || strstr(version, "beta") || strstr(version, "rc");
    snprintf(o.version, sizeof(o.version), "%s%s", version, plain ? "" : " (stable)");
    snprintf(o.users[0].name, sizeof(o.users[0].name), "admin");
    o.users[0].policies = ROUTER_MODEL_ALL;
    bool seven = major >= 7;
    o.empty_reply = seven && minor >= 18;
    o.route_check = !seven || minor >= 18;
    o.nat_pmp = seven && minor >= 13;
    o.service_rows = seven && minor >= 19;
    o.ports_joined = !seven || minor < 16;
    o.error_numbers = seven;
    o.unknown_is_named = seven;
    o.max_sessions = seven && minor >= 16 ? 20 : 0;
    if (seven || minor >= 45)
        o.login = ROUTER_MODEL_LOGIN_PLAIN;
    else
        o.login = minor >= 43 ? ROUTER_MODEL_LOGIN_BOTH : ROUTER_MODEL_LOGIN_CHALLENGE;
    o.own_event = ROUTER_MODEL_EVENT_AFTER;
    o.first_id = 1;
    o.nat_rules_max = 65535;
    return o;
}

struct router_model_options *router_model_options(struct router_model *m)
{
    return &m->options;
}

struct router_model *router_model_new(const struct router_model_options *options,
                                      const struct router_model_callbacks *callbacks, uint64_t seed)
{
    struct router_model *m = rm_alloc(sizeof(*m));
    m->options = *options;
    m->callbacks = *callbacks;
    m->prng = prng_seeded(seed);
    parse_version(options->version, &m->major, &m->minor);
    m->next_id = options->first_id;
    rm_tables_init(m);
    return m;
}

void router_model_free(struct router_model *m)
{
    if (!m)
        return;
    rm_sessions_free(m);
    rm_rules_free(m);
    rm_tables_free(m);
    rm_buffer_free(&m->reply);
    rm_buffer_free(&m->event);
    free(m);
}

const struct router_model_counters *router_model_counters(const struct router_model *m)
{
    return &m->counters;
}

const char *router_model_error(const struct router_model *m)
{
    return m->error;
}

/* ---- time ---- */

uint64_t router_model_next_ms(const struct router_model *m)
{
    if (m->nat_changed)
        return m->now_ms;
    uint64_t next = m->options.counter_interval_ms && m->rules ? m->next_counter_ms : RM_NEVER;
    for (const struct rm_session *s = m->sessions; s; s = s->next) {
        uint64_t at = rm_session_next_ms(m, s);
        next = at < next ? at : next;
    }
    return next < m->now_ms ? m->now_ms : next;
}

static void count_traffic(struct router_model *m)
{
    if (!m->options.counter_interval_ms || !m->rules || m->now_ms < m->next_counter_ms)
        return;
    const struct router_model_rule *rule = m->by_id[prng_below(&m->prng, m->rules)];
    router_model_rule_traffic(m, rule->id, 1 + prng_below(&m->prng, 1500), 1);
    m->next_counter_ms = m->now_ms + m->options.counter_interval_ms;
}

static void run_once(struct router_model *m)
{
    if (m->nat_changed) {
        m->nat_changed = false;
        if (m->callbacks.nat_changed)
            m->callbacks.nat_changed(m->callbacks.ctx);
    }
    count_traffic(m);
    for (struct rm_session *s = m->sessions; s; s = s->next)
        rm_session_run(m, s);
    rm_sessions_sweep(m);
}

/* Handles one moment after the other, so that sessions see each other's commands in the order of their
 * times. */
void router_model_run(struct router_model *m, uint64_t now_ms)
{
    uint64_t next = router_model_next_ms(m);
    while (next <= now_ms) {
        m->now_ms = next;
        run_once(m);
        next = router_model_next_ms(m);
    }
    m->now_ms = now_ms > m->now_ms ? now_ms : m->now_ms;
}

/* ---- faults ---- */

void router_model_reboot(struct router_model *m, uint32_t down_ms, bool reset)
{
    for (struct rm_session *s = m->sessions; s; s = s->next) {
        rm_buffer_free(&s->output);
        if (reset && s->state == RM_LIVE)
            rm_session_close(s, true);
        else if (s->state == RM_LIVE || s->state == RM_DEAD)
            rm_session_die(s, true);
        else
            s->state = RM_GONE;
    }
    m->down_until_ms = m->now_ms + down_ms;
    m->boot_ms = m->down_until_ms;
    m->mute_until_ms = 0;
    m->table[RM_MENU_CONNECTION].count = 0;
    rm_rules_drop_dynamic(m);
    router_model_reset_counters(m);
    if (m->options.renumber_on_reboot)
        rm_rules_renumber(m);
}

void router_model_drop_at(struct router_model *m, const struct router_model_drop_fault *fault)
{
    m->drop = *fault;
    m->drop_armed = true;
}

void router_model_drop_session(struct router_model *m, int session, bool reset)
{
    for (struct rm_session *s = m->sessions; s; s = s->next)
        if (s->state == RM_LIVE && (session == 0 || s->id == session))
            rm_session_close(s, reset);
}

void router_model_mute(struct router_model *m, uint64_t until_ms, bool executes)
{
    m->mute_until_ms = until_ms;
    m->mute_executes = executes;
}

void router_model_fail_next(struct router_model *m, const char *command, const char *message)
{
    snprintf(m->fail_command, sizeof(m->fail_command), "%s", command);
    snprintf(m->fail_message, sizeof(m->fail_message), "%s", message);
    m->fail_executes = false;
}

void router_model_fail_behind(struct router_model *m, const char *command, const char *message)
{
    router_model_fail_next(m, command, message);
    m->fail_executes = true;
}

void router_model_slow(struct router_model *m, const char *command, uint32_t for_ms)
{
    unsigned free = ROUTER_MODEL_SLOW_MAX;
    for (unsigned i = 0; i < ROUTER_MODEL_SLOW_MAX; i++) {
        if (m->slow[i].for_ms != 0 && strcmp(m->slow[i].command, command) == 0)
            m->slow[i].for_ms = 0;
        if (m->slow[i].for_ms == 0)
            free = i;
    }
    if (for_ms == 0 || free == ROUTER_MODEL_SLOW_MAX)
        return;
    snprintf(m->slow[free].command, sizeof(m->slow[free].command), "%s", command);
    m->slow[free].for_ms = for_ms;
}

void router_model_set_policies(struct router_model *m, const char *user, unsigned policies)
{
    int i = rm_user_find(m, span_text(user));
    if (i >= 0)
        m->options.users[i].policies = policies;
}

void router_model_set_password(struct router_model *m, const char *user, const char *password)
{
    int i = rm_user_find(m, span_text(user));
    if (i >= 0)
        snprintf(m->options.users[i].password, sizeof(m->options.users[i].password), "%s", password);
}

void router_model_set_access(struct router_model *m, enum router_model_access access)
{
    m->options.access = access;
}
