#include "wire/routeros.h"

#include <assert.h>

enum {
    STATE_WORD_BEGIN,  /* the first byte of a length is next */
    STATE_WORD_LENGTH, /* more bytes of the length */
    STATE_WORD_BYTES,
    STATE_BAD,
};

/* Room that only the tag may use. A reply without its tag would belong to no command, and the command would
 * never end. */
enum {
    TAG_WORDS = 1,
    TAG_BYTES = 64,
};
static const char tag_prefix[] = ".tag=";

/* ---- reading ---- */

static void begin_sentence(struct ros_reader *reader)
{
    reader->sentence.words = 0;
    reader->sentence.skipped = 0;
    reader->sentence.used = 0;
    reader->ended = false;
}

void ros_reader_init(struct ros_reader *reader)
{
    *reader = (struct ros_reader){.state = STATE_WORD_BEGIN};
}

static bool has_room(const struct ros_sentence *sentence, size_t length)
{
    return sentence->words < ROUTER_SENTENCE_WORDS_MAX &&
           length <= ROUTER_SENTENCE_MAX - (size_t)sentence->used;
}

static bool has_common_room(const struct ros_sentence *sentence, size_t length)
{
    return sentence->words < ROUTER_SENTENCE_WORDS_MAX - TAG_WORDS &&
           length + TAG_BYTES <= ROUTER_SENTENCE_MAX - (size_t)sentence->used;
}

static void store_word(struct ros_sentence *sentence, size_t length)
{
    sentence->start[sentence->words] = sentence->used;
    sentence->length[sentence->words] = (uint16_t)length;
    sentence->words++;
    sentence->used = (uint16_t)(sentence->used + length);
}

static void skip_word(struct ros_sentence *sentence)
{
    if (sentence->skipped < UINT32_MAX)
        sentence->skipped++;
    /* Without it the next word would be taken for the reply word. */
    if (sentence->words == 0)
        store_word(sentence, 0);
}

/* To be called when the length of a word is known. True if it ends a sentence that is not empty. */
static bool begin_word(struct ros_reader *reader)
{
    const struct ros_sentence *sentence = &reader->sentence;
    if (reader->word_length == 0) {
        reader->state = STATE_WORD_BEGIN;
        reader->ended = sentence->words > 0;
        return reader->ended;
    }
    /* A tag has more room than other words have; end_word() sees whether this word is one. */
    reader->storing = reader->word_length <= ROUTER_WORD_MAX && has_room(sentence, reader->word_length);
    reader->word_left = reader->word_length;
    reader->state = STATE_WORD_BYTES;
    return false;
}

static void end_word(struct ros_reader *reader)
{
    struct ros_sentence *sentence = &reader->sentence;
    struct span word = span_of(sentence->bytes + sentence->used, reader->word_length);
    bool keep =
        reader->storing && (has_common_room(sentence, reader->word_length) || span_starts(word, tag_prefix));
    if (keep)
        store_word(sentence, reader->word_length);
    else
        skip_word(sentence);
    reader->state = STATE_WORD_BEGIN;
}

static void take_word_bytes(struct ros_reader *reader, struct span *input)
{
    struct ros_sentence *sentence = &reader->sentence;
    size_t count = input->len < reader->word_left ? input->len : reader->word_left;
    if (reader->storing) {
        size_t done = reader->word_length - reader->word_left;
        memcpy(sentence->bytes + sentence->used + done, input->data, count);
    }
    *input = span_skip(*input, count);
    reader->word_left -= (uint32_t)count;
    if (reader->word_left == 0)
        end_word(reader);
}

/* As many length bytes follow the first one as it has one bits at its front. */
static void begin_length(struct ros_reader *reader, uint8_t first)
{
    static const struct {
        uint8_t below;
        uint8_t value_mask;
        uint8_t bytes_left;
    } forms[] = {
        {0x80, 0x7F, 0},
        {0xC0, 0x3F, 1},
        {0xE0, 0x1F, 2},
        {0xF0, 0x0F, 3},
        /* RouterOS sends 0xF0. The low three bits are not part of the number: the manual's own example masks
         * them out. */
        {0xF8, 0x00, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (first < forms[i].below) {
            reader->word_length = first & forms[i].value_mask;
            reader->length_bytes_left = forms[i].bytes_left;
            reader->state = STATE_WORD_LENGTH;
            return;
        }
    }
    reader->state = STATE_BAD;
}

/* True if this byte ended a sentence. */
static bool take_length_byte(struct ros_reader *reader, struct span *input)
{
    uint8_t byte = input->data[0];
    *input = span_skip(*input, 1);
    if (reader->state == STATE_WORD_BEGIN) {
        begin_length(reader, byte);
    } else {
        reader->word_length = reader->word_length << 8 | byte;
        reader->length_bytes_left--;
    }
    return reader->state == STATE_WORD_LENGTH && reader->length_bytes_left == 0 && begin_word(reader);
}

enum ros_read ros_reader_next(struct ros_reader *reader, struct span *input)
{
    if (reader->ended)
        begin_sentence(reader);
    while (reader->state != STATE_BAD && input->len > 0) {
        if (reader->state == STATE_WORD_BYTES) {
            take_word_bytes(reader, input);
        } else if (take_length_byte(reader, input)) {
            return ROS_SENTENCE;
        }
    }
    return reader->state == STATE_BAD ? ROS_BAD_STREAM : ROS_NEED_MORE;
}

/* ---- sentences ---- */

struct span ros_word(const struct ros_sentence *sentence, unsigned index)
{
    if (index >= sentence->words)
        return span_of(NULL, 0);
    return span_of(sentence->bytes + sentence->start[index], sentence->length[index]);
}

bool ros_is(const struct ros_sentence *sentence, const char *word)
{
    return span_is(ros_word(sentence, 0), word);
}

bool ros_attribute(const struct ros_sentence *sentence, const char *name, struct span *ret_value)
{
    size_t len = strlen(name);
    for (unsigned i = sentence->words; i > 1; i--) {
        const uint8_t *word = sentence->bytes + sentence->start[i - 1];
        size_t length = sentence->length[i - 1];
        /* "=.id=*1" is an attribute, ".tag=1" an API word. */
        size_t begin = length > 0 && word[0] == '=';
        size_t sign = begin + len;
        /* Each row is searched for dozens of names, and few words have the second sign at the right place. So
         * this test comes before the comparison. */
        if (length <= sign || word[sign] != '=' || (begin == 0 && name[0] != '.'))
            continue;
        if (memcmp(word + begin, name, len) == 0) {
            *ret_value = span_of(word + sign + 1, length - sign - 1);
            return true;
        }
    }
    return false;
}

struct span ros_message(const struct ros_sentence *sentence)
{
    struct span message;
    if (ros_attribute(sentence, "message", &message))
        return message;
    /* "!fatal" has its reason in a word without a name. */
    for (unsigned i = 1; i < sentence->words; i++) {
        struct span word = ros_word(sentence, i);
        if (!span_starts(word, "=") && !span_starts(word, tag_prefix))
            return word;
    }
    return span_of(NULL, 0);
}

bool ros_flag(const struct ros_sentence *sentence, const char *name)
{
    struct span value;
    return ros_attribute(sentence, name, &value) && (span_is(value, "true") || span_is(value, "yes"));
}

bool ros_parse_id(struct span text, uint32_t *ret_id)
{
    if (text.len < 2 || text.data[0] != '*')
        return false;
    uint32_t id = 0;
    for (size_t i = 1; i < text.len; i++) {
        int digit = hex_value(text.data[i]);
        if (digit < 0 || id > UINT32_MAX >> 4)
            return false;
        id = id << 4 | (uint32_t)digit;
    }
    *ret_id = id;
    return true;
}

/* ---- writing ---- */

static void write_length(struct writer *w, size_t len)
{
    assert(len <= UINT32_MAX);
    uint32_t value = (uint32_t)len;
    if (value < 0x80) {
        write_u8(w, (uint8_t)value);
    } else if (value < 0x4000) {
        write_u16(w, (uint16_t)(value | 0x8000));
    } else if (value < 0x200000) {
        write_u8(w, (uint8_t)(value >> 16 | 0xC0));
        write_u16(w, (uint16_t)value);
    } else if (value < 0x10000000) {
        write_u32(w, value | 0xE0000000);
    } else {
        write_u8(w, 0xF0);
        write_u32(w, value);
    }
}

void ros_write_word(struct writer *w, struct span word)
{
    assert(word.len > 0);
    write_length(w, word.len);
    write_bytes(w, word);
}

void ros_write_pair(struct writer *w, const char *prefix, struct span value)
{
    write_length(w, strlen(prefix) + value.len);
    write_text(w, prefix);
    write_bytes(w, value);
}

void ros_write_pair_text(struct writer *w, const char *prefix, const char *value)
{
    ros_write_pair(w, prefix, span_text(value));
}

void ros_write_pair_decimal(struct writer *w, const char *prefix, uint64_t value)
{
    uint8_t buffer[20];
    struct writer digits = writer_of(buffer, sizeof(buffer));
    write_decimal(&digits, value);
    ros_write_pair(w, prefix, writer_span(&digits));
}

void ros_write_pair_id(struct writer *w, const char *prefix, uint32_t id)
{
    uint8_t buffer[9];
    size_t first = sizeof(buffer);
    do {
        buffer[--first] = (uint8_t) "0123456789ABCDEF"[id & 0xF];
        id >>= 4;
    } while (id > 0);
    buffer[--first] = '*';
    ros_write_pair(w, prefix, span_of(buffer + first, sizeof(buffer) - first));
}

void ros_write_end(struct writer *w)
{
    write_u8(w, 0);
}

/* ---- errors ---- */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

/* `part` is in lower case. */
static bool contains(struct span text, const char *part)
{
    size_t len = strlen(part);
    for (size_t at = 0; at + len <= text.len; at++) {
        size_t same = 0;
        while (same < len && lower(text.data[at + same]) == (uint8_t)part[same])
            same++;
        if (same == len)
            return true;
    }
    return false;
}

enum ros_error ros_classify(struct span message)
{
    /* The text around these parts, and numbers in brackets, differ between versions of RouterOS. */
    static const struct {
        const char *part;
        enum ros_error error;
    } texts[] = {
        {"invalid user name or password", ROS_ERROR_LOGIN},
        {"cannot log in", ROS_ERROR_LOGIN},
        {"not logged in", ROS_ERROR_LOGIN},
        {"could not authenticate", ROS_ERROR_LOGIN}, /* RADIUS */
        {"not enough permissions", ROS_ERROR_PERMISSION},
        {"no such item", ROS_ERROR_NO_SUCH_ITEM},
        {"no such command", ROS_ERROR_NO_COMMAND},
        {"input does not match any value of", ROS_ERROR_INPUT},
        {"unknown parameter", ROS_ERROR_UNKNOWN_PARAMETER},
        {"interrupted", ROS_ERROR_INTERRUPTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (contains(message, texts[i].part))
            return texts[i].error;
    return ROS_ERROR_OTHER;
}
