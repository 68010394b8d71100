#include "core/event.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    UNIT_ACTIONS = 32,
    UNIT_BYTES = 8192,
    LOG_LINE_MAX = 512,
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

void actions_log(struct actions *out, enum log_level level, const char *component, const char *format, ...)
{
    if (level > out->log_level)
        return;
    /* A line never takes the room of an action that the same step still has to make, for instance after the
     * rows of a snapshot. */
    if (!actions_room(out)) {
        out->dropped_logs++;
        return;
    }
    uint8_t *place = actions_bytes(out, LOG_LINE_MAX);
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf((char *)place, LOG_LINE_MAX, format, arguments);
    va_end(arguments);
    assert(len >= 0);
    if (len >= LOG_LINE_MAX)
        len = LOG_LINE_MAX - 1;
    struct span text = actions_trim(out, place, (size_t)len);
    actions_push(out, (struct action){.type = ACTION_LOG, .log = {level, component, text}});
}

void actions_log_failure(struct actions *out, const char *component, const struct failure_text *t)
{
    bool cause = t->cause != NULL;
    bool remedy = t->remedy != NULL;
    actions_log(out, t->must_act ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, component, "%s%s%s; retrying%s%s%s",
                t->state, cause ? ": " : "", cause ? t->cause : "", remedy ? " fix=\"" : "",
                remedy ? t->remedy : "", remedy ? "\"" : "");
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
