/* What must never be logged or sent, and how often a line may be logged. */
#include <string.h>

#include "world.h"
#include "hash.h"

static bool holds(struct span bytes, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; len > 0 && i + len <= bytes.len; i++) {
        if (memcmp(bytes.data + i, text, len) == 0)
            return true;
    }
    return false;
}

void inv_check_secrets(struct world *w, const char *where, struct span bytes)
{
    if (holds(bytes, w->options.config.password))
        world_fail(w, "the password is in %s", where);
    /* The foreign rules of the models have this word in each comment. */
    if (holds(bytes, FOREIGN_COMMENT))
        world_fail(w, "a foreign comment is in %s", where);
}

/* The text up to the first key=value. */
static uint64_t kind_of(struct span text)
{
    size_t end = text.len;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ' ')
            end = i;
        if (text.data[i] == '=')
            break;
        if (i + 1 == text.len)
            end = text.len;
    }
    return hash_bytes(HASH_START, span_of(text.data, end));
}

static struct inv_log_kind *find_kind(struct world *w, uint64_t hash)
{
    struct invariants *v = &w->invariants;

    for (unsigned i = 0; i < v->log_kinds; i++) {
        if (v->log_kind[i].hash == hash)
            return &v->log_kind[i];
    }
    if (v->log_kinds == INV_LOG_KINDS)
        world_fail(w, "more than %u kinds of log lines", INV_LOG_KINDS);
    v->log_kind[v->log_kinds] = (struct inv_log_kind){.hash = hash};
    return &v->log_kind[v->log_kinds++];
}

static void check_rate(struct world *w, struct span text)
{
    struct inv_log_kind *kind = find_kind(w, kind_of(text) ^ w->process); /* each process has its own rate */
    uint64_t *oldest_ms = &kind->at_ms[kind->lines % INV_LOG_LINES];

    if (kind->lines++ >= INV_LOG_LINES && w->now_ms < *oldest_ms + 60000)
        world_fail(w, "more than %u log lines of one kind in a minute", INV_LOG_LINES);
    *oldest_ms = w->now_ms;
}

/* The last line of a stop may say that nothing is left only if that is so. Of the rules of the daemon for
 * which it stands by it knows nothing. */
static void check_the_end(struct world *w, struct span text)
{
    bool excused = !w->book.own.serves || w->other.proxy || w->now_ms <= w->invariants.hand_known_ms;
    bool empty = span_starts(text, "stopped; nothing is left");

    if (empty && w->invariants.rule_count > 0 && !excused)
        world_fail(w, "%u rules are left", w->invariants.rule_count);
    if (empty && proxy_status(w->proxy, w->now_ms).standing_by)
        world_fail(w, "the rules of another daemon are left");
}

void inv_log(struct world *w, enum log_level level, struct span text)
{
    check_the_end(w, text);
    if (level < LOG_LEVEL_DEBUG)
        check_rate(w, text);
    inv_check_secrets(w, "a log line", text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            world_fail(w, "byte %02x in a log line", text.data[i]);
    }
}
