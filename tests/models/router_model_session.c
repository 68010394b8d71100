/* Sessions: input becomes commands with a time, and output leaves in pieces and at its time. */
#include "router_model_internal.h"

#include <stdio.h>
#include <stdlib.h>

static struct rm_session *find(const struct router_model *m, int id)
{
    for (struct rm_session *s = m->sessions; s; s = s->next)
        if (s->id == id)
            return s;
    return NULL;
}

static void free_commands(struct rm_session *s)
{
    while (s->commands) {
        struct rm_command *c = s->commands;
        s->commands = c->next;
        rm_command_free(c);
    }
    s->running = 0;
}

static void free_events(struct rm_session *s)
{
    while (s->events) {
        struct rm_event *event = s->events;
        s->events = event->next;
        free(event);
    }
    s->event_bytes = 0;
}

static void clear(struct rm_session *s)
{
    free_commands(s);
    free_events(s);
    rm_buffer_free(&s->input);
    rm_buffer_free(&s->output);
}

static bool ended(const struct rm_session *s)
{
    return s->state == RM_GONE || (s->state == RM_ORPHAN && !s->commands);
}

void rm_sessions_sweep(struct router_model *m)
{
    for (struct rm_session **at = &m->sessions; *at;) {
        struct rm_session *s = *at;
        if (!ended(s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        clear(s);
        free(s);
    }
}

void rm_sessions_free(struct router_model *m)
{
    for (struct rm_session *s = m->sessions; s; s = s->next)
        s->state = RM_GONE;
    rm_sessions_sweep(m);
}

unsigned router_model_sessions(const struct router_model *m)
{
    unsigned count = 0;
    for (const struct rm_session *s = m->sessions; s; s = s->next)
        count += s->state == RM_LIVE && !s->closing;
    return count;
}

bool router_model_session_lives(const struct router_model *m, int session)
{
    const struct rm_session *s = find(m, session);
    return s && s->state == RM_LIVE && !s->closing;
}

/* What was sent before still arrives. */
void rm_session_close(struct rm_session *s, bool reset)
{
    if (s->state != RM_LIVE)
        return;
    free_commands(s);
    free_events(s);
    s->closing = true;
    s->closing_reset = reset;
}

void rm_session_die(struct rm_session *s, bool reset_when_up)
{
    clear(s);
    s->state = RM_DEAD;
    s->reset_when_up = s->reset_when_up || reset_when_up;
}

bool router_model_refuses(const struct router_model *m)
{
    unsigned all = 0;
    for (const struct rm_session *s = m->sessions; s; s = s->next)
        all++;
    return m->now_ms < m->down_until_ms || m->options.access == ROUTER_MODEL_REFUSED ||
           all >= RM_SESSIONS_MAX;
}

int router_model_connect(struct router_model *m, uint64_t now_ms)
{
    router_model_run(m, now_ms);
    if (router_model_refuses(m))
        return -1;
    struct rm_session *s = rm_alloc(sizeof(*s));
    s->id = ++m->last_session;
    s->user = -1;
    snprintf(s->address, sizeof(s->address), "192.168.88.2");
    s->state = m->options.access == ROUTER_MODEL_SILENT ? RM_DEAD : RM_LIVE;
    s->last_input_ms = m->now_ms;
    unsigned max = m->options.max_sessions;
    if (m->options.access == ROUTER_MODEL_ACCEPT_CLOSE || (max && router_model_sessions(m) >= max))
        rm_session_close(s, false);
    m->counters.connections++;
    struct rm_session **at = &m->sessions;
    while (*at)
        at = &(*at)->next;
    *at = s;
    return s->id;
}

void router_model_peer(struct router_model *m, int session, const char *address)
{
    struct rm_session *s = find(m, session);
    if (s)
        snprintf(s->address, sizeof(s->address), "%s", address);
}

void router_model_disconnect(struct router_model *m, int session)
{
    struct rm_session *s = find(m, session);
    if (!s)
        return;
    bool orphan = m->options.orphan_commands && s->state == RM_LIVE && !s->closing;
    s->state = orphan ? RM_ORPHAN : RM_GONE;
    free_events(s);
    for (struct rm_command **at = &s->commands; *at;) {
        struct rm_command *c = *at;
        if (c->stage == RM_STAGE_WAITING) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        rm_command_free(c);
    }
    rm_sessions_sweep(m);
}

size_t router_model_waiting_input(const struct router_model *m, int session)
{
    const struct rm_session *s = find(m, session);
    return s && s->state == RM_LIVE && s->running >= RM_COMMANDS_MAX ? s->input.end - s->input.start : 0;
}

/* ---- input ---- */

static void fatal(struct router_model *m, struct rm_session *s, const char *reason)
{
    rm_word(&s->output, span_text("!fatal"));
    rm_word(&s->output, span_text(reason));
    rm_end(m, &s->output, span_of(NULL, 0));
    rm_session_close(s, false);
}

static uint32_t slow_ms(const struct router_model *m, struct span path)
{
    uint32_t for_ms = 0;
    for (unsigned i = 0; i < ROUTER_MODEL_SLOW_MAX; i++) {
        bool named = m->slow[i].command[0] != '\0';
        if (m->slow[i].for_ms != 0 && (named ? span_is(path, m->slow[i].command) : for_ms == 0))
            for_ms = m->slow[i].for_ms;
    }
    return for_ms;
}

static void enqueue(struct router_model *m, struct rm_session *s, struct rm_command *c)
{
    const struct router_model_options *o = &m->options;
    uint32_t for_ms = slow_ms(m, c->word[0]);
    c->due_ms = m->now_ms + rm_between(m, o->latency_min_ms, o->latency_max_ms);
    if (!o->out_of_order && c->due_ms < s->last_due_ms)
        c->due_ms = s->last_due_ms;
    s->last_due_ms = c->due_ms;
    if (for_ms == ROUTER_MODEL_HANGS)
        c->stage = RM_STAGE_HANGING;
    else
        c->due_ms += for_ms;
    c->sequence = m->sequence++;
    struct rm_command **at = &s->commands;
    while (*at)
        at = &(*at)->next;
    *at = c;
    s->running++;
}

void rm_session_parse(struct router_model *m, struct rm_session *s)
{
    while (s->state == RM_LIVE && !s->closing && s->running < RM_COMMANDS_MAX) {
        struct span input = rm_buffer_span(&s->input);
        size_t length = 0;
        struct rm_command *c = NULL;
        enum rm_parse parse = rm_parse_sentence(input, &length, &c);
        if (parse == RM_PARSE_MORE)
            return;
        if (parse == RM_PARSE_BAD) {
            rm_session_close(s, false);
            return;
        }
        rm_buffer_take(&s->input, length);
        if (parse == RM_PARSE_EMPTY)
            continue;
        if (s->user < 0 && (length > RM_LOGIN_SENTENCE_MAX || ++s->sentences > RM_LOGIN_SENTENCES_MAX)) {
            rm_command_free(c);
            fatal(m, s, "too many commands before login");
            return;
        }
        enqueue(m, s, c);
    }
}

void router_model_input(struct router_model *m, int session, uint64_t now_ms, struct span bytes)
{
    router_model_run(m, now_ms);
    struct rm_session *s = find(m, session);
    if (!s || s->closing || s->state == RM_ORPHAN)
        return;
    s->last_input_ms = m->now_ms;
    if (s->state == RM_DEAD) {
        if (s->reset_when_up && m->now_ms >= m->down_until_ms) {
            s->state = RM_LIVE;
            rm_session_close(s, true);
            router_model_run(m, now_ms);
        }
        return;
    }
    if (s->input.end - s->input.start + bytes.len > RM_INPUT_MAX) {
        rm_session_close(s, true);
    } else {
        rm_buffer_add(&s->input, bytes);
        rm_session_parse(m, s);
    }
    router_model_run(m, now_ms);
}

/* ---- output ---- */

void rm_session_event(struct router_model *m, struct rm_session *s, struct span bytes)
{
    const struct router_model_options *o = &m->options;
    uint64_t due = m->now_ms + rm_between(m, o->listen_delay_min_ms, o->listen_delay_max_ms);
    bool first = o->own_event == ROUTER_MODEL_EVENT_BEFORE ||
                 (o->own_event == ROUTER_MODEL_EVENT_EITHER && prng_below(&m->prng, 2) == 0);
    if (s == m->executing && due == m->now_ms && !s->events && first) {
        rm_buffer_add(&s->output, bytes);
        return;
    }
    struct rm_event *event = rm_alloc(sizeof(*event) + bytes.len);
    event->due_ms = due;
    event->len = bytes.len;
    memcpy(event->bytes, bytes.data, bytes.len);
    s->event_bytes += bytes.len;
    struct rm_event **at = &s->events;
    while (*at)
        at = &(*at)->next;
    *at = event;
}

/* Events wait for the one before them, because their order is that of the changes. */
static void flush(struct router_model *m, struct rm_session *s)
{
    while (s->events && s->events->due_ms <= m->now_ms) {
        struct rm_event *event = s->events;
        s->events = event->next;
        rm_buffer_add(&s->output, span_of(event->bytes, event->len));
        s->event_bytes -= event->len;
        free(event);
    }
    if (s->output.end - s->output.start + s->event_bytes > RM_OUTPUT_MAX) {
        rm_buffer_free(&s->output);
        rm_session_close(s, true);
    }
    while (s->output.end > s->output.start && s->next_output_ms <= m->now_ms && !rm_muted(m)) {
        struct span piece = rm_buffer_span(&s->output);
        uint32_t chunk = m->options.chunk_bytes;
        if (chunk && piece.len > chunk) {
            piece.len = chunk;
            s->next_output_ms = m->now_ms + m->options.chunk_interval_ms;
        }
        m->callbacks.send(m->callbacks.ctx, s->id, piece);
        rm_buffer_take(&s->output, piece.len);
    }
    if (s->closing && s->output.end == s->output.start) {
        s->state = RM_GONE;
        m->callbacks.closed(m->callbacks.ctx, s->id, s->closing_reset);
    }
}

/* ---- running ---- */

static uint64_t command_due_ms(const struct router_model *m, const struct rm_command *c)
{
    if (c->stage == RM_STAGE_LISTENING || c->stage == RM_STAGE_HANGING || c->stage == RM_STAGE_DONE)
        return RM_NEVER;
    bool held = m->mute_until_ms > c->due_ms && !m->mute_executes;
    return held ? m->mute_until_ms : c->due_ms;
}

static struct rm_command *next_command(const struct router_model *m, const struct rm_session *s)
{
    struct rm_command *best = NULL;
    for (struct rm_command *c = s->commands; c; c = c->next) {
        uint64_t due = command_due_ms(m, c);
        if (due == RM_NEVER)
            continue;
        uint64_t other = best ? command_due_ms(m, best) : RM_NEVER;
        if (!best || due < other || (due == other && c->sequence < best->sequence))
            best = c;
    }
    return best;
}

static void sweep_commands(struct rm_session *s)
{
    for (struct rm_command **at = &s->commands; *at;) {
        struct rm_command *c = *at;
        if (c->stage != RM_STAGE_DONE) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        s->running--;
        rm_command_free(c);
    }
}

static bool is_idle(const struct router_model *m, const struct rm_session *s)
{
    return m->options.idle != ROUTER_MODEL_IDLE_KEEP && s->state == RM_LIVE && !s->closing;
}

uint64_t rm_session_next_ms(const struct router_model *m, const struct rm_session *s)
{
    if (s->state == RM_DEAD)
        return RM_NEVER;
    if (ended(s))
        return m->now_ms;
    uint64_t next = RM_NEVER;
    const struct rm_command *c = next_command(m, s);
    if (c)
        next = command_due_ms(m, c);
    if (s->state == RM_ORPHAN)
        return next;
    if (s->output.end > s->output.start) {
        uint64_t at = s->next_output_ms > m->mute_until_ms ? s->next_output_ms : m->mute_until_ms;
        next = at < next ? at : next;
    } else if (s->closing) {
        return m->now_ms;
    }
    if (s->events && s->events->due_ms < next)
        next = s->events->due_ms;
    if (is_idle(m, s) && s->last_input_ms + m->options.idle_ms < next)
        next = s->last_input_ms + m->options.idle_ms;
    return next;
}

void rm_session_run(struct router_model *m, struct rm_session *s)
{
    if (s->state == RM_DEAD || s->state == RM_GONE)
        return;
    for (struct rm_command *c; (c = next_command(m, s)) != NULL && command_due_ms(m, c) <= m->now_ms;) {
        m->executing = s;
        rm_execute(m, s, c);
        m->executing = NULL;
        /* The table must be applied before the peer gets the answer. */
        if (m->nat_changed) {
            m->nat_changed = false;
            if (m->callbacks.nat_changed)
                m->callbacks.nat_changed(m->callbacks.ctx);
        }
        sweep_commands(s);
        rm_session_parse(m, s);
        if (s->state != RM_LIVE)
            break;
        flush(m, s);
        if (s->state == RM_GONE)
            return;
    }
    if (s->state != RM_LIVE)
        return;
    if (is_idle(m, s) && s->last_input_ms + m->options.idle_ms <= m->now_ms) {
        if (m->options.idle == ROUTER_MODEL_IDLE_FORGET) {
            rm_session_die(s, false);
            return;
        }
        rm_session_close(s, false);
    }
    flush(m, s);
}
