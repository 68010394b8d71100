#include "json.h"

#include "unit.h"

static void values(void **state)
{
    (void)state;
    struct json *json =
        json_parse(" {\"a\": [1, {\"b\": \"x\\\"\\\\u\"}, [], {}], \"c\" : true, \"d\": \"\"}\n");
    assert_non_null(json);
    const struct json *one = json_get(json, "a")->child;
    assert_string_equal(one->text, "1");
    assert_string_equal(json_text(one->next, "b"), "x\"\\u");
    assert_null(one->next->next->child);
    assert_null(one->next->next->next->child);
    assert_null(one->next->next->next->next);
    assert_string_equal(json_text(json, "c"), "true");
    assert_string_equal(json_text(json, "d"), "");
    assert_string_equal(json_text(json, "e"), "");
    assert_null(json_get(NULL, "e"));
    json_free(json);
}

static void what_is_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",       "{",       "[1",          "[1}",    "{\"a\" 1}",
        "{1: 2}", "[1] [2]", "\"\\u0041\"", "\"open", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
        "[,]"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json *json = json_parse(texts[i]);
        if (json)
            fail_msg("%s", texts[i]);
    }
    assert_null(json_read("/nowhere/at/all"));
}

UNIT(json)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(what_is_not_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
