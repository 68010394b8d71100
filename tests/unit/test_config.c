/* Every variable, its default, and the message for each invalid value. */

#include "app/config_names.h"
#include "config_unit.h"
#include "wire/natpmp.h"

/* [C-04] */
static void test_defaults(void **state)
{
    const char *environment[] = {GATEWAY, ROUTER, PASSWORD, "PATH=/bin", "LISTEN_ADDRESS=x", NULL};
    (void)state;
    assert_true(config_parse(&config, environment, &error));
    assert_int_equal(config.gateway, 0x0A020001);
    assert_int_equal(config.gateway_port, 5351);
    assert_string_equal(config.router_host, "192.168.88.1");
    assert_int_equal(config.router_port, 8728);
    assert_string_equal(config.user, "admin");
    assert_string_equal(config.password, SECRET);
    assert_string_equal(config.password_file, "");
    assert_string_equal(config.instance, "default");
    assert_string_equal(config.in_interface, "");
    assert_false(config.tls);
    assert_int_equal(config.listen_address, 0);
    assert_int_equal(config.listen_port, 5351);
    assert_int_equal(config.mappings_max, 1024);
    assert_int_equal(config.client_mappings_max, 64);
    assert_int_equal(config.router_changes_per_s, 20);
    assert_int_equal(config.lease_hold, LEASE_HOLD_AUTO);
    assert_int_equal(config.gateway_mode, GATEWAY_MODE_AUTO);
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
}

static void test_unknown_names(void **state)
{
    static const struct {
        const char *entry;
        const char *says; /* NULL: it is no name of ours */
    } rows[] = {
        {"MIKROTIK_IN_INTERFACES=wg0", "the nearest one is MIKROTIK_IN_INTERFACE"},
        {"MIKROTIK_API_ADRESS=x", "the nearest one is MIKROTIK_API_ADDRESS"},
        {"MIKROTIK_PASS=" SECRET, "MIKROTIK_PASS, which is no setting"},
        {"GATEWAY_ADRESS=10.2.0.1", "GATEWAY_ADRESS, which is no setting"},
        {"LOG_LEVE=DEBUG", "the nearest one is LOG_LEVEL"},
        {"LISTEN_ADR=:5351", "the nearest one is LISTEN_ADDR"},
        {"MAX_MAPPINGS_PER_CLIENTS=3", "the nearest one is MAX_MAPPINGS_PER_CLIENT"},
        {"MIKROTIK_IN_INTERFACE=wg0", NULL},
        {"VPN_GATEWAY=10.2.0.1", NULL},
        {"LISTEN_FDS=1", NULL},
        {"LISTEN_PID=1", NULL},
        {"LISTEN_FDNAMES=x", NULL},
        {"LOG_FORMAT=json", NULL},
        {"STATUS_CODE=1", NULL},
        {"GATEWAY_PORT_5351_UDP_ADDR=10.0.0.1", NULL},
        {"GATEWAY_SERVICE_HOST=10.0.0.1", NULL},
        {"INSTANCE_ID=7", NULL},
        {"PATH=/bin", NULL},
        {"GATEWAY_", NULL},
        {"=x", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *environment[] = {"HOME=/", rows[i].entry, NULL};
        size_t next = config_next_unknown(environment, 0, &error);
        if ((next != 0) != (rows[i].says != NULL))
            fail_msg("%s: %s", rows[i].entry, next != 0 ? error.text : "not found");
        if (next == 0)
            continue;
        assert_int_equal(next, 2);
        assert_non_null(strstr(error.text, rows[i].says));
        assert_null(strstr(error.text, SECRET));
        assert_int_equal(config_next_unknown(environment, next, &error), 0);
    }
}

static void test_missing(void **state)
{
    (void)state;
    const char *no_gateway[] = {ROUTER, PASSWORD, NULL};
    check_error(no_gateway,
                "VPN_GATEWAY is not set; set it to the IPv4 address of the VPN's NAT-PMP gateway, such as "
                "10.2.0.1");
    const char *no_router[] = {GATEWAY, PASSWORD, NULL};
    check_error(no_router,
                "MIKROTIK_API_ADDRESS is not set; set it to host[:port] of the RouterOS API, such as "
                "192.168.88.1, router.lan:8728 or [fd00::1]:8728");
    const char *no_password[] = {GATEWAY, ROUTER, NULL};
    check_error(no_password,
                "MIKROTIK_API_PASSWORD is not set; set it, or MIKROTIK_API_PASSWORD_FILE to the path of "
                "a file that contains the password");
    const char *nothing[] = {NULL};
    assert_false(config_parse(&config, nothing, &error));
}

/* Enough to find the running daemon. */
static void test_identity(void **state)
{
    const char *nothing[] = {NULL};
    const char *environment[] = {"VPN_GATEWAY=wrong", "INSTANCE=second", "LISTEN_ADDR=192.168.88.2:5352",
                                 NULL};
    const char *bad[] = {"LISTEN_ADDR=5352", NULL};
    (void)state;
    assert_true(config_parse_identity(&config, nothing, &error));
    assert_string_equal(config.instance, "default");
    assert_int_equal(config.listen_address, 0);
    assert_int_equal(config.listen_port, 5351);
    assert_true(config_parse_identity(&config, environment, &error));
    assert_string_equal(config.instance, "second");
    assert_int_equal(config.listen_address, 0xC0A85802);
    assert_int_equal(config.listen_port, 5352);
    assert_false(config_parse_identity(&config, bad, &error));
    assert_non_null(strstr(error.text, "LISTEN_ADDR=\"5352\" is not valid"));
}

static void test_empty_is_not_set(void **state)
{
    const char *empty_gateway[] = {"VPN_GATEWAY=", ROUTER, PASSWORD, NULL};
    const char *empty_password[] = {GATEWAY, ROUTER, "MIKROTIK_API_PASSWORD=", NULL};
    const char *empty_rest[] = {GATEWAY,
                                ROUTER,
                                PASSWORD,
                                "MIKROTIK_API_PASSWORD_FILE=",
                                "MIKROTIK_API_USER=",
                                "INSTANCE=",
                                "MIKROTIK_API_TLS=",
                                "MIKROTIK_API_TLS_CA=",
                                "MIKROTIK_API_TLS_NAME=",
                                "MIKROTIK_API_TLS_FINGERPRINT=",
                                "MIKROTIK_API_TLS_INSECURE=",
                                "MIKROTIK_IN_INTERFACE=",
                                "LISTEN_ADDR=",
                                "MAX_MAPPINGS_PER_CLIENT=",
                                "LEASE_HOLD=",
                                "GATEWAY_MODE=",
                                "ON_CHANGE_SCRIPT=",
                                "STATIC_MAPPINGS=",
                                "GATEWAY_SOURCE=",
                                "GATEWAY_DEVICE=",
                                "LOG_LEVEL=",
                                NULL};
    (void)state;
    assert_false(config_parse(&config, empty_gateway, &error));
    assert_non_null(strstr(error.text, "VPN_GATEWAY is not set"));
    assert_false(config_parse(&config, empty_password, &error));
    assert_non_null(strstr(error.text, "MIKROTIK_API_PASSWORD is not set"));
    assert_true(config_parse(&config, empty_rest, &error));
    assert_string_equal(config.user, "admin");
    assert_string_equal(config.instance, "default");
    assert_int_equal(config.listen_port, 5351);
}

static void test_mappings(void **state)
{
    (void)state;
    check_good("MAX_MAPPINGS=1");
    assert_int_equal(config.mappings_max, 1);
    check_good("MAX_MAPPINGS=65535");
    assert_int_equal(config.mappings_max, MAPPINGS_MAX);
    check_bad("MAX_MAPPINGS=0");
    check_bad("MAX_MAPPINGS=65536");
}

static void test_change_script(void **state)
{
    static const char longest[] =
        "ON_CHANGE_SCRIPT=123456789012345678901234567890123456789012345678901234567890123";
    char too_long[sizeof(longest) + 1];
    (void)state;
    check_good(longest);
    assert_int_equal(strlen(config.change_script), SCRIPT_NAME_MAX);
    (void)snprintf(too_long, sizeof(too_long), "%s4", longest);
    check_bad(too_long);
}

static void test_router_changes(void **state)
{
    (void)state;
    check_good("ROUTER_CHANGES_PER_SECOND=0");
    assert_int_equal(config.router_changes_per_s, 0);
    check_good("ROUTER_CHANGES_PER_SECOND=1000");
    assert_int_equal(config.router_changes_per_s, ROUTER_CHANGES_MAX);
    check_bad("ROUTER_CHANGES_PER_SECOND=1001");
    check_bad("ROUTER_CHANGES_PER_SECOND=-1");
    check_bad("ROUTER_CHANGES_PER_SECOND=none");
}

/* Predecessor fault 39: A gateway that is no IPv4 address and an unknown log level pass; the password
 * cannot come from a file. */
static void test_gateway(void **state)
{
    static const char *const bad[] = {
        "::1",        "10.2.0",          "10.2.0.1.", "10.2.0.256", "010.2.0.1", "10.2.0.1 ",
        "10.2.0.1:1", "vpn.example",     "0.0.0.0",   "0.1.2.3",    "224.0.0.1", "239.1.1.1",
        "240.0.0.1",  "255.255.255.255", "+1.2.3.4",  "1.2.3",      "1..2.3",    "10.2.0.0x1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "VPN_GATEWAY=%s", bad[i]);
        check_bad(line);
    }
    check_good("VPN_GATEWAY=223.255.255.255");
    assert_int_equal(config.gateway, 0xDFFFFFFF);
    check_good("VPN_GATEWAY=127.0.0.1");
}

static void check_router(const char *value, const char *host, unsigned port)
{
    char line[512];
    (void)snprintf(line, sizeof(line), "MIKROTIK_API_ADDRESS=%s", value);
    check_good(line);
    assert_string_equal(config.router_host, host);
    assert_int_equal(config.router_port, port);
}

static void test_router_good(void **state)
{
    (void)state;
    check_router("10.0.0.1:1", "10.0.0.1", 1);
    check_router("10.0.0.1:65535", "10.0.0.1", 65535);
    check_router("router", "router", 8728);
    check_router("router.lan:8729", "router.lan", 8729);
    check_router("Router-1.lan.", "Router-1.lan.", 8728);
    check_router("api_proxy_1:8728", "api_proxy_1", 8728);
    check_router("3com.example", "3com.example", 8728);
    check_router("1.2.3.4.example", "1.2.3.4.example", 8728);
    check_router("[fd00::1]", "fd00::1", 8728);
    check_router("[fd00::1]:99", "fd00::1", 99);
    check_router("[::ffff:10.0.0.1]:99", "::ffff:10.0.0.1", 99);
}

static void test_router_bad(void **state)
{
    static const char *const bad[] = {
        ":8728",    "router:",   "router:0",      "router:65536", "router:x",   "router:1:2",
        "fd00::1",  "[fd00::1",  "[fd00::1]x",    "[fd00::1]:",   "[router]",   "[10.0.0.1]",
        "[]:8728",  "-router",   "router-",       "router-.lan",  "a..b",       ".a",
        "a b",      "a/b",       "http://router", "192.168.88",   "10.0.0.1.2", "300.1.1.1",
        "router.1", "224.0.0.1", "0.0.0.0",       "user@router",  ".",          "router:-1",
        "router: 1"};
    char line[512];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(line, sizeof(line), "MIKROTIK_API_ADDRESS=%s", bad[i]);
        check_bad(line);
    }
    assert_false(parse_with("MIKROTIK_API_ADDRESS=r\xc3\xb6uter"));
    assert_non_null(strstr(error.text, "\"r??uter\""));
}

static void test_router_lengths(void **state)
{
    char line[512] = "MIKROTIK_API_ADDRESS=";
    char *value = line + strlen(line);
    (void)state;
    memset(value, 'a', 63);
    check_good(line);
    memset(value, 'a', 64);
    assert_false(parse_with(line));
    for (unsigned i = 0; i < 253; i++)
        value[i] = i % 50 == 49 ? '.' : 'a';
    check_good(line);
    value[253] = 'a';
    assert_false(parse_with(line));
    assert_non_null(strstr(error.text, "aaa...\" is not valid"));
}

static void test_credentials(void **state)
{
    char line[512] = "MIKROTIK_API_USER=";
    (void)state;
    check_good("MIKROTIK_API_USER=d\xc3\xb6ner \"x\"=");
    assert_string_equal(config.user, "d\xc3\xb6ner \"x\"=");
    memset(line + strlen(line), 'u', CREDENTIAL_MAX);
    check_good(line);
    line[strlen(line)] = 'u';
    assert_false(parse_with(line));
    assert_false(parse_with("MIKROTIK_API_USER=a\x7f"));
    assert_false(parse_with("MIKROTIK_API_USER=a\nb"));
    assert_string_equal(error.text,
                        "MIKROTIK_API_USER=\"a?b\" is not valid; set it to a RouterOS user name of at "
                        "most 255 bytes without control characters");
}

static void test_password_is_never_shown(void **state)
{
    char line[512] = "MIKROTIK_API_PASSWORD=";
    (void)state;
    memset(line + strlen(line), 'p', CREDENTIAL_MAX);
    check_good(line);
    line[strlen(line)] = 'p';
    assert_false(parse_with(line));
    assert_string_equal(
        error.text, "MIKROTIK_API_PASSWORD=(hidden) is not valid; set it to a password of at most 255 bytes "
                    "without control characters");
    assert_false(parse_with("MIKROTIK_API_PASSWORD=" SECRET "\r"));
    assert_null(strstr(error.text, SECRET));
}

static void test_two_passwords(void **state)
{
    (void)state;
    assert_false(parse_with("MIKROTIK_API_PASSWORD_FILE=/run/p"));
    assert_string_equal(error.text,
                        "MIKROTIK_API_PASSWORD_FILE=\"/run/p\" is not allowed while MIKROTIK_API_PASSWORD "
                        "is set; set one of the two");
}

static void test_instance(void **state)
{
    (void)state;
    check_good("INSTANCE=Az09_.-");
    assert_string_equal(config.instance, "Az09_.-");
    check_good("INSTANCE=12345678901234567890123456789012");
    check_bad("INSTANCE=123456789012345678901234567890123");
    check_bad("INSTANCE=a b");
    check_bad("INSTANCE=a:b");
    check_bad("INSTANCE=a/b");
}

/* Parses the required lines and up to three lines more, which come first and therefore win. */
static bool parse_three(const char *first, const char *second, const char *third)
{
    const char *environment[7];
    unsigned count = 0;
    const char *const lines[] = {first, second, third, GATEWAY, ROUTER, PASSWORD};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (lines[i] != NULL)
            environment[count++] = lines[i];
    environment[count] = NULL;
    return config_parse(&config, environment, &error);
}

/* Predecessor fault 37: `True` for TLS means no TLS, and the password goes out in clear. */
static void test_tls(void **state)
{
    static const char *const off[] = {"false", "False", "NO", "off", "0"};
    static const char *const on[] = {"true", "True", "YES", "on", "1"};
    char text[160];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        (void)snprintf(text, sizeof(text), "MIKROTIK_API_TLS=%s", off[i]);
        check_good(text);
        assert_false(config.tls);
        assert_int_equal(config.router_port, 8728);
        (void)snprintf(text, sizeof(text), "MIKROTIK_API_TLS=%s", on[i]);
        check_good(text);
        assert_true(config.tls && !config.tls_insecure && !config.tls_pinned);
        assert_int_equal(config.router_port, 8729);
    }
    check_bad("MIKROTIK_API_TLS=maybe");
    check_bad("MIKROTIK_API_TLS=truee");
    check_bad("MIKROTIK_API_TLS=2");
    assert_true(parse_three("MIKROTIK_API_TLS=true", "MIKROTIK_API_ADDRESS=r:8728", NULL));
    assert_int_equal(config.router_port, 8728);
}

#define TLS "MIKROTIK_API_TLS=true"
#define CA "MIKROTIK_API_TLS_CA=/etc/ca.pem"
#define NAME "MIKROTIK_API_TLS_NAME=router.lan"
#define HEX "00112233445566778899AABBCCDDEEFF0123456789abcdefABCDEF9876543210"
#define PRINT "MIKROTIK_API_TLS_FINGERPRINT=" HEX
#define INSECURE "MIKROTIK_API_TLS_INSECURE=yes"

static void test_tls_settings(void **state)
{
    (void)state;
    assert_true(parse_three(TLS, CA, NAME));
    assert_string_equal(config.tls_ca_file, "/etc/ca.pem");
    assert_string_equal(config.tls_name, "router.lan");
    assert_true(parse_three(TLS, "MIKROTIK_API_TLS_NAME=My Router", NULL));
    assert_string_equal(config.tls_name, "My Router");
    assert_true(parse_three(TLS, INSECURE, NULL));
    assert_true(config.tls_insecure);
    assert_true(parse_three(TLS, PRINT, "MIKROTIK_API_TLS_INSECURE=no"));
    assert_true(config.tls_pinned && !config.tls_insecure);
    assert_true(parse_three("MIKROTIK_API_TLS_INSECURE=false", NULL, NULL));
    check_bad("MIKROTIK_API_TLS_INSECURE=maybe");
    assert_false(parse_three(TLS, "MIKROTIK_API_TLS_CA=a\tb", NULL));
}

static void test_fingerprint(void **state)
{
    static const char *const same[] = {
        HEX,
        "00112233445566778899aabbccddeeff0123456789ABCDEFabcdef9876543210",
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:01:23:45:67:89:AB:CD:EF:AB:CD:EF:98:76:54:32:10",
        "00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 01 23 45 67 89 ab cd ef ab cd ef 98 76 54 32 10",
        "0011223344556677 8899aabbccddeeff 0123456789abcdef abcdef9876543210",
    };
    static const uint8_t expected[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA,
                                       0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB,
                                       0xCD, 0xEF, 0xAB, 0xCD, 0xEF, 0x98, 0x76, 0x54, 0x32, 0x10};
    static const char *const bad[] = {
        "0011",
        "00112233445566778899AABBCCDDEEFF0123456789abcdefABCDEF987654321",
        HEX "0",
        HEX "00",
        HEX "zz",
        "g0112233445566778899AABBCCDDEEFF0123456789abcdefABCDEF9876543210",
        "0:0112233445566778899AABBCCDDEEFF0123456789abcdefABCDEF9876543210",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ":",
        "00112233445566778899AABBCCDDEEFF0123456789abcdefABCDEF98765432-10",
    };
    char line[256];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        (void)snprintf(line, sizeof(line), "MIKROTIK_API_TLS_FINGERPRINT=%s", same[i]);
        assert_true(parse_three(TLS, line, NULL));
        assert_memory_equal(config.tls_fingerprint, expected, sizeof(expected));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(line, sizeof(line), "MIKROTIK_API_TLS_FINGERPRINT=%s", bad[i]);
        if (parse_three(TLS, line, NULL))
            fail_msg("taken: %s", line);
        assert_non_null(strstr(error.text, "MIKROTIK_API_TLS_FINGERPRINT=\""));
    }
}

/* Each message names the variable that must not be set. */
static void test_tls_contradictions(void **state)
{
    static const char *const cases[][4] = {
        {CA, NULL, NULL, "MIKROTIK_API_TLS_CA is not allowed while MIKROTIK_API_TLS is not true"},
        {NAME, NULL, NULL, "MIKROTIK_API_TLS_NAME is not allowed while MIKROTIK_API_TLS is not true"},
        {PRINT, NULL, NULL, "MIKROTIK_API_TLS_FINGERPRINT is not allowed while MIKROTIK_API_TLS is not true"},
        {INSECURE, NULL, NULL, "MIKROTIK_API_TLS_INSECURE is not allowed while MIKROTIK_API_TLS is not true"},
        {"MIKROTIK_API_TLS=false", INSECURE, NULL, "MIKROTIK_API_TLS_INSECURE is not allowed"},
        {TLS, INSECURE, CA, "INSECURE=\"true\" is not allowed while MIKROTIK_API_TLS_CA is set"},
        {TLS, INSECURE, PRINT, "INSECURE=\"true\" is not allowed while MIKROTIK_API_TLS_FINGERPRINT is set"},
        {TLS, INSECURE, NAME, "INSECURE=\"true\" is not allowed while MIKROTIK_API_TLS_NAME is set"},
        {TLS, PRINT, CA, "MIKROTIK_API_TLS_CA is not allowed while MIKROTIK_API_TLS_FINGERPRINT is set"},
        {TLS, PRINT, NAME, "MIKROTIK_API_TLS_NAME is not allowed while MIKROTIK_API_TLS_FINGERPRINT is set"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(parse_three(cases[i][0], cases[i][1], cases[i][2]));
        if (strstr(error.text, cases[i][3]) == NULL)
            fail_msg("case %zu: %s", i, error.text);
    }
}

static void test_interface(void **state)
{
    (void)state;
    check_good("MIKROTIK_IN_INTERFACE=wg proton=1");
    assert_string_equal(config.in_interface, "wg proton=1");
    check_good("MIKROTIK_IN_INTERFACE=123456789012345678901234567890123456789012345678901234567890123");
    check_bad("MIKROTIK_IN_INTERFACE=1234567890123456789012345678901234567890123456789012345678901234");
    /* What RouterOS takes in a rule for several interfaces is no name of one. */
    check_bad("MIKROTIK_IN_INTERFACE=!wg1");
    check_bad("MIKROTIK_IN_INTERFACE=!all-ppp");
    check_bad("MIKROTIK_IN_INTERFACE=all");
    check_bad("MIKROTIK_IN_INTERFACE=none");
    check_bad("MIKROTIK_IN_INTERFACE=all-ethernet");
    check_bad("MIKROTIK_IN_INTERFACE=all-wireless");
    assert_non_null(strstr(error.text, "all-ethernet"));
    check_good("MIKROTIK_IN_INTERFACE=allianz");
    check_good("MIKROTIK_IN_INTERFACE=wg!1");
}

static void check_listen(const char *value, uint32_t address, unsigned port)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "LISTEN_ADDR=%s", value);
    check_good(line);
    assert_int_equal(config.listen_address, address);
    assert_int_equal(config.listen_port, port);
}

static void test_listen(void **state)
{
    static const char *const bad[] = {"5351",         ":",          ":0",         ":65536",
                                      "192.168.88.1", "lan:5351",   "[::]:5351",  "224.0.0.1:1",
                                      "a:b:",         "10.0.0.1:x", "[10.0.0.1]", "10.0.0.1]:1"};
    (void)state;
    check_listen(":5351", 0, 5351);
    check_listen("0.0.0.0:1", 0, 1);
    check_listen("192.168.88.1:5351", 0xC0A85801, 5351);
    check_listen("[192.168.88.1]:65535", 0xC0A85801, 65535);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "LISTEN_ADDR=%s", bad[i]);
        check_bad(line);
    }
}

static void test_status_listen(void **state)
{
    (void)state;
    check_good("STATUS_LISTEN=");
    assert_int_equal(config.status_port, 0);
    check_good("STATUS_LISTEN=:8080");
    assert_int_equal(config.status_address, 0);
    assert_int_equal(config.status_port, 8080);
    check_good("STATUS_LISTEN=172.17.0.2:80");
    assert_int_equal(config.status_address, 0xAC110002);
    check_bad("STATUS_LISTEN=8080");
    check_bad("STATUS_LISTEN=:0");
    check_bad("STATUS_LISTEN=nas.lan:8080");
}

static void test_client_mappings(void **state)
{
    (void)state;
    check_good("MAX_MAPPINGS_PER_CLIENT=1");
    assert_int_equal(config.client_mappings_max, 1);
    check_good("MAX_MAPPINGS_PER_CLIENT=1024");
    assert_int_equal(config.client_mappings_max, CLIENT_MAPPINGS_MAX);
    check_bad("MAX_MAPPINGS_PER_CLIENT=0");
    check_bad("MAX_MAPPINGS_PER_CLIENT=1025");
    check_bad("MAX_MAPPINGS_PER_CLIENT=65537");
    check_bad("MAX_MAPPINGS_PER_CLIENT=-1");
    check_bad("MAX_MAPPINGS_PER_CLIENT=64 ");
    check_bad("MAX_MAPPINGS_PER_CLIENT=many");
}

/* Predecessor fault 39: A gateway that is no IPv4 address and an unknown log level pass; the password
 * cannot come from a file. */
static void test_level(void **state)
{
    (void)state;
    check_good("GATEWAY_SOURCE=10.2.0.2");
    assert_int_equal(config.gateway_way.source, 0x0A020002);
    assert_string_equal(config.gateway_way.device, "");
    check_bad("GATEWAY_SOURCE=wg0");
    check_bad("GATEWAY_SOURCE=0.0.0.0");
    check_bad("GATEWAY_SOURCE=224.0.0.1");
    check_good("GATEWAY_DEVICE=wg0");
    assert_string_equal(config.gateway_way.device, "wg0");
    assert_int_equal(config.gateway_way.source, 0);
    check_good("GATEWAY_DEVICE=123456789012345");
    check_bad("GATEWAY_DEVICE=1234567890123456");
    check_good("GATEWAY_MODE=symmetric");
    assert_int_equal(config.gateway_mode, GATEWAY_MODE_SYMMETRIC);
    check_good("GATEWAY_MODE=AUTO");
    assert_int_equal(config.gateway_mode, GATEWAY_MODE_AUTO);
    check_bad("GATEWAY_MODE=asymmetric");
    check_good("LEASE_HOLD=Always");
    assert_int_equal(config.lease_hold, LEASE_HOLD_ALWAYS);
    check_good("LEASE_HOLD=off");
    assert_int_equal(config.lease_hold, LEASE_HOLD_OFF);
    check_good("LEASE_HOLD=auto");
    assert_int_equal(config.lease_hold, LEASE_HOLD_AUTO);
    check_bad("LEASE_HOLD=true");
    check_bad("LEASE_HOLD=7200");
    check_good("LOG_LEVEL=debug");
    assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
    check_good("LOG_LEVEL=Info");
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
    check_good("LOG_LEVEL=WARN");
    assert_int_equal(config.log_level, LOG_LEVEL_WARN);
    check_good("LOG_LEVEL=ERROR");
    assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
    check_bad("LOG_LEVEL=WARNING");
    check_bad("LOG_LEVEL=3");
}

/* ---- static mappings ---- */

static void check_static(unsigned i, enum natpmp_protocol protocol, uint32_t address, uint16_t internal_port,
                         uint16_t external_port)
{
    assert_true(i < config.static_mappings);
    assert_int_equal(config.static_mapping[i].protocol, protocol);
    assert_int_equal(config.static_mapping[i].address, address);
    assert_int_equal(config.static_mapping[i].internal_port, internal_port);
    assert_int_equal(config.static_mapping[i].external_port, external_port);
}

static void test_statics(void **state)
{
    (void)state;
    check_good("LOG_LEVEL=INFO");
    assert_int_equal(config.static_mappings, 0);
    check_good(
        "STATIC_MAPPINGS=tcp:192.168.88.11:32400, udp:192.168.88.12:51820 ,both:192.168.88.13:6881:6882");
    assert_int_equal(config.static_mappings, 4);
    check_static(0, NATPMP_TCP, 0xC0A8580B, 32400, 0);
    check_static(1, NATPMP_UDP, 0xC0A8580C, 51820, 0);
    check_static(2, NATPMP_TCP, 0xC0A8580D, 6881, 6882);
    check_static(3, NATPMP_UDP, 0xC0A8580D, 6881, 6882);
    check_good("STATIC_MAPPINGS=tcp:192.168.88.11:1,udp:192.168.88.11:1,tcp:192.168.88.11:2");
}

/* The entry is named, and what is wrong with it. */
static void check_bad_static(const char *value, const char *entry, const char *why)
{
    char variable[1024];
    char text[256];
    (void)snprintf(variable, sizeof(variable), "STATIC_MAPPINGS=%s", value);
    (void)snprintf(text, sizeof(text), "STATIC_MAPPINGS: the entry \"%s\" %s; set it to ", entry, why);
    const char *environment[] = {"VPN_GATEWAY=10.2.0.1",
                                 "MIKROTIK_API_ADDRESS=192.168.88.1",
                                 "MIKROTIK_API_PASSWORD=x",
                                 "LISTEN_ADDR=192.168.88.2:5351",
                                 "GATEWAY_SOURCE=192.168.88.3",
                                 variable,
                                 NULL};
    struct config_error why_not;
    struct config bad;
    assert_false(config_parse(&bad, environment, &why_not));
    if (strncmp(why_not.text, text, strlen(text)) != 0)
        fail_msg("%s\n%s", why_not.text, text);
}

static void test_bad_statics(void **state)
{
    static const char *const invalid[] = {
        "",
        "tcp",
        "tcp:192.168.88.11",
        "tcp:192.168.88.11:",
        "tcp:192.168.88.11:0",
        "tcp:192.168.88.11:65536",
        "tcp:192.168.88.11:80:",
        "tcp:192.168.88.11:80:0",
        "tcp:192.168.88.11:80:81:82",
        "tcp:192.168.88:80",
        "tcp:0.0.0.0:80",
        "tcp:224.0.0.1:80",
        "tcp:host.lan:80",
        "tcp::80",
        ":192.168.88.11:80",
        "TCP:192.168.88.11:80",
        "sctp:192.168.88.11:80",
        "tcp 192.168.88.11 80",
    };
    char value[256];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        (void)snprintf(value, sizeof(value), "udp:192.168.88.11:53, %s ,udp:192.168.88.11:54", invalid[i]);
        check_bad_static(value, invalid[i], "is not valid");
    }
    check_bad_static("tcp:127.0.0.1:80", "tcp:127.0.0.1:80", "leads to a loopback address");
    check_bad_static("tcp:10.2.0.1:80", "tcp:10.2.0.1:80", "leads to the gateway");
    check_bad_static("tcp:8.8.8.8:80", "tcp:8.8.8.8:80", "has an address that no host of a LAN has");
    check_bad_static("tcp:100.64.0.1:80", "tcp:100.64.0.1:80", "has an address that no host of a LAN has");
    check_bad_static("tcp:192.168.88.1:80", "tcp:192.168.88.1:80", "leads to the router");
    check_bad_static("tcp:192.168.88.2:80", "tcp:192.168.88.2:80", "leads to double-natpmp itself");
    check_bad_static("udp:192.168.88.3:80", "udp:192.168.88.3:80", "leads to double-natpmp itself");
    check_bad_static("both:192.168.88.11:80,udp:192.168.88.11:80", "udp:192.168.88.11:80",
                     "is for a port that another entry is for");
    check_bad_static("tcp:192.168.88.11:80:90,tcp:192.168.88.12:80:90", "tcp:192.168.88.12:80:90",
                     "has the external port of another entry");
}

static void test_too_many_statics(void **state)
{
    char value[2048] = "";
    size_t len = 0;
    (void)state;
    for (unsigned port = 1; port <= STATIC_MAPPINGS_MAX; port += 2)
        len += (size_t)snprintf(value + len, sizeof(value) - len, "both:192.168.88.11:%u,", port);
    char variable[sizeof(value) + 64];
    (void)snprintf(variable, sizeof(variable), "STATIC_MAPPINGS=%s", value);
    check_good(variable);
    assert_int_equal(config.static_mappings, STATIC_MAPPINGS_MAX);
    (void)snprintf(value + len, sizeof(value) - len, "tcp:192.168.88.11:99");
    char list[1024];
    assert_true(snprintf(list, sizeof(list), "%s", value) < (int)sizeof(list));
    check_bad_static(list, "tcp:192.168.88.11:99", "is one too many: 64 are allowed, and both counts twice");
}

static void test_statics_have_room(void **state)
{
    const char *environment[] = {GATEWAY,          ROUTER, PASSWORD, "STATIC_MAPPINGS=both:192.168.88.11:1",
                                 "MAX_MAPPINGS=1", NULL};
    (void)state;
    assert_false(config_parse(&config, environment, &error));
    assert_string_equal(error.text,
                        "MAX_MAPPINGS=1 is less than the 2 mappings of STATIC_MAPPINGS; raise it, or "
                        "remove entries");
    environment[4] = "MAX_MAPPINGS=2";
    assert_true(config_parse(&config, environment, &error));
}

UNIT(config)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_empty_is_not_set),
        cmocka_unit_test(test_gateway),
        cmocka_unit_test(test_router_good),
        cmocka_unit_test(test_router_bad),
        cmocka_unit_test(test_router_lengths),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_password_is_never_shown),
        cmocka_unit_test(test_two_passwords),
        cmocka_unit_test(test_instance),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_settings),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_tls_contradictions),
        cmocka_unit_test(test_interface),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_status_listen),
        cmocka_unit_test(test_client_mappings),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_change_script),
        cmocka_unit_test(test_router_changes),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_statics),
        cmocka_unit_test(test_bad_statics),
        cmocka_unit_test(test_too_many_statics),
        cmocka_unit_test(test_statics_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
