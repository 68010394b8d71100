/* A byte stream from the router. Its first byte is the seed of the split into pieces, and any split gives the
 * same sentences. They are compared with a reader that has the whole stream, and what was read encodes to the
 * same bytes. */

#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "base/prng.h"
#include "wire/routeros.h"

/* ---- the simple reader ---- */

enum plain { PLAIN_WORD, PLAIN_CUT, PLAIN_BAD };

static enum plain plain_word(struct span *rest, struct span *ret_word)
{
    if (rest->len == 0)
        return PLAIN_CUT;
    const uint8_t *b = rest->data;
    size_t form = b[0] < 0x80 ? 1 : b[0] < 0xC0 ? 2 : b[0] < 0xE0 ? 3 : b[0] < 0xF0 ? 4 : b[0] < 0xF8 ? 5 : 0;
    if (form == 0)
        return PLAIN_BAD;
    if (rest->len < form)
        return PLAIN_CUT;
    uint64_t length = form == 5 ? 0 : b[0] & (0xFFu >> form);
    for (size_t i = 1; i < form; i++)
        length = length * 256 + b[i];
    if (rest->len - form < length)
        return PLAIN_CUT;
    *ret_word = span_of(b + form, (size_t)length);
    *rest = span_skip(*rest, form + (size_t)length);
    return PLAIN_WORD;
}

/* The expected result for one sentence. */
struct plain_sentence {
    unsigned words; /* all of them */
    struct span first;
    struct span tag; /* the first one */
};

static enum plain plain_sentence(struct span *rest, struct plain_sentence *ret_sentence)
{
    for (;;) {
        struct span word;
        enum plain result = plain_word(rest, &word);
        if (result != PLAIN_WORD)
            return result;
        if (word.len == 0 && ret_sentence->words > 0)
            return PLAIN_WORD;
        ret_sentence->first = ret_sentence->words == 0 ? word : ret_sentence->first;
        ret_sentence->words += word.len > 0;
        if (ret_sentence->tag.data == NULL && ret_sentence->words > 1 && span_starts(word, ".tag="))
            ret_sentence->tag = word;
    }
}

/* ---- properties ---- */

static void check_stored_words(const struct ros_sentence *sentence, struct span bytes)
{
    unsigned next = sentence->skipped > 0 && sentence->length[0] == 0 ? 1 : 0;
    struct span word;
    while (plain_word(&bytes, &word) == PLAIN_WORD)
        if (word.len > 0 && next < sentence->words && span_equal(word, ros_word(sentence, next)))
            next++;
    assert(next == sentence->words);
}

static void check_sentence(const struct ros_sentence *sentence, const struct plain_sentence *plain)
{
    assert(sentence->words > 0 && sentence->words <= ROUTER_SENTENCE_WORDS_MAX);
    assert(sentence->used <= ROUTER_SENTENCE_MAX);
    unsigned used = 0;
    for (unsigned i = 0; i < sentence->words; i++) {
        assert(sentence->start[i] == used && sentence->length[i] <= ROUTER_WORD_MAX);
        assert(sentence->length[i] > 0 || (i == 0 && sentence->skipped > 0));
        used += sentence->length[i];
    }
    assert(used == sentence->used);
    /* The reply word is at its place or missing. */
    bool first_fits = plain->first.len <= ROUTER_WORD_MAX;
    assert(span_equal(ros_word(sentence, 0), first_fits ? plain->first : span_of(NULL, 0)));
    unsigned placeholder = sentence->length[0] == 0;
    assert(sentence->words - placeholder + sentence->skipped == plain->words);

    bool tag_found = plain->tag.data == NULL || plain->tag.len > 64;
    for (unsigned i = 1; i < sentence->words; i++)
        tag_found = tag_found || span_equal(ros_word(sentence, i), plain->tag);
    assert(tag_found);
}

static void use_sentence(const struct ros_sentence *sentence)
{
    struct span value;
    uint32_t id = 0;
    char response[ROS_RESPONSE_LENGTH];
    (void)ros_classify(ros_message(sentence));
    (void)ros_flag(sentence, "dead");
    if (ros_attribute(sentence, ".id", &value) && ros_parse_id(value, &id)) {
        uint8_t buffer[32];
        struct writer w = writer_of(buffer, sizeof(buffer));
        ros_write_pair_id(&w, "", id);
        struct reader r = reader_of(writer_span(&w));
        uint32_t again = ~id;
        assert(read_bytes(&r, 1).len == 1 && ros_parse_id(r.rest, &again) && again == id);
    }
    if (ros_attribute(sentence, "ret", &value) && ros_login_response(value, value, response))
        assert(response[0] == '0' && response[1] == '0');
}

static void check_encodes(const struct ros_sentence *sentence)
{
    static uint8_t buffer[ROUTER_SENTENCE_MAX + 3 * ROUTER_SENTENCE_WORDS_MAX + 1];
    static struct ros_reader reader;
    if (sentence->skipped > 0)
        return;
    struct writer w = writer_of(buffer, sizeof(buffer));
    for (unsigned i = 0; i < sentence->words; i++)
        ros_write_word(&w, ros_word(sentence, i));
    ros_write_end(&w);
    assert(!w.failed);
    struct span written = writer_span(&w);
    ros_reader_init(&reader);
    assert(ros_reader_next(&reader, &written) == ROS_SENTENCE && written.len == 0);
    assert(reader.sentence.words == sentence->words && reader.sentence.skipped == 0);
    for (unsigned i = 0; i < sentence->words; i++)
        assert(span_equal(ros_word(&reader.sentence, i), ros_word(sentence, i)));
}

/* ---- in pieces ---- */

static struct ros_reader split_reader;

/* Gives pieces to the reader until it returns something other than "more", or the stream ends. */
static enum ros_read next_in_pieces(struct prng *p, uint32_t piece_max, struct span *rest)
{
    enum ros_read result = ROS_NEED_MORE;
    while (result == ROS_NEED_MORE && rest->len > 0) {
        size_t len = prng_below(p, piece_max + 1);
        struct span piece = span_of(rest->data, len < rest->len ? len : rest->len);
        size_t before = piece.len;
        result = ros_reader_next(&split_reader, &piece);
        assert(result != ROS_NEED_MORE || piece.len == 0);
        *rest = span_skip(*rest, before - piece.len);
    }
    return result;
}

static void check_same_sentence(const struct ros_sentence *a, const struct ros_sentence *b)
{
    assert(a->words == b->words && a->skipped == b->skipped && a->used == b->used);
    assert(memcmp(a->start, b->start, a->words * sizeof(a->start[0])) == 0);
    assert(memcmp(a->length, b->length, a->words * sizeof(a->length[0])) == 0);
    assert(memcmp(a->bytes, b->bytes, a->used) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ros_reader reader;
    if (size == 0)
        return 0;
    struct prng p = prng_seeded(data[0]);
    uint32_t piece_max = 1 + data[0] % 32;
    struct span whole = span_of(data + 1, size - 1);
    struct span pieces = whole;
    struct span plainly = whole;
    ros_reader_init(&reader);
    ros_reader_init(&split_reader);
    enum ros_read result;
    do {
        struct span before = whole;
        result = ros_reader_next(&reader, &whole);
        struct plain_sentence plain = {0};
        enum plain expected = plain_sentence(&plainly, &plain);
        assert((result == ROS_SENTENCE) == (expected == PLAIN_WORD));
        assert((result == ROS_BAD_STREAM) == (expected == PLAIN_BAD));
        assert(next_in_pieces(&p, piece_max, &pieces) == result && pieces.len == whole.len);
        if (result == ROS_SENTENCE) {
            assert(whole.len == plainly.len);
            check_same_sentence(&reader.sentence, &split_reader.sentence);
            check_sentence(&reader.sentence, &plain);
            check_stored_words(&reader.sentence, span_of(before.data, before.len - whole.len));
            check_encodes(&reader.sentence);
            use_sentence(&reader.sentence);
        }
    } while (result == ROS_SENTENCE);
    return 0;
}
