/* The complete commands that `setup` prints, for each dialect: tests/unit/setup/NAME.rsc. UPDATE=1 rewrites
 * them; read the difference line by line. Then their parts: quoting and versions. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/script.h"
#include "check/setup.h"
#include "unit.h"

static struct setup setup;
static bool removal;

static struct setup_env env(const char *name, const char *value)
{
    return (struct setup_env){.name = span_text(name), .value = span_text(value)};
}

static int start(void **state)
{
    (void)state;
    removal = false;
    setup = (struct setup){
        .version = {7, 20},
        .container = (uint32_t)SETUP_CONTAINER,
        .listen_port = 5351,
        .api_port = 8728,
        .user = "natpmp",
        .instance = "default",
        .gateway = 0x0a020001,
        .tunnel = "wg1",
        .env = {env("VPN_GATEWAY", "10.2.0.1"), env("MIKROTIK_API_ADDRESS", "172.30.254.1:8728"),
                env("MIKROTIK_API_PASSWORD", "CHANGE-ME"), env("MIKROTIK_API_USER", "natpmp")},
        .envs = 4,
    };
    return 0;
}

static void compare(const char *name)
{
    static uint8_t bytes[SETUP_BYTES_MAX];
    static char expected[SETUP_BYTES_MAX];
    char path[512];
    struct writer w = writer_of(bytes, sizeof(bytes));
    if (removal)
        setup_write_removal(&setup, &w);
    else
        setup_write(&setup, &w);
    assert_false(w.failed);
    (void)snprintf(path, sizeof(path), "%s/setup/%s.rsc", SOURCE_DIR, name);
    FILE *file = fopen(path, getenv("UPDATE") != NULL ? "w" : "r");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    if (getenv("UPDATE") != NULL) {
        assert_int_equal(fwrite(bytes, 1, w.len, file), w.len);
    } else {
        size_t len = fread(expected, 1, sizeof(expected) - 1, file);
        expected[len] = '\0';
        bytes[w.len] = '\0';
        assert_string_equal((const char *)bytes, expected);
    }
    assert_int_equal(fclose(file), 0);
}

static void test_dialects(void **state)
{
    (void)state;
    compare("7.20");
    setup.version.minor = 19;
    compare("7.19");
    setup.version.minor = 21;
    compare("7.21");
    /* Before 7.13 there is no /ip/nat-pmp. */
    setup.version.minor = 12;
    compare("7.12");
    setup.version.minor = 23;
    compare("7.23");
}

/* [S3] [S4] [S5] [S7] [S8] [S9] Complete from RouterOS's default configuration, for each way in which the LAN
 * uses the tunnel. */
static void test_ways_into_the_tunnel(void **state)
{
    (void)state;
    static const char *const names[] = {"main", "rule", "mangle"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char name[16];
        assert_true(setup_parse_via(span_text(names[i]), &setup.via));
        (void)snprintf(name, sizeof(name), "7.20-%s", names[i]);
        compare(name);
    }
    assert_false(setup_parse_via(span_text("answers"), &setup.via));
    assert_false(setup_parse_via(span_text(""), &setup.via));
}

/* [S11] A router without the list that the rules name, whose answers need nothing more. */
static void test_a_router_of_ones_own_making(void **state)
{
    (void)state;
    setup.tunnel = "proton";
    setup.lan = "bridge 1";
    setup.answered = true;
    compare("7.20-own");
    /* The list comes before the first rule that uses it. */
    setup.lan = "YOUR-LAN";
    setup.via = SETUP_VIA_MANGLE;
    compare("7.20-own-mangle");
}

/* Which tunnel it is, the owner has to say. */
static void test_several_tunnels(void **state)
{
    static const struct interface_names tunnels = {.count = 2, .name = {"roadwarrior", "proton 2"}};
    (void)state;
    setup.tunnel = "YOUR-TUNNEL";
    setup.tunnels = &tunnels;
    compare("7.20-tunnels");
}

static void test_a_wrong_setting(void **state)
{
    static const struct finding wrong = {
        .what = "the router has no interface wg9",
        .cure = "set MIKROTIK_IN_INTERFACE to a name that /interface/print shows, or unset it"};
    (void)state;
    setup.wrong = &wrong;
    compare("7.20-wrong");
}

static void test_removal(void **state)
{
    (void)state;
    static const unsigned minors[] = {12, 20, 21};
    removal = true;
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        char name[16];
        setup.version.minor = minors[i];
        (void)snprintf(name, sizeof(name), "7.%u-remove", minors[i]);
        compare(name);
    }
    /* Another daemon may use what setup has made. */
    setup.instance = "home";
    compare("7.21-remove-home");
}

/* Of the rules of mappings, those of this INSTANCE alone are removed: `~` is a regular expression. */
static void test_the_removal_of_an_instance_with_a_dot(void **state)
{
    static const char before[] = "/ip/firewall/nat/remove [find comment~\"";
    static uint8_t bytes[SETUP_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes) - 1);
    regex_t expression;
    (void)state;
    setup.instance = "a.b-c_";
    setup_write_removal(&setup, &w);
    char *pattern = strstr((char *)bytes, before);
    assert_non_null(pattern);
    pattern += sizeof(before) - 1;
    *strchr(pattern, '"') = '\0';
    assert_int_equal(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB), 0);
    assert_int_equal(regexec(&expression, "double-natpmp/a.b-c_ external 41000 lease 60 s", 0, NULL, 0), 0);
    assert_int_not_equal(regexec(&expression, "double-natpmp/a-b-c_ external 41000 lease 60 s", 0, NULL, 0),
                         0);
    assert_int_not_equal(regexec(&expression, "double-natpmp/a.b-c_d external 4 lease 60 s", 0, NULL, 0), 0);
    regfree(&expression);
}

static void test_an_image_in_a_registry(void **state)
{
    (void)state;
    setup.image = span_text("ghcr.io/owner/double-natpmp:0.1.0");
    compare("7.20-image");
    /* The name of an image alone is one of Docker's registry. */
    setup.version.minor = 12;
    static const char *const names[] = {"owner/double-natpmp:0.1.0", "docker.io/owner/double-natpmp:0.1.0",
                                        "index.docker.io/owner/double-natpmp:0.1.0"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        setup.image = span_text(names[i]);
        compare("7.12-image");
    }
}

/* As in the grammar of Docker's names. */
static void test_names_of_images(void **state)
{
    (void)state;
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const char long_digest[] = "a@" DIGEST "0";
    static const char two_digests[] = "a@" DIGEST "@" DIGEST;
    static const char *const right[] = {"a",
                                        "double-natpmp",
                                        "localhost:5000/double-natpmp",
                                        "ghcr.io/a_b/c.d__e---f:0.1.0",
                                        "Registry.Example.com:443/a/b/c:_Tag.1-2",
                                        "a/b@" DIGEST,
                                        "10.0.0.1:5000/a:1@" DIGEST};
    static const char *const wrong[] = {
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "a b",
        "a;b",
        "a\"b",
        "a$b",
        "a[b]",
        "a\nb",
        "\xC3\xA4",
        "A",
        "ghcr.io/A/b",
        "https://ghcr.io/owner/double-natpmp:0.1.0",
        "https:/ghcr.io/a",
        "ghcr.io/a:",
        "ghcr.io:/a",
        "ghcr.io:x/a",
        "ghcr..io/a",
        ".ghcr.io/a",
        "a:-1",
        "a:1:2",
        "a___b",
        "a.-b",
        "-a",
        "a-",
        "a@",
        "a@sha256:0123",
        long_digest,
        two_digests,
    };
    char longest[SETUP_IMAGE_MAX + 2];
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        if (!setup_is_image(span_text(right[i])))
            fail_msg("refused: %s", right[i]);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (setup_is_image(span_text(wrong[i])))
            fail_msg("accepted: %s", wrong[i]);
    memset(longest, 'a', sizeof(longest));
    assert_true(setup_is_image(span_of(longest, SETUP_IMAGE_MAX)));
    assert_false(setup_is_image(span_of(longest, SETUP_IMAGE_MAX + 1)));
}

static void test_all_that_a_configuration_may_ask_for(void **state)
{
    (void)state;
    static const unsigned minors[] = {19, 20, 21};
    setup.container = 0xac140002;
    setup.listen_port = 5360;
    setup.tls = true;
    setup.api_port = 8729;
    setup.user = "port mapper";
    setup.env[1] = env("MIKROTIK_API_ADDRESS", "172.20.0.1:8729");
    setup.env[2] = env("MIKROTIK_API_PASSWORD_FILE", "/run/secrets/password");
    setup.env[3] = env("MIKROTIK_API_USER", "port mapper");
    setup.env[4] = env("MIKROTIK_API_TLS", "true");
    setup.env[5] = env("A_FILE", "/run/secrets/router.pem");
    setup.env[6] = env("ANOTHER_FILE", "/etc/double natpmp/ca.pem");
    setup.env[7] = env("MIKROTIK_IN_INTERFACE", "wg \"1\"");
    setup.envs = 8;
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        char name[16];
        setup.version.minor = minors[i];
        (void)snprintf(name, sizeof(name), "7.%u-all", minors[i]);
        compare(name);
    }
    setup.api_port = 9000;
    setup.tls = false;
    compare("7.21-port");
}

static void test_a_certificate_is_made(void **state)
{
    (void)state;
    setup.tls = true;
    setup.make_certificate = true;
    setup.api_port = 8729;
    setup.env[1] = env("MIKROTIK_API_ADDRESS", "172.30.254.1:8729");
    setup.env[4] = env("MIKROTIK_API_TLS", "true");
    setup.envs = 5;
    compare("7.20-certificate");
}

static void test_quoting(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"wg1", "wg1"},     {"10.2.0.1/32", "10.2.0.1/32"},
        {"", "\"\""},       {"two words", "\"two words\""},
        {"a;b", "\"a;b\""}, {"$x[y]\"\\", "\"\\$x[y]\\\"\\\\\""},
        {"?", "\"\\3F\""},  {"\n\xC3\xA4", "\"\\0A\\C3\\A4\""},
        {"*1", "\"*1\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        assert_string_equal(ros_quote(span_text(values[i][0])).text, values[i][1]);
    char longest[CREDENTIAL_MAX + 1];
    memset(longest, 1, CREDENTIAL_MAX);
    longest[CREDENTIAL_MAX] = '\0';
    assert_int_equal(strlen(ros_quote(span_text(longest)).text), 3 * CREDENTIAL_MAX + 2);
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum container_dialect dialect;
        bool route_check;
    } versions[] = {
        {"6.49.10 (long-term)", CONTAINER_NONE, true},
        {"7.3.1", CONTAINER_NONE, false},
        {"7.4", CONTAINER_7_19, false},
        {"7.17.2 (stable)", CONTAINER_7_19, false},
        {"7.18beta6", CONTAINER_7_19, true},
        {"7.19.4", CONTAINER_7_19, true},
        {"7.20", CONTAINER_7_20, true},
        {"7.21rc1", CONTAINER_7_21, true},
        {"7.100.1", CONTAINER_7_21, true},
        {"8.0", CONTAINER_7_21, true},
    };
    static const char *const wrong[] = {"", "7", "7.", ".7", "v7.20", "seven", "7,20", "99999.1"};
    struct ros_version version;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        assert_true(ros_version_parse(span_text(versions[i].text), &version));
        assert_int_equal(ros_version_dialect(version), versions[i].dialect);
        assert_int_equal(ros_version_has_route_check(version), versions[i].route_check);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(ros_version_parse(span_text(wrong[i]), &version));
}

UNIT(setup)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_dialects, start),
        cmocka_unit_test_setup(test_ways_into_the_tunnel, start),
        cmocka_unit_test_setup(test_a_router_of_ones_own_making, start),
        cmocka_unit_test_setup(test_several_tunnels, start),
        cmocka_unit_test_setup(test_a_wrong_setting, start),
        cmocka_unit_test_setup(test_removal, start),
        cmocka_unit_test_setup(test_the_removal_of_an_instance_with_a_dot, start),
        cmocka_unit_test_setup(test_an_image_in_a_registry, start),
        cmocka_unit_test(test_names_of_images),
        cmocka_unit_test_setup(test_all_that_a_configuration_may_ask_for, start),
        cmocka_unit_test_setup(test_a_certificate_is_made, start),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
