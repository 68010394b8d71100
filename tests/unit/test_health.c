/* What the daemon reports about itself, and under which socket name. */

#include "app/health.h"
#include "unit.h"

#define FINE .router_ready = true, .gateway_trouble = GATEWAY_FINE

static void check_line(struct proxy_status status, bool good, const char *expected)
{
    char line[HEALTH_LINE_MAX + 1];
    health_write(&status, line);
    assert_string_equal(line, expected);
    assert_int_equal(health_is_good(line), good);
}

static void test_lines(void **state)
{
    (void)state;
    check_line((struct proxy_status){FINE, .external_address = 0xCB007109, .mappings = 3, .clients = 2}, true,
               "healthy external=203.0.113.9 mappings=3 clients=2");
    check_line((struct proxy_status){FINE}, true, "healthy external=? mappings=0 clients=0");
    check_line((struct proxy_status){.gateway_trouble = GATEWAY_FINE}, false,
               "unhealthy: the router is not ready yet");
    check_line((struct proxy_status){FINE, .router_failure = FAILURE_COMMAND}, true,
               "healthy external=? mappings=0 clients=0");
    check_line((struct proxy_status){.router_failure = FAILURE_LOGIN, .gateway_trouble = GATEWAY_FINE}, false,
               "unhealthy: the router refuses the login");
    check_line((struct proxy_status){.router_ready = true, .gateway_trouble = GATEWAY_SILENT}, false,
               "unhealthy: the gateway does not answer");
    check_line((struct proxy_status){0}, false,
               "unhealthy: the router is not ready yet; the gateway has not answered yet");
    check_line(
        (struct proxy_status){.standing_by = true}, false,
        "unhealthy: another double-natpmp with this INSTANCE serves at an unknown address; stop one of the "
        "two, or give it another INSTANCE");
    check_line(
        (struct proxy_status){.standing_by = true, .other_address = 0xAC110003}, false,
        "unhealthy: another double-natpmp with this INSTANCE serves at 172.17.0.3; stop one of the two, or "
        "give it another INSTANCE");
}

static void test_what_is_no_health(void **state)
{
    (void)state;
    assert_false(health_is_good(""));
    assert_false(health_is_good("healthy"));
    assert_false(health_is_good("unhealthy: healthy "));
    assert_false(health_is_good("healthyish "));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(health_name("default", 0, 5351).text, "double-natpmp/default/0.0.0.0:5351");
    assert_string_equal(health_name("0123456789012345678901234567890_", 0xFFFFFFFE, 65535).text,
                        "double-natpmp/0123456789012345678901234567890_/255.255.255.254:65535");
}

UNIT(health)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_what_is_no_health),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
