#include "core/event.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    UNIT_ACTIONS = 32,
    UNIT_BYTES = 8192,
    LOG_LINE_MAX = LOG_HELD_MAX,
};

bool actions_room(const struct actions *out)
{
    return out->count + UNIT_ACTIONS <= ACTIONS_MAX && out->used + UNIT_BYTES <= ACTION_BYTES_MAX;
}

void actions_clear(struct actions *out, enum log_level log_level)
{
    out->count = 0;
    out->used = 0;
    out->dropped_logs = 0;
    out->log_level = log_level;
    out->log_rates = NULL;
}

uint8_t *actions_bytes(struct actions *out, size_t capacity)
{
    assert(capacity <= ACTION_BYTES_MAX - out->used);
    uint8_t *place = out->bytes + out->used;
    out->used += (unsigned)capacity;
    return place;
}

struct span actions_trim(struct actions *out, uint8_t *place, size_t len)
{
    size_t offset = (size_t)(place - out->bytes);
    assert(offset + len <= out->used);
    out->used = (unsigned)(offset + len);
    return span_of(place, len);
}

void actions_push(struct actions *out, struct action action)
{
    assert(out->count < ACTIONS_MAX);
    out->at[out->count++] = action;
}

void actions_limit_logs(struct actions *out, struct log_rates *rates, uint64_t now_ms)
{
    out->log_rates = rates;
    out->now_ms = now_ms;
}

/* `len` is what vsnprintf returned. */
static void push_line(struct actions *out, struct action line, uint8_t *place, int len, uint32_t left_out)
{
    assert(len >= 0);
    if (left_out > 0 && len < LOG_LINE_MAX)
        len +=
            snprintf((char *)place + len, (size_t)(LOG_LINE_MAX - len), " left_out=%u", (unsigned)left_out);
    line.log.text = actions_trim(out, place, (size_t)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX - 1));
    actions_push(out, line);
}

/* `line` is without its text. */
printf_(4, 0) static void log_line(struct actions *out, struct action line, const char *kind_name,
                                   const char *format, va_list arguments)
{
    if (line.log.level > out->log_level)
        return;
    struct log_kind *kind = NULL;
    if (out->log_rates != NULL && line.log.level < LOG_LEVEL_DEBUG)
        kind = log_rates_kind(out->log_rates, kind_name);
    /* A line never takes the room of an action that the same step still has to make, for instance after the
     * rows of a snapshot. */
    bool room = actions_room(out);
    uint32_t left_out = 0;
    if (kind != NULL && (!room || !log_kind_admits(out->log_rates, kind, out->now_ms, &left_out))) {
        int len = vsnprintf(kind->text, sizeof kind->text, format, arguments);
        log_kind_hold(out->log_rates, kind, line.log.level, line.log.component, len);
        return;
    }
    if (!room) {
        out->dropped_logs++;
        return;
    }
    uint8_t *place = actions_bytes(out, LOG_LINE_MAX);
    push_line(out, line, place, vsnprintf((char *)place, LOG_LINE_MAX, format, arguments), left_out);
}

static struct action new_line(enum log_level level, const char *component)
{
    return (struct action){.type = ACTION_LOG, .log = {.level = level, .component = component}};
}

void actions_log(struct actions *out, enum log_level level, const char *component, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(out, new_line(level, component), format, format, arguments);
    va_end(arguments);
}

void actions_log_state(struct actions *out, enum log_level level, const char *component, const char *format,
                       ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(out, new_line(level, component), component, format, arguments);
    va_end(arguments);
}

void actions_log_held(struct actions *out, uint64_t at_ms)
{
    const struct log_kind *kind;
    uint32_t left_out;
    while (out->log_rates != NULL && actions_room(out) &&
           (kind = log_rates_take(out->log_rates, at_ms, &left_out)) != NULL) {
        uint8_t *place = actions_bytes(out, LOG_LINE_MAX);
        memcpy(place, kind->text, kind->len);
        push_line(out, new_line((enum log_level)kind->level, kind->component), place, kind->len, left_out);
    }
}

void actions_log_failure(struct actions *out, const char *component, const struct failure_text *t)
{
    bool cause = t->cause != NULL;
    bool remedy = t->remedy != NULL;
    actions_log_state(out, t->must_act ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, component,
                      "%s%s%s; retrying%s%s%s", t->state, cause ? ": " : "", cause ? t->cause : "",
                      remedy ? " fix=\"" : "", remedy ? t->remedy : "", remedy ? "\"" : "");
}

struct log_safe log_safe(struct span text)
{
    struct log_safe safe;
    size_t room = sizeof safe.text - sizeof "...";
    size_t len = text.len < room ? text.len : room;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = text.data[i];
        bool plain = byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
        safe.text[i] = plain ? (char)byte : '?';
    }
    safe.text[len] = '\0';
    if (len < text.len)
        memcpy(safe.text + len, "...", sizeof "...");
    return safe;
}

struct address_text address_text(uint32_t address)
{
    struct address_text text;
    int len =
        snprintf(text.text, sizeof text.text, "%u.%u.%u.%u", (unsigned)(address >> 24),
                 (unsigned)(address >> 16 & 255), (unsigned)(address >> 8 & 255), (unsigned)(address & 255));
    assert(len > 0 && (size_t)len < sizeof text.text);
    return text;
}
