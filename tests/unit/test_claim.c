/* The comment by which a daemon says that it serves: what is read is what was written, only the exact form is
 * a claim, and which of two processes is the later one is the same for both. [R3] */
#include "core/claim.h"
#include "ros_unit.h"
#include "unit.h"

static struct ros_reader reader;

static const struct ros_sentence *row_with(const char *comment)
{
    static uint8_t bytes[512];
    struct writer w = writer_of(bytes, sizeof bytes);
    ros_write_word(&w, span_text("!re"));
    ros_write_pair_text(&w, "=comment=", comment);
    ros_write_end(&w);
    struct span input = writer_span(&w);
    ros_reader_init(&reader);
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    return &reader.sentence;
}

static void test_form(void **state)
{
    static const char text[] = "double-natpmp/vpn takes over, may be removed: run 4294967295 up 3600 age 12 "
                               "session 90 at 172.30.254.2";
    static const char *const others[] = {
        "",
        "double-natpmp/vpn",
        "double-natpmp/vpn external 41000 lease 60 s",
        "double-natpmp/vpn check, may be removed",
        "double-natpmp/vpn2 takes over, may be removed: run 1 up 2 age 3 session 4 at 1.2.3.4",
        "double-natpmp/vpn takes over, may be removed: run 0 up 2 age 3 session 4 at 1.2.3.4",
        "double-natpmp/vpn takes over, may be removed: run 1 up 2 age 3 session 4",
        "double-natpmp/vpn takes over, may be removed: run 1 up 2 age 3 session 4 at ",
        "double-natpmp/vpn takes over, may be removed: run 1 up 2 age 3 session 4 at 1.2.3.4 ",
        "double-natpmp/vpn takes over, may be removed: run 1 up 2 age 3 session  at 1.2.3.4",
        "double-natpmp/vpn takes over, may be removed: run 4294967296 up 2 age 3 session 4 at 1.2.3.4",
        "double-natpmp/vpn takes over, may be removed: run 1 up -2 age 3 session 4 at 1.2.3.4",
    };
    const struct claim claim = {4294967295, 3600, 12, 90, 0xAC1EFE02};
    struct claim read;
    char written[160];
    (void)state;
    struct writer w = writer_of(written, sizeof written);
    claim_write(&w, "vpn", &claim);
    assert_true(span_is(writer_span(&w), text));
    assert_true(claim_parse(row_with(text), "vpn", &read));
    assert_memory_equal(&read, &claim, sizeof claim);
    assert_false(claim_parse(row_with(text), "default", &read));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(claim_parse(row_with(others[i]), "vpn", &read));
}

static void test_order(void **state)
{
    const struct claim before_the_boot = {7, 100, 5000, 0, 0};
    const struct claim old = {9, 3600, 3600, 1, 0};
    const struct claim young = {1, 3000, 10, 2, 0};
    const struct claim younger = {2, 3010, 18, 3, 0};
    const struct claim *const in_order[] = {&before_the_boot, &old, &young, &younger};
    const struct claim same = {3, 3011, 20, 3, 0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(in_order); i++)
        for (size_t k = 0; k < ARRAY_LEN(in_order); k++)
            assert_int_equal(claim_order(in_order[i], in_order[k]), (i > k) - (i < k));
    assert_int_equal(claim_order(&same, &young), 0);
    assert_int_equal(claim_order(&young, &same), 0);
}

static void test_uptime(void **state)
{
    static const struct {
        const char *text;
        uint32_t s;
    } good[] = {
        {"0s", 0},           {"59s", 59},           {"4m5s", 245},  {"1w2d3h4m5s", 788645}, {"2w", 1209600},
        {"03:04:05", 11045}, {"1d03:04:05", 97445}, {"12h", 43200}, {"1d00:00:00", 86400}};
    static const char *const bad[] = {"s",        "-1s",       "1y",  "1m-2s", "5000000000s",
                                      "9999999w", "1:2:3:4:5", "3h ", "x"};
    uint32_t s;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(claim_parse_uptime(span_text(good[i].text), &s));
        assert_int_equal(s, good[i].s);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(claim_parse_uptime(span_text(bad[i]), &s));
}

UNIT(claim)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_uptime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
