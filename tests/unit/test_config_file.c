/* The password file, the printed configuration, and copies of the input that must not survive. */

#include "config_unit.h"

/* ---- the password file ---- */

static char path[sizeof("/tmp/test-config-XXXXXX")];

static int setup_file(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/test-config-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    return 0;
}

static int teardown_file(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static bool read_password(struct span content)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "MIKROTIK_API_PASSWORD_FILE=%s", path);
    const char *environment[] = {line, GATEWAY, ROUTER, NULL};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    (void)fclose(file);
    assert_true(config_parse(&config, environment, &error));
    return config_read_password(&config, &error);
}

static void check_file_error(const char *why)
{
    char expected[CONFIG_ERROR_MAX];
    (void)snprintf(expected, sizeof(expected),
                   "MIKROTIK_API_PASSWORD_FILE=\"%s\" cannot be used: %s; set it to a readable file that "
                   "contains only the password",
                   path, why);
    assert_string_equal(error.text, expected);
}

/* Predecessor fault 39: A gateway that is no IPv4 address and an unknown log level pass; the password
 * cannot come from a file. */
static void test_file(void **state)
{
    (void)state;
    assert_true(read_password(BYTES("pass word")));
    assert_string_equal(config.password, "pass word");
    assert_true(read_password(BYTES(" p\xc3\xa4ss \n")));
    assert_string_equal(config.password, " p\xc3\xa4ss ");
    assert_true(read_password(BYTES("pass\r\n")));
    assert_string_equal(config.password, "pass");
}

static void test_file_lengths(void **state)
{
    uint8_t content[CREDENTIAL_MAX + 3];
    (void)state;
    memset(content, 'p', sizeof(content));
    content[CREDENTIAL_MAX] = '\r';
    content[CREDENTIAL_MAX + 1] = '\n';
    assert_true(read_password(span_of(content, CREDENTIAL_MAX)));
    assert_true(read_password(span_of(content, CREDENTIAL_MAX + 2)));
    assert_int_equal(strlen(config.password), CREDENTIAL_MAX);
    assert_false(read_password(span_of(content, CREDENTIAL_MAX + 3)));
    check_file_error("the password has more than 255 bytes");
    memset(content, 'p', sizeof(content));
    assert_false(read_password(span_of(content, CREDENTIAL_MAX + 1)));
    check_file_error("the password has more than 255 bytes");
}

static void test_file_bad_content(void **state)
{
    (void)state;
    assert_false(read_password(BYTES("")));
    check_file_error("it is empty");
    assert_false(read_password(BYTES("\n")));
    check_file_error("it is empty");
    assert_false(read_password(BYTES(SECRET "\n\n")));
    check_file_error("it has more than one line, or control characters");
    assert_false(read_password(BYTES(SECRET "\0x")));
    check_file_error("it has more than one line, or control characters");
}

static void test_file_unreadable(void **state)
{
    (void)state;
    assert_true(read_password(BYTES("x")));
    assert_int_equal(unlink(path), 0);
    assert_false(config_read_password(&config, &error));
    check_file_error("No such file or directory");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(config_read_password(&config, &error));
    check_file_error("Is a directory");
    assert_int_equal(rmdir(path), 0);
}

/* ---- output, and copies of the input ---- */

static void check_printed(const char *const *environment, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_true(config_parse(&config, environment, &error));
    config_print(&config, out);
    (void)fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_print(void **state)
{
    (void)state;
    const char *least[] = {GATEWAY, ROUTER, PASSWORD, NULL};
    check_printed(least, "VPN_GATEWAY=10.2.0.1\n"
                         "MIKROTIK_API_ADDRESS=192.168.88.1:8728\n"
                         "MIKROTIK_API_PASSWORD=(hidden)\n"
                         "MIKROTIK_API_USER=admin\n"
                         "INSTANCE=default\n"
                         "MIKROTIK_API_TLS=false\n"
                         "MIKROTIK_API_TLS_CA=\n"
                         "MIKROTIK_API_TLS_NAME=\n"
                         "MIKROTIK_API_TLS_FINGERPRINT=\n"
                         "MIKROTIK_API_TLS_INSECURE=false\n"
                         "MIKROTIK_IN_INTERFACE=\n"
                         "LISTEN_ADDR=:5351\n"
                         "MAX_MAPPINGS=1024\n"
                         "MAX_MAPPINGS_PER_CLIENT=64\n"
                         "ROUTER_CHANGES_PER_SECOND=20\n"
                         "GATEWAY_MODE=auto\n"
                         "LEASE_HOLD=auto\n"
                         "LOG_LEVEL=INFO\n");
    const char *most[] = {GATEWAY,
                          "GATEWAY_SOURCE=10.2.0.2",
                          "GATEWAY_DEVICE=wg0",
                          "MIKROTIK_API_ADDRESS=[fd00::1]:99",
                          "MIKROTIK_API_PASSWORD_FILE=/run/p",
                          "MIKROTIK_API_USER=u",
                          "INSTANCE=i",
                          "MIKROTIK_API_TLS=yes",
                          "MIKROTIK_API_TLS_CA=/ca",
                          "MIKROTIK_API_TLS_NAME=n",
                          "MIKROTIK_IN_INTERFACE=wg",
                          "LISTEN_ADDR=[10.0.0.1]:1",
                          "MAX_MAPPINGS=8",
                          "MAX_MAPPINGS_PER_CLIENT=7",
                          "ROUTER_CHANGES_PER_SECOND=0",
                          "ON_CHANGE_SCRIPT=port changed",
                          "GATEWAY_MODE=symmetric",
                          "STATIC_MAPPINGS=both:192.168.88.11:80:81 , udp:192.168.88.12:53",
                          "LEASE_HOLD=off",
                          "LOG_LEVEL=debug",
                          NULL};
    check_printed(most, "VPN_GATEWAY=10.2.0.1\n"
                        "GATEWAY_SOURCE=10.2.0.2\n"
                        "GATEWAY_DEVICE=wg0\n"
                        "MIKROTIK_API_ADDRESS=[fd00::1]:99\n"
                        "MIKROTIK_API_PASSWORD_FILE=/run/p\n"
                        "MIKROTIK_API_USER=u\n"
                        "INSTANCE=i\n"
                        "MIKROTIK_API_TLS=true\n"
                        "MIKROTIK_API_TLS_CA=/ca\n"
                        "MIKROTIK_API_TLS_NAME=n\n"
                        "MIKROTIK_API_TLS_FINGERPRINT=\n"
                        "MIKROTIK_API_TLS_INSECURE=false\n"
                        "MIKROTIK_IN_INTERFACE=wg\n"
                        "LISTEN_ADDR=10.0.0.1:1\n"
                        "MAX_MAPPINGS=8\n"
                        "MAX_MAPPINGS_PER_CLIENT=7\n"
                        "ROUTER_CHANGES_PER_SECOND=0\n"
                        "ON_CHANGE_SCRIPT=port changed\n"
                        "GATEWAY_MODE=symmetric\n"
                        "STATIC_MAPPINGS=tcp:192.168.88.11:80:81,udp:192.168.88.11:80:81,"
                        "udp:192.168.88.12:53\n"
                        "LEASE_HOLD=off\n"
                        "LOG_LEVEL=DEBUG\n");
}

static void test_print_fingerprint(void **state)
{
    static const char fingerprint[] =
        "MIKROTIK_API_TLS_FINGERPRINT=00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
        "01:23:45:67:89:AB:CD:EF:FE:DC:BA:98:76:54:32:10";
    (void)state;
    const char *pinned[] = {GATEWAY, ROUTER, PASSWORD, "MIKROTIK_API_TLS=1", fingerprint, NULL};
    check_printed(
        pinned,
        "VPN_GATEWAY=10.2.0.1\n"
        "MIKROTIK_API_ADDRESS=192.168.88.1:8729\n"
        "MIKROTIK_API_PASSWORD=(hidden)\n"
        "MIKROTIK_API_USER=admin\n"
        "INSTANCE=default\n"
        "MIKROTIK_API_TLS=true\n"
        "MIKROTIK_API_TLS_CA=\n"
        "MIKROTIK_API_TLS_NAME=\n"
        "MIKROTIK_API_TLS_FINGERPRINT=00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210\n"
        "MIKROTIK_API_TLS_INSECURE=false\n"
        "MIKROTIK_IN_INTERFACE=\n"
        "LISTEN_ADDR=:5351\n"
        "MAX_MAPPINGS=1024\n"
        "MAX_MAPPINGS_PER_CLIENT=64\n"
        "ROUTER_CHANGES_PER_SECOND=20\n"
        "GATEWAY_MODE=auto\n"
        "LEASE_HOLD=auto\n"
        "LOG_LEVEL=INFO\n");
}

static void test_wipe(void **state)
{
    char first[] = "A=1";
    char password[] = PASSWORD;
    char file[] = "MIKROTIK_API_PASSWORD_FILE=/run/p";
    char *environment[] = {first, password, file, NULL};
    (void)state;
    config_wipe_environment(environment);
    assert_string_equal(environment[0], "A=1");
    assert_string_equal(environment[1], "MIKROTIK_API_PASSWORD_FILE=/run/p");
    assert_null(environment[2]);
    for (size_t i = 0; i < sizeof(password); i++)
        assert_int_equal(password[i], 0);
}

UNIT(config_file)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, setup_file, teardown_file),
        cmocka_unit_test_setup_teardown(test_file_lengths, setup_file, teardown_file),
        cmocka_unit_test_setup_teardown(test_file_bad_content, setup_file, teardown_file),
        cmocka_unit_test_setup_teardown(test_file_unreadable, setup_file, teardown_file),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_fingerprint),
        cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
