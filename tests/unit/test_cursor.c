#include "unit.h"

#include "base/cursor.h"

/* [G-02] */
static void test_reads_big_endian(void **state)
{
    (void)state;
    struct reader r = reader_of(BYTES("\x01\x02\x03\x04\x05\x06\x07tail"));
    assert_int_equal(read_u8(&r), 0x01);
    assert_int_equal(read_u16(&r), 0x0203);
    assert_int_equal(read_u32(&r), 0x04050607);
    assert_span_text(read_bytes(&r, 4), "tail");
    assert_false(r.failed);
    assert_int_equal(r.rest.len, 0);
}

static void test_high_bytes_are_not_sign_extended(void **state)
{
    (void)state;
    struct reader r = reader_of(BYTES("\xFF\xFE\xFD\xFC"));
    assert_true(read_u32(&r) == 0xFFFEFDFC);
}

static void test_first_error_stays(void **state)
{
    (void)state;
    struct reader r = reader_of(BYTES("\x11\x22\x33"));
    assert_int_equal(read_u32(&r), 0);
    assert_true(r.failed);
    /* There would be enough bytes for these. */
    assert_int_equal(read_u8(&r), 0);
    assert_int_equal(read_u16(&r), 0);
    assert_int_equal(read_bytes(&r, 1).len, 0);
    assert_int_equal(read_bytes(&r, 0).len, 0);
    assert_true(r.failed);
}

static void test_reads_nothing_from_nothing(void **state)
{
    (void)state;
    struct reader r = reader_of(span_of(NULL, 0));
    assert_int_equal(read_bytes(&r, 0).len, 0);
    assert_false(r.failed);
    assert_int_equal(read_bytes(&r, SIZE_MAX).len, 0);
    assert_true(r.failed);
}

/* [G-02] */
static void test_writes_big_endian(void **state)
{
    (void)state;
    uint8_t buffer[16];
    struct writer w = writer_of(buffer, sizeof(buffer));
    write_u8(&w, 0x01);
    write_u16(&w, 0x8203);
    write_u32(&w, 0x84050607);
    write_text(&w, "ok");
    write_bytes(&w, span_of(NULL, 0));
    assert_span_equal(writer_span(&w), BYTES("\x01\x82\x03\x84\x05\x06\x07ok"));
}

static void test_writer_fills_its_buffer_exactly(void **state)
{
    (void)state;
    uint8_t buffer[5] = {0, 0, 0, 0, 0xAA};
    struct writer w = writer_of(buffer, 4);
    write_u32(&w, 0x01020304);
    assert_false(w.failed);
    assert_int_equal(writer_span(&w).len, 4);
    write_u8(&w, 0x05);
    assert_true(w.failed);
    assert_int_equal(buffer[4], 0xAA);
}

static void test_failed_writer_is_empty(void **state)
{
    (void)state;
    uint8_t buffer[3];
    struct writer w = writer_of(buffer, sizeof(buffer));
    write_u8(&w, 1);
    write_u32(&w, 2);
    /* Two bytes would still fit, but the write before them failed. */
    write_u8(&w, 3);
    assert_true(w.failed);
    assert_int_equal(w.len, 1);
    assert_int_equal(writer_span(&w).len, 0);
}

static void test_write_decimal(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {65535, "65535"},
        {4294967296, "4294967296"},
        {UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t buffer[20];
        struct writer w = writer_of(buffer, sizeof(buffer));
        write_decimal(&w, rows[i].value);
        assert_span_text(writer_span(&w), rows[i].text);
        uint64_t back;
        assert_true(parse_decimal(writer_span(&w), UINT64_MAX, &back));
        assert_true(back == rows[i].value);
    }
}

static void test_parse_decimal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool valid;
        uint64_t value;
    } rows[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"5", 4, false, 0},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"655350", 65535, false, 0},
        {"007", 65535, true, 7},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"", 10, false, 0},
        {" 1", 10, false, 0},
        {"1 ", 10, false, 0},
        {"+1", 10, false, 0},
        {"-1", 10, false, 0},
        {"1a", 1000, false, 0},
        {"0x1", 10, false, 0},
        {"/", 10, false, 0},
        {":", 10, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t value = 77;
        bool valid = parse_decimal(span_text(rows[i].text), rows[i].max, &value);
        if (valid != rows[i].valid || value != (valid ? rows[i].value : 77)) {
            fail_msg("\"%s\" up to %llu: %d, %llu", rows[i].text, (unsigned long long)rows[i].max, valid,
                     (unsigned long long)value);
        }
    }
}

static void test_addresses_both_ways(void **state)
{
    (void)state;
    static const struct {
        uint32_t address;
        const char *text;
    } rows[] = {
        {0, "0.0.0.0"},
        {0x0A020001, "10.2.0.1"},
        {0xC0A858FE, "192.168.88.254"},
        {UINT32_MAX, "255.255.255.255"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t buffer[15];
        struct writer w = writer_of(buffer, sizeof(buffer));
        write_address(&w, rows[i].address);
        assert_span_text(writer_span(&w), rows[i].text);
        uint32_t back;
        assert_true(parse_address(span_text(rows[i].text), &back));
        assert_true(back == rows[i].address);
    }
}

static void test_refused_addresses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",          "1",        "1.2.3",     "1.2.3.",           ".1.2.3",   "1.2.3.4.",
        "1.2.3.4.5", "1..3.4",   "256.1.1.1", "1.1.1.999",        "01.2.3.4", "1.2.3.00",
        " 1.2.3.4",  "1.2.3.4 ", "-1.2.3.4",  "1.2.3.4/24",       "a.b.c.d",  "0x1.2.3.4",
        "1,2,3,4",   "....",     "...",       "1.2.3.4294967297",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint32_t address = 77;
        if (parse_address(span_text(texts[i]), &address) || address != 77)
            fail_msg("\"%s\" was taken as %u", texts[i], (unsigned)address);
    }
}

static void test_spans(void **state)
{
    (void)state;
    struct span none = span_of(NULL, 0);
    assert_true(span_equal(none, span_text("")));
    assert_true(span_starts(none, ""));
    assert_false(span_starts(none, "a"));
    assert_true(span_starts(span_text("!done"), "!d"));
    assert_false(span_starts(span_text("!d"), "!done"));
    assert_true(span_is(span_text("!re"), "!re"));
    assert_false(span_is(BYTES("!re\0"), "!re"));
    assert_span_text(span_skip(span_text("abc"), 2), "c");
    assert_int_equal(span_skip(none, 0).len, 0);
}

static void test_hex_digits(void **state)
{
    (void)state;
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    unsigned found = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        const char *at = byte == 0 ? NULL : strchr(digits, (int)byte);
        const char *upper = byte == 0 ? NULL : strchr(digits + 16, (int)byte);
        int expected = at == NULL ? -1 : (int)((upper != NULL ? upper - 16 : at) - digits);
        assert_int_equal(hex_value((uint8_t)byte), expected);
        found += expected >= 0;
    }
    assert_int_equal(found, 22);
}

UNIT(cursor)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_big_endian),
        cmocka_unit_test(test_high_bytes_are_not_sign_extended),
        cmocka_unit_test(test_first_error_stays),
        cmocka_unit_test(test_reads_nothing_from_nothing),
        cmocka_unit_test(test_writes_big_endian),
        cmocka_unit_test(test_writer_fills_its_buffer_exactly),
        cmocka_unit_test(test_failed_writer_is_empty),
        cmocka_unit_test(test_write_decimal),
        cmocka_unit_test(test_parse_decimal),
        cmocka_unit_test(test_addresses_both_ways),
        cmocka_unit_test(test_refused_addresses),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
