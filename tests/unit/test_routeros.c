#include "unit.h"

#include "wire/routeros.h"

static struct ros_reader reader;
static uint8_t stream[64 * 1024];
static struct writer out;

static int start(void **state)
{
    (void)state;
    memset(&reader, 0xA5, sizeof(reader));
    ros_reader_init(&reader);
    out = writer_of(stream, sizeof(stream));
    return 0;
}

static void put(const char *word)
{
    ros_write_word(&out, span_text(word));
}

/* Reads one sentence, which must be the whole input. */
static void read_one(struct span input)
{
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    assert_int_equal(input.len, 0);
}

static void read_written(void)
{
    assert_false(out.failed);
    read_one(writer_span(&out));
}

static void check_word(unsigned index, const char *text)
{
    assert_span_text(ros_word(&reader.sentence, index), text);
}

/* ---- lengths ---- */

static const struct {
    uint32_t length;
    const char *bytes;
    size_t len;
} minimal_lengths[] = {
    {0x01, "\x01", 1},
    {0x7F, "\x7F", 1},
    {0x80, "\x80\x80", 2},
    {0x100, "\x81\x00", 2},
    {0x3FFF, "\xBF\xFF", 2},
    {0x4000, "\xC0\x40\x00", 3},
    {0x1FFFFF, "\xDF\xFF\xFF", 3},
    {0x200000, "\xE0\x20\x00\x00", 4},
    {0x0FFFFFFF, "\xEF\xFF\xFF\xFF", 4},
    {0x10000080, "\xF0\x10\x00\x00\x80", 5},
    {0xFFFFFFFF, "\xF0\xFF\xFF\xFF\xFF", 5},
};

static void test_lengths_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(minimal_lengths); i++) {
        start(state);
        struct span input = span_of(minimal_lengths[i].bytes, minimal_lengths[i].len);
        assert_int_equal(ros_reader_next(&reader, &input), ROS_NEED_MORE);
        assert_int_equal(reader.word_left, minimal_lengths[i].length);
    }
}

static void test_lengths_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(minimal_lengths); i++) {
        /* Only the length arrives: the buffer of the word is never touched. */
        uint8_t buffer[5];
        struct writer w = writer_of(buffer, minimal_lengths[i].len);
        ros_write_word(&w, span_of(stream, minimal_lengths[i].length));
        assert_true(w.failed);
        assert_span_equal(span_of(buffer, w.len), span_of(minimal_lengths[i].bytes, minimal_lengths[i].len));
    }
}

static void test_longer_forms_than_needed_are_read(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"\x80\x03!re", 5},
        {"\xC0\x00\x03!re", 6},
        {"\xE0\x00\x00\x03!re", 7},
        {"\xF0\x00\x00\x00\x03!re", 8},
        {"\xF1\x00\x00\x00\x03!re", 8},
        {"\xF7\x00\x00\x00\x03!re", 8},
    };
    static const struct {
        const char *bytes;
        size_t len;
    } ends[] = {{"", 1}, {"\x80", 2}, {"\xC0\0", 3}, {"\xE0\0\0", 4}, {"\xF0\0\0\0", 5}, {"\xF5\0\0\0", 5}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < ARRAY_LEN(ends); j++) {
            start(state);
            write_bytes(&out, span_of(rows[i].bytes, rows[i].len));
            write_bytes(&out, span_of(ends[j].bytes, ends[j].len));
            read_written();
            assert_int_equal(reader.sentence.words, 1);
            check_word(0, "!re");
        }
    }
}

static void test_control_bytes_end_the_stream(void **state)
{
    for (unsigned byte = 0xF8; byte <= 0xFF; byte++) {
        start(state);
        const uint8_t bytes[] = {3, '!', 'r', 'e', (uint8_t)byte, 0, 0, 0, 0, 0};
        struct span input = span_of(bytes, sizeof(bytes));
        assert_int_equal(ros_reader_next(&reader, &input), ROS_BAD_STREAM);
        /* The error is permanent, also without further input. */
        assert_int_equal(ros_reader_next(&reader, &input), ROS_BAD_STREAM);
        struct span none = span_of(NULL, 0);
        assert_int_equal(ros_reader_next(&reader, &none), ROS_BAD_STREAM);
    }
}

/* ---- sentences ---- */

static void test_sentences_one_behind_the_other(void **state)
{
    (void)state;
    struct span input = BYTES("\0\0\3!re\4.tag\0\0\5!done\0\0\3!re");
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    assert_int_equal(reader.sentence.words, 2);
    check_word(0, "!re");
    check_word(1, ".tag");
    check_word(2, "");
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    assert_int_equal(reader.sentence.words, 1);
    assert_true(ros_is(&reader.sentence, "!done"));
    assert_false(ros_is(&reader.sentence, "!don"));
    assert_int_equal(ros_reader_next(&reader, &input), ROS_NEED_MORE);
    assert_int_equal(input.len, 0);
    input = BYTES("\0");
    read_one(input);
    assert_true(ros_is(&reader.sentence, "!re"));
}

static void test_one_byte_at_a_time(void **state)
{
    (void)state;
    put("!re");
    put("=comment=a\nb");
    ros_write_pair(&out, "=name=", BYTES("\0\xFF=\r"));
    put(".tag=17");
    ros_write_end(&out);
    struct span all = writer_span(&out);
    for (size_t i = 0; i < all.len; i++) {
        /* A buffer of its own, so that the sanitizer sees a read past its end. */
        uint8_t byte[1] = {all.data[i]};
        struct span input = span_of(byte, 1);
        assert_int_equal(ros_reader_next(&reader, &input), i + 1 == all.len ? ROS_SENTENCE : ROS_NEED_MORE);
    }
    struct span value;
    assert_true(ros_attribute(&reader.sentence, "name", &value));
    assert_span_equal(value, BYTES("\0\xFF=\r"));
    assert_true(ros_attribute(&reader.sentence, ".tag", &value));
    assert_span_text(value, "17");
}

static void test_word_of_256_bytes(void **state)
{
    (void)state;
    uint8_t word[256];
    memset(word, 'x', sizeof(word));
    put("!re");
    ros_write_word(&out, span_of(word, sizeof(word)));
    ros_write_end(&out);
    read_written();
    assert_span_equal(ros_word(&reader.sentence, 1), span_of(word, sizeof(word)));
}

/* ---- what does not fit ---- */

static void put_long(size_t length)
{
    static uint8_t word[ROUTER_WORD_MAX + 1];
    memset(word, 'y', sizeof(word));
    assert_true(length <= sizeof(word));
    ros_write_word(&out, span_of(word, length));
}

static void test_long_word_is_skipped(void **state)
{
    (void)state;
    put("!re");
    put_long(ROUTER_WORD_MAX);
    put_long(ROUTER_WORD_MAX + 1);
    put(".tag=3");
    ros_write_end(&out);
    read_written();
    assert_int_equal(reader.sentence.words, 3);
    assert_int_equal(reader.sentence.skipped, 1);
    assert_int_equal(ros_word(&reader.sentence, 1).len, ROUTER_WORD_MAX);
    check_word(2, ".tag=3");
}

static void test_huge_word_is_skipped(void **state)
{
    (void)state;
    struct span input = BYTES("\3!re\xF0\x10\x00\x00\x00");
    assert_int_equal(ros_reader_next(&reader, &input), ROS_NEED_MORE);
    memset(stream, 0xFF, sizeof(stream));
    for (uint32_t left = 0x10000000; left > 0; left -= (uint32_t)sizeof(stream)) {
        input = span_of(stream, sizeof(stream));
        assert_int_equal(ros_reader_next(&reader, &input), ROS_NEED_MORE);
    }
    read_one(BYTES("\6.tag=9\0"));
    assert_int_equal(reader.sentence.skipped, 1);
    check_word(1, ".tag=9");
}

static void test_skipped_reply_word_leaves_its_place(void **state)
{
    (void)state;
    put_long(ROUTER_WORD_MAX + 1);
    put("!done");
    ros_write_end(&out);
    read_written();
    assert_int_equal(reader.sentence.skipped, 1);
    assert_false(ros_is(&reader.sentence, "!done"));
    check_word(0, "");
    check_word(1, "!done");

    /* The next sentence is not affected. */
    read_one(BYTES("\5!done\0"));
    assert_int_equal(reader.sentence.skipped, 0);
    assert_int_equal(reader.sentence.words, 1);
    assert_true(ros_is(&reader.sentence, "!done"));
}

static void test_tag_finds_room_behind_many_words(void **state)
{
    (void)state;
    put("!re");
    for (unsigned i = 0; i < 100; i++)
        put("=a=1");
    put(".tag=12345");
    put("=b=2");
    put(".tag=6");
    ros_write_end(&out);
    read_written();
    assert_int_equal(reader.sentence.words, ROUTER_SENTENCE_WORDS_MAX);
    assert_int_equal(reader.sentence.words + reader.sentence.skipped, 104);
    struct span value;
    assert_true(ros_attribute(&reader.sentence, ".tag", &value));
    assert_span_text(value, "12345");
    assert_false(ros_attribute(&reader.sentence, "b", &value));
}

static void test_tag_finds_room_behind_many_bytes(void **state)
{
    (void)state;
    char tag[65];
    memset(tag, 't', sizeof(tag) - 1);
    memcpy(tag, ".tag=", 5);
    tag[64] = '\0';
    put("!re");
    for (unsigned i = 0; i < 10; i++) {
        put_long(ROUTER_WORD_MAX - 7);
        put("=small=but more than nothing");
    }
    put("=x=1");
    put(tag);
    ros_write_end(&out);
    read_written();
    assert_true(reader.sentence.skipped > 0);
    assert_true(reader.sentence.used <= ROUTER_SENTENCE_MAX);
    struct span value;
    assert_true(ros_attribute(&reader.sentence, ".tag", &value));
    assert_span_text(value, tag + 5);
}

static void test_last_byte_is_used(void **state)
{
    (void)state;
    /* Three long words, a shorter one, and 64 bytes: the last 64 are the tag's. */
    put_long(ROUTER_WORD_MAX);
    put_long(ROUTER_WORD_MAX);
    put_long(ROUTER_WORD_MAX);
    put_long(ROUTER_SENTENCE_MAX - 3 * ROUTER_WORD_MAX - 64);
    put("=x=1");
    put(".tag=45678901234567890123456789012345678901234567890123456789012");
    put(".tag=1");
    ros_write_end(&out);
    read_written();
    assert_int_equal(reader.sentence.used, ROUTER_SENTENCE_MAX);
    assert_int_equal(reader.sentence.words, 5);
    assert_int_equal(reader.sentence.skipped, 2);
}

static void test_each_sentence_has_all_the_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        put("!re");
        put_long(1000);
        put_long(1000);
        put("=last=1");
        ros_write_end(&out);
    }
    struct span input = writer_span(&out);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
        assert_int_equal(reader.sentence.skipped, 0);
        assert_int_equal(reader.sentence.words, 4);
        check_word(3, "=last=1");
    }
    assert_int_equal(input.len, 0);
}

/* ---- meaning ---- */

static void test_attributes(void **state)
{
    (void)state;
    put("!re");
    put(".tag=10");
    put("=.id=*A");
    put("=dst-port=80,443");
    put("=comment=a=b=c");
    put("=empty=");
    put("bare=1");
    put("=switch");
    put("=dst=1");
    put("=dst=2");
    ros_write_end(&out);
    read_written();
    const struct ros_sentence *sentence = &reader.sentence;
    struct span value;
    assert_true(ros_attribute(sentence, ".tag", &value));
    assert_span_text(value, "10");
    assert_true(ros_attribute(sentence, ".id", &value));
    assert_span_text(value, "*A");
    assert_true(ros_attribute(sentence, "dst-port", &value));
    assert_span_text(value, "80,443");
    assert_true(ros_attribute(sentence, "comment", &value));
    assert_span_text(value, "a=b=c");
    assert_true(ros_attribute(sentence, "empty", &value));
    assert_int_equal(value.len, 0);
    assert_true(ros_attribute(sentence, "dst", &value));
    assert_span_text(value, "2");
    value = span_text("untouched");
    assert_false(ros_attribute(sentence, "switch", &value));
    assert_false(ros_attribute(sentence, "dst-", &value));
    assert_false(ros_attribute(sentence, "tag", &value));
    assert_false(ros_attribute(sentence, "bare", &value));
    assert_false(ros_attribute(sentence, "a", &value));
    assert_span_text(value, "untouched");
}

static void test_reply_word_is_no_attribute(void **state)
{
    (void)state;
    put("=ret=1");
    put("=x=1");
    ros_write_end(&out);
    read_written();
    struct span value;
    assert_false(ros_attribute(&reader.sentence, "ret", &value));
    assert_true(ros_attribute(&reader.sentence, "x", &value));
}

static void test_messages(void **state)
{
    static const struct {
        const char *words[4];
        const char *message;
    } rows[] = {
        {{"!trap", ".tag=1", "=category=0", "=message=no such item (4)"}, "no such item (4)"},
        {{"!fatal", "session terminated on request"}, "session terminated on request"},
        {{"!fatal", ".tag=1", "not logged in"}, "not logged in"},
        {{"!fatal", "=message=too many"}, "too many"},
        {{"!fatal", "bare", "=message=named"}, "named"},
        {{"!trap", ".tag=5", "=category=2"}, ""},
        {{"!fatal"}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start(state);
        for (size_t j = 0; j < ARRAY_LEN(rows[i].words) && rows[i].words[j] != NULL; j++)
            put(rows[i].words[j]);
        ros_write_end(&out);
        read_written();
        assert_span_text(ros_message(&reader.sentence), rows[i].message);
    }
}

static void test_flags(void **state)
{
    (void)state;
    put("!re");
    put("=a=true");
    put("=b=yes");
    put("=c=false");
    put("=d=no");
    put("=e=");
    put("=f=truethy");
    ros_write_end(&out);
    read_written();
    assert_true(ros_flag(&reader.sentence, "a"));
    assert_true(ros_flag(&reader.sentence, "b"));
    assert_false(ros_flag(&reader.sentence, "c"));
    assert_false(ros_flag(&reader.sentence, "d"));
    assert_false(ros_flag(&reader.sentence, "e"));
    assert_false(ros_flag(&reader.sentence, "f"));
    assert_false(ros_flag(&reader.sentence, "g"));
}

/* ---- writing ---- */

static void test_written_commands(void **state)
{
    (void)state;
    put("/ip/firewall/nat/set");
    ros_write_pair_id(&out, "=.id=", 0x1A);
    ros_write_pair_text(&out, "=in-interface=", "wg1");
    ros_write_pair_decimal(&out, "=dst-port=", 65535);
    ros_write_pair(&out, "=comment=", span_of(NULL, 0));
    ros_write_pair_decimal(&out, ".tag=", 0);
    ros_write_end(&out);
    assert_span_equal(writer_span(&out), BYTES("\x14/ip/firewall/nat/set\x08=.id=*1A\x11=in-interface=wg1"
                                               "\x0F=dst-port=65535\x09=comment=\x06.tag=0\0"));
}

static void test_written_ids_are_read(void **state)
{
    (void)state;
    static const uint32_t ids[] = {0, 1, 0xF, 0x10, 0x1A, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        start(state);
        put("!re");
        ros_write_pair_id(&out, "=.id=", ids[i]);
        ros_write_end(&out);
        read_written();
        struct span value;
        uint32_t id;
        assert_true(ros_attribute(&reader.sentence, ".id", &value));
        assert_true(ros_parse_id(value, &id));
        assert_true(id == ids[i]);
    }
}

UNIT(routeros)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_are_read),
        cmocka_unit_test(test_lengths_are_written),
        cmocka_unit_test(test_longer_forms_than_needed_are_read),
        cmocka_unit_test(test_control_bytes_end_the_stream),
        cmocka_unit_test_setup(test_sentences_one_behind_the_other, start),
        cmocka_unit_test_setup(test_one_byte_at_a_time, start),
        cmocka_unit_test_setup(test_word_of_256_bytes, start),
        cmocka_unit_test_setup(test_long_word_is_skipped, start),
        cmocka_unit_test_setup(test_huge_word_is_skipped, start),
        cmocka_unit_test_setup(test_skipped_reply_word_leaves_its_place, start),
        cmocka_unit_test_setup(test_tag_finds_room_behind_many_words, start),
        cmocka_unit_test_setup(test_tag_finds_room_behind_many_bytes, start),
        cmocka_unit_test_setup(test_last_byte_is_used, start),
        cmocka_unit_test_setup(test_each_sentence_has_all_the_room, start),
        cmocka_unit_test_setup(test_attributes, start),
        cmocka_unit_test_setup(test_reply_word_is_no_attribute, start),
        cmocka_unit_test(test_messages),
        cmocka_unit_test_setup(test_flags, start),
        cmocka_unit_test_setup(test_written_commands, start),
        cmocka_unit_test(test_written_ids_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
