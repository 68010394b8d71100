/* Bytes to commands, and replies to bytes. The model does not use the daemon's reader, because both ends
 * would then share its mistakes. */
#include "router_model_internal.h"

#include <assert.h>
#include <stdlib.h>

/* ---- buffers ---- */

void rm_buffer_add(struct rm_buffer *b, struct span bytes)
{
    if (b->start > 0 && b->end + bytes.len > b->capacity) {
        memmove(b->data, b->data + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    if (b->end + bytes.len > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 256;
        while (capacity < b->end + bytes.len)
            capacity *= 2;
        uint8_t *data = realloc(b->data, capacity);
        if (!data)
            abort();
        b->data = data;
        b->capacity = capacity;
    }
    if (bytes.len > 0)
        memcpy(b->data + b->end, bytes.data, bytes.len);
    b->end += bytes.len;
}

void rm_buffer_take(struct rm_buffer *b, size_t count)
{
    assert(count <= b->end - b->start);
    b->start += count;
    if (b->start == b->end)
        b->start = b->end = 0;
}

struct span rm_buffer_span(const struct rm_buffer *b)
{
    return b->end == b->start ? span_of(NULL, 0) : span_of(b->data + b->start, b->end - b->start);
}

void rm_buffer_free(struct rm_buffer *b)
{
    free(b->data);
    *b = (struct rm_buffer){0};
}

/* ---- reading ---- */

enum word_parse {
    WORD_MORE,
    WORD_OK,
    WORD_BAD,
};

static enum word_parse parse_word(struct span *input, struct span *ret_word)
{
    if (input->len == 0)
        return WORD_MORE;
    uint8_t first = input->data[0];
    if (first >= 0xf8)
        return WORD_BAD;
    size_t more = first < 0x80 ? 0 : first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    static const uint8_t mask[] = {0x7f, 0x3f, 0x1f, 0x0f, 0x00};
    if (input->len < 1 + more)
        return WORD_MORE;
    size_t length = first & mask[more];
    for (size_t i = 1; i <= more; i++)
        length = length << 8 | input->data[i];
    if (length > RM_SENTENCE_MAX)
        return WORD_BAD;
    if (input->len < 1 + more + length)
        return WORD_MORE;
    *ret_word = span_of(input->data + 1 + more, length);
    *input = span_skip(*input, 1 + more + length);
    return WORD_OK;
}

enum rm_parse rm_parse_sentence(struct span input, size_t *ret_length, struct rm_command **ret_command)
{
    struct span word[RM_WORDS_MAX];
    unsigned words = 0;
    struct span rest = input;
    for (;;) {
        struct span next;
        enum word_parse parse = parse_word(&rest, &next);
        size_t length = input.len - rest.len;
        if (parse == WORD_BAD || length > RM_SENTENCE_MAX)
            return RM_PARSE_BAD;
        if (parse == WORD_MORE)
            return input.len > RM_SENTENCE_MAX + 8 ? RM_PARSE_BAD : RM_PARSE_MORE;
        if (next.len == 0) {
            *ret_length = length;
            if (words == 0)
                return RM_PARSE_EMPTY;
            *ret_command = rm_command_new(word, words);
            return RM_PARSE_SENTENCE;
        }
        if (words == RM_WORDS_MAX)
            return RM_PARSE_BAD;
        word[words++] = next;
    }
}

/* One block of memory: the command, its words, their bytes. */
struct rm_command *rm_command_new(const struct span *words, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += words[i].len;
    struct rm_command *c = rm_alloc(sizeof(*c) + count * sizeof(struct span) + bytes);
    c->word = (struct span *)(void *)(c + 1);
    c->words = count;
    uint8_t *place = (uint8_t *)(c->word + count);
    for (unsigned i = 0; i < count; i++) {
        if (words[i].len > 0)
            memcpy(place, words[i].data, words[i].len);
        c->word[i] = span_of(place, words[i].len);
        place += words[i].len;
        if (span_starts(c->word[i], ".tag="))
            c->tag = span_skip(c->word[i], strlen(".tag="));
    }
    return c;
}

struct rm_command *rm_command_from_text(const char *text)
{
    struct rm_buffer bytes = {0};
    size_t start[RM_WORDS_MAX];
    unsigned words = 0;
    start[words++] = 0;
    bool quoted = false;
    for (; *text && words < RM_WORDS_MAX; text++) {
        if (!quoted && (*text == ' ' || *text == '\t'))
            continue;
        start[words++] = bytes.end;
        rm_buffer_add(&bytes, span_text("="));
        for (; *text && (quoted || (*text != ' ' && *text != '\t')); text++) {
            if (*text == '"')
                quoted = !quoted;
            else
                rm_buffer_add(&bytes, span_of(text, 1));
        }
        if (!*text)
            break;
    }
    struct span word[RM_WORDS_MAX];
    for (unsigned i = 0; i < words; i++) {
        size_t end = i + 1 < words ? start[i + 1] : bytes.end;
        word[i] = end > start[i] ? span_of(bytes.data + start[i], end - start[i]) : span_of(NULL, 0);
    }
    struct rm_command *c = quoted ? NULL : rm_command_new(word, words);
    rm_buffer_free(&bytes);
    return c;
}

void rm_command_free(struct rm_command *c)
{
    if (c)
        free(c->ids);
    free(c);
}

bool rm_argument(const struct rm_command *c, unsigned i, struct span *ret_name, struct span *ret_value)
{
    struct span word = c->word[i];
    if (i == 0 || word.len == 0 || word.data[0] != '=')
        return false;
    word = span_skip(word, 1);
    const uint8_t *equals = word.len > 0 ? memchr(word.data, '=', word.len) : NULL;
    size_t length = equals ? (size_t)(equals - word.data) : word.len;
    *ret_name = span_of(word.data, length);
    *ret_value = equals ? span_skip(word, length + 1) : span_of(NULL, 0);
    return true;
}

bool rm_find(const struct rm_command *c, const char *name, struct span *ret_value)
{
    for (unsigned i = 1; i < c->words; i++) {
        struct span key;
        struct span value;
        if (rm_argument(c, i, &key, &value) && span_is(key, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool rm_switch(const struct rm_command *c, const char *name)
{
    struct span value;
    return rm_find(c, name, &value) && !span_is(value, "no") && !span_is(value, "false");
}

/* ---- writing ---- */

static void write_length(struct rm_buffer *out, size_t length)
{
    uint8_t b[] = {0xf0, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                   (uint8_t)length};
    size_t count = length < 0x80         ? 1
                   : length < 0x4000     ? 2
                   : length < 0x200000   ? 3
                   : length < 0x10000000 ? 4
                                         : 5;
    static const uint8_t mark[] = {0, 0x00, 0x80, 0xc0, 0xe0, 0xf0};
    b[5 - count] |= mark[count];
    rm_buffer_add(out, span_of(b + 5 - count, count));
}

void rm_word(struct rm_buffer *out, struct span word)
{
    write_length(out, word.len);
    rm_buffer_add(out, word);
}

void rm_pair(struct rm_buffer *out, const char *name, struct span value)
{
    write_length(out, 2 + strlen(name) + value.len);
    rm_buffer_add(out, span_text("="));
    rm_buffer_add(out, span_text(name));
    rm_buffer_add(out, span_text("="));
    rm_buffer_add(out, value);
}

static void write_tag(struct rm_buffer *out, struct span tag)
{
    if (tag.len == 0)
        return;
    write_length(out, strlen(".tag=") + tag.len);
    rm_buffer_add(out, span_text(".tag="));
    rm_buffer_add(out, tag);
}

void rm_begin(const struct router_model *m, struct rm_buffer *out, const char *word, struct span tag)
{
    rm_word(out, span_text(word));
    if (!m->options.tag_last)
        write_tag(out, tag);
}

void rm_end(const struct router_model *m, struct rm_buffer *out, struct span tag)
{
    if (m->options.tag_last)
        write_tag(out, tag);
    write_length(out, 0);
}

void rm_done(struct router_model *m, struct span tag)
{
    rm_begin(m, &m->reply, "!done", tag);
    rm_end(m, &m->reply, tag);
}

void rm_done_with(struct router_model *m, struct span tag, struct span ret)
{
    rm_begin(m, &m->reply, "!done", tag);
    rm_pair(&m->reply, "ret", ret);
    rm_end(m, &m->reply, tag);
}

/* Only the console's own errors carry a category. */
void rm_trap(struct router_model *m, struct span tag, int category, const char *message)
{
    m->counters.traps++;
    rm_begin(m, &m->reply, "!trap", tag);
    if (category != RM_NO_CATEGORY) {
        char digit = (char)('0' + category);
        rm_pair(&m->reply, "category", span_of(&digit, 1));
    }
    rm_pair(&m->reply, "message", span_text(message));
    rm_end(m, &m->reply, tag);
}

void rm_refuse(struct router_model *m, struct span tag)
{
    rm_trap(m, tag, m->error_category, m->error);
    rm_done(m, tag);
}
