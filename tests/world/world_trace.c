#include "world_trace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"

void trace_init(struct trace *t)
{
    memset(t, 0, sizeof(*t));
    t->hash = HASH_START;
    t->who = "";
}

void trace_free(struct trace *t)
{
    free(t->text);
    t->text = NULL;
}

static void keep(struct trace *t, const char *line, size_t len)
{
    if (t->text_len + len + 2 > t->text_capacity) {
        t->text_capacity = (t->text_len + len + 2) * 2;
        t->text = realloc(t->text, t->text_capacity);
        assert(t->text);
    }
    memcpy(t->text + t->text_len, line, len);
    t->text_len += len;
    t->text[t->text_len++] = '\n';
    t->text[t->text_len] = '\0';
}

void trace_line(struct trace *t, uint64_t now_ms, const char *format, ...)
{
    char *line = t->line[t->lines++ % TRACE_LINES];
    size_t len;
    va_list args;

    len = (size_t)snprintf(line, TRACE_LINE_MAX, "%6" PRIu64 ".%03u %s", now_ms / 1000,
                           (unsigned)(now_ms % 1000), t->who);
    va_start(args, format);
    vsnprintf(line + len, TRACE_LINE_MAX - len, format, args);
    va_end(args);
    len = strlen(line);
    t->hash = hash_bytes(hash_bytes(t->hash, span_of(line, len)), span_text("\n"));
    if (t->keep && (!t->only_logs || strstr(line, " log ") || strstr(line, " # ")))
        keep(t, line, len);
    if (t->echo)
        fprintf(t->echo, "%s\n", line);
}

void trace_tail(const struct trace *t, FILE *to)
{
    uint64_t first = t->lines > TRACE_LINES ? t->lines - TRACE_LINES : 0;

    for (uint64_t i = first; i < t->lines; i++)
        fprintf(to, "%s\n", t->line[i % TRACE_LINES]);
}

/* ---- NAT-PMP ---- */

static const char *raw(struct span d, char text[TRACE_LINE_MAX])
{
    size_t len = (size_t)snprintf(text, TRACE_LINE_MAX, "%zu bytes", d.len);

    for (size_t i = 0; i < d.len && i < 24; i++)
        len += (size_t)snprintf(text + len, TRACE_LINE_MAX - len, "%s%02x", i == 0 ? " " : "", d.data[i]);
    if (d.len > 24)
        snprintf(text + len, TRACE_LINE_MAX - len, "...");
    return text;
}

static const char *map_reply(struct span d, char text[TRACE_LINE_MAX])
{
    const char *protocol = d.data[1] == 129 ? "udp" : "tcp";
    unsigned result = get16(d.data + 2);

    if (result != 0)
        snprintf(text, TRACE_LINE_MAX, "error %u %s %u external %u lifetime %" PRIu32 " epoch %" PRIu32,
                 result, protocol, get16(d.data + 8), get16(d.data + 10), get32(d.data + 12),
                 get32(d.data + 4));
    else if (get32(d.data + 12) == 0)
        snprintf(text, TRACE_LINE_MAX, "deleted %s %u external %u epoch %" PRIu32, protocol,
                 get16(d.data + 8), get16(d.data + 10), get32(d.data + 4));
    else
        snprintf(text, TRACE_LINE_MAX, "mapped %s %u external %u lifetime %" PRIu32 " epoch %" PRIu32,
                 protocol, get16(d.data + 8), get16(d.data + 10), get32(d.data + 12), get32(d.data + 4));
    return text;
}

static const char *map_request(struct span d, char text[TRACE_LINE_MAX])
{
    const char *protocol = d.data[1] == 1 ? "udp" : "tcp";

    if (get32(d.data + 8) == 0)
        snprintf(text, TRACE_LINE_MAX, "delete %s %u suggest %u", protocol, get16(d.data + 4),
                 get16(d.data + 6));
    else
        snprintf(text, TRACE_LINE_MAX, "map %s %u suggest %u lifetime %" PRIu32, protocol, get16(d.data + 4),
                 get16(d.data + 6), get32(d.data + 8));
    return text;
}

const char *trace_natpmp(struct span d, char text[TRACE_LINE_MAX])
{
    if (d.len < 2 || d.data[0] != 0)
        return raw(d, text);
    if (d.data[1] == 0 && d.len == 2) {
        snprintf(text, TRACE_LINE_MAX, "address?");
    } else if (d.data[1] == 128 && d.len == 12) {
        snprintf(text, TRACE_LINE_MAX, "address %u.%u.%u.%u result %u epoch %" PRIu32, d.data[8], d.data[9],
                 d.data[10], d.data[11], get16(d.data + 2), get32(d.data + 4));
    } else if ((d.data[1] == 129 || d.data[1] == 130) && d.len == 16) {
        map_reply(d, text);
    } else if ((d.data[1] == 1 || d.data[1] == 2) && d.len == 12 && get16(d.data + 2) == 0) {
        map_request(d, text);
    } else if (d.data[1] == 128 && d.len == 8) {
        snprintf(text, TRACE_LINE_MAX, "error %u epoch %" PRIu32, get16(d.data + 2), get32(d.data + 4));
    } else {
        raw(d, text);
    }
    return text;
}

/* ---- RouterOS sentences ---- */

/* The length at the beginning of `bytes`. False: not all of it has arrived. */
static bool word_length(struct span bytes, size_t *ret_header, size_t *ret_length)
{
    static const uint8_t masks[] = {0x7f, 0x3f, 0x1f, 0x0f, 0x00};
    size_t header = 1;
    size_t length;

    if (bytes.len == 0)
        return false;
    while (header < 5 && bytes.data[0] & (0x80u >> (header - 1)))
        header++;
    if (bytes.len < header)
        return false;
    length = bytes.data[0] & masks[header - 1];
    for (size_t i = 1; i < header; i++)
        length = length << 8 | bytes.data[i];
    *ret_header = header;
    *ret_length = length;
    return true;
}

static void add_word(char text[TRACE_LINE_MAX], size_t *len, struct span word)
{
    if (span_starts(word, ".tag="))
        return;
    if (span_starts(word, "=password=") || span_starts(word, "=response="))
        word = span_text(span_starts(word, "=password=") ? "=password=***" : "=response=***");
    if (*len > 0 && *len + 1 < TRACE_LINE_MAX)
        text[(*len)++] = ' ';
    for (size_t i = 0; i < word.len && *len + 1 < TRACE_LINE_MAX; i++)
        text[(*len)++] = word.data[i] >= ' ' && word.data[i] < 127 ? (char)word.data[i] : '?';
    text[*len] = '\0';
}

/* Bytes of a complete sentence at the beginning of the stream. 0: it is not complete. */
static size_t take_sentence(struct span bytes, char text[TRACE_LINE_MAX])
{
    size_t used = 0;
    size_t len = 0;
    size_t header;
    size_t length;

    text[0] = '\0';
    while (word_length(span_skip(bytes, used), &header, &length)) {
        if (bytes.len - used - header < length)
            return 0;
        if (length == 0)
            return used + header;
        add_word(text, &len, span_of(bytes.data + used + header, length));
        used += header + length;
    }
    return 0;
}

void trace_sentences(struct trace_stream *stream, struct span bytes, void *context,
                     void (*line)(void *context, const char *text))
{
    char text[TRACE_LINE_MAX];

    while (bytes.len > 0 && !stream->lost) {
        size_t room = sizeof(stream->bytes) - stream->len;
        size_t take = bytes.len < room ? bytes.len : room;
        size_t used;

        memcpy(stream->bytes + stream->len, bytes.data, take);
        stream->len += take;
        bytes = span_skip(bytes, take);
        while ((used = take_sentence(span_of(stream->bytes, stream->len), text)) > 0) {
            if (text[0] != '\0')
                line(context, text);
            stream->len -= used;
            memmove(stream->bytes, stream->bytes + used, stream->len);
        }
        if (stream->len == sizeof(stream->bytes)) {
            stream->lost = true;
            line(context, "(more than fits here)");
        }
    }
}
