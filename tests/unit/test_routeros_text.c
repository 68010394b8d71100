#include "unit.h"

#include "wire/routeros.h"

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        uint32_t id;
    } rows[] = {
        {"*1A", true, 0x1A},
        {"*0", true, 0},
        {"*FFFFFFFF", true, 0xFFFFFFFF},
        {"*1a", true, 0x1A},
        {"*80000001", true, 0x80000001},
        {"*100000000", false, 0},
        {"*", false, 0},
        {"", false, 0},
        {"1A", false, 0},
        {"*1G", false, 0},
        {"*1A,*2", false, 0},
        {"* 1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t id = 77;
        bool valid = ros_parse_id(span_text(rows[i].text), &id);
        if (valid != rows[i].valid || id != (valid ? rows[i].id : 77))
            fail_msg("\"%s\": %d, %u", rows[i].text, valid, (unsigned)id);
    }
}

static void test_classification(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ros_error error;
    } rows[] = {
        {"invalid user name or password (6)", ROS_ERROR_LOGIN},
        {"cannot log in", ROS_ERROR_LOGIN},
        {"not logged in", ROS_ERROR_LOGIN},
        {"could not authenticate - radius timeout", ROS_ERROR_LOGIN},
        {"not enough permissions (9)", ROS_ERROR_PERMISSION},
        {"no such item", ROS_ERROR_NO_SUCH_ITEM},
        {"no such item (4)", ROS_ERROR_NO_SUCH_ITEM},
        {"no such command", ROS_ERROR_NO_COMMAND},
        {"no such command or directory (caps-man)", ROS_ERROR_NO_COMMAND},
        {"no such command prefix", ROS_ERROR_NO_COMMAND},
        {"input does not match any value of interface", ROS_ERROR_INPUT},
        {"input does not match any value of in-interface", ROS_ERROR_INPUT},
        {"failure: Input does not match any value of action", ROS_ERROR_INPUT},
        {"interrupted", ROS_ERROR_INTERRUPTED},
        {"unknown parameter", ROS_ERROR_UNKNOWN_PARAMETER},
        {"unknown parameter foo", ROS_ERROR_UNKNOWN_PARAMETER},
        {"failure: already have such entry", ROS_ERROR_OTHER},
        {"value of range out of range (0..65535)", ROS_ERROR_OTHER},
        {"item referred by 'place-before' does not exist (11)", ROS_ERROR_OTHER},
        {"INVALID USER NAME OR PASSWORD (6)", ROS_ERROR_LOGIN},
        {"No Such Item", ROS_ERROR_NO_SUCH_ITEM},
        {"no such ite", ROS_ERROR_OTHER},
        {"", ROS_ERROR_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum ros_error error = ros_classify(span_text(rows[i].text));
        if (error != rows[i].error)
            fail_msg("\"%s\" is %d", rows[i].text, (int)error);
    }
}

static void test_login_response(void **state)
{
    (void)state;
    char response[ROS_RESPONSE_LENGTH];
    assert_true(ros_login_response(span_text("passTest"), span_text("abc123"), response));
    assert_span_text(span_of(response, sizeof(response)), "0021277bff9ac7caf06aa608e46616d47f");
    assert_true(ros_login_response(span_text("passTest"), span_text("ABC123"), response));
    assert_span_text(span_of(response, sizeof(response)), "0021277bff9ac7caf06aa608e46616d47f");
    /* The MD5 of 00 and 00. */
    assert_true(ros_login_response(span_of(NULL, 0), span_text("00"), response));
    assert_span_text(span_of(response, sizeof(response)), "00c4103f122d27677c9db144cae1394a66");
}

static void test_refused_challenges(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef00";
    char response[ROS_RESPONSE_LENGTH];
    for (size_t len = 0; len < sizeof(digits); len++) {
        bool valid = len >= 2 && len <= 64 && len % 2 == 0;
        assert_int_equal(ros_login_response(span_text("x"), span_of(digits, len), response), valid);
    }
    assert_false(ros_login_response(span_text("x"), span_text("0g"), response));
    assert_false(ros_login_response(span_text("x"), span_text("g0"), response));
}

UNIT(routeros_text)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_classification),
        cmocka_unit_test(test_login_response),
        cmocka_unit_test(test_refused_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
