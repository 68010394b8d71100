/* Each way in which a connection to the router fails has its own words in the log, in `health` and in
 * `check`. */
#include <stdio.h>

#include "check_unit.h"
#include "core/router.h"

static const struct {
    enum failure failure;
    enum log_level level;
    const char *state;
    const char *log;
    const char *finding;
    const char *cure;
} rows[] = {
    {FAILURE_RESOLVE, LOG_LEVEL_WARN, "cannot be resolved", "check it and the DNS server", "has no address",
     "set MIKROTIK_API_ADDRESS to an address of the router that this machine reaches, and the port of its "
     "service api-ssl"},
    {FAILURE_REFUSED, LOG_LEVEL_WARN, "refuses API connections", "/ip/service/enable api",
     "refuses connections", "/ip/service/set api-ssl disabled=no port=8729"},
    {FAILURE_UNREACHABLE, LOG_LEVEL_WARN, "cannot be reached", "no route to the router", "no route from here",
     "set MIKROTIK_API_ADDRESS"},
    {FAILURE_TIMEOUT, LOG_LEVEL_WARN, "does not answer API connections", "accept TCP port 8728",
     "a firewall drops the connection",
     "/ip/firewall/filter/add chain=input src-address=172.17.0.2 protocol=tcp dst-port=8729 action=accept "
     "place-before=[:pick [/ip/firewall/filter/find dynamic=no] 0]"},
    {FAILURE_HERE, LOG_LEVEL_WARN, "can be opened from here", "file descriptors",
     "this machine makes no connection", "ip -4 address; ulimit -n"},
    {FAILURE_LOST, LOG_LEVEL_WARN, "was lost", "was lost; connecting again", "ended the connection",
     "/log/print where topics~\"error|critical|system\""},
    {FAILURE_TLS_REFUSED, LOG_LEVEL_ERROR, "refuses TLS", "/certificate/sign api", "has no certificate",
     "/certificate/add name=api common-name=172.17.0.1 days-valid=3650; /certificate/sign api; "
     "/ip/service/set api-ssl certificate=api"},
    {FAILURE_TLS_UNTRUSTED, LOG_LEVEL_ERROR, "from no CA that is trusted", "MIKROTIK_API_TLS_CA",
     "not signed by a CA", "/certificate/get [/ip/service/get api-ssl certificate] fingerprint]"},
    {FAILURE_TLS_OUTDATED, LOG_LEVEL_ERROR, "expired or not yet valid", "compare the clocks", "has expired",
     "/certificate/sign api"},
    {FAILURE_TLS_WRONG_NAME, LOG_LEVEL_ERROR, "for another name", "subject-alt-name", "for another name",
     "/certificate/add name=api common-name=172.17.0.1"},
    {FAILURE_TLS_WRONG_PRINT, LOG_LEVEL_ERROR, "has another fingerprint", "MIKROTIK_API_TLS_FINGERPRINT",
     "with another fingerprint", "/certificate/get [/ip/service/get api-ssl certificate] fingerprint]"},
    {FAILURE_TLS_BROKEN, LOG_LEVEL_WARN, "TLS with the router", "speaks no TLS", "speaks no TLS",
     "/ip/service/print detail where name=api-ssl"},
    {FAILURE_SILENT_LOGIN, LOG_LEVEL_WARN, "does not answer the login", "max-sessions",
     "max-sessions is used up", "/ip/service/print detail where name=api-ssl"},
    {FAILURE_LOGIN, LOG_LEVEL_ERROR, "refuses the login", "check MIKROTIK_API_USER", NULL, NULL},
    {FAILURE_SILENT, LOG_LEVEL_WARN, "stopped answering", "stopped answering; connecting again",
     "stopped answering", "/log/print"},
    {FAILURE_PROTOCOL, LOG_LEVEL_ERROR, "does not speak the RouterOS API", "check the port",
     "does not speak the RouterOS API", "set MIKROTIK_API_ADDRESS"},
    {FAILURE_READ_POLICY, LOG_LEVEL_ERROR, "may not read the router's tables", "/user/group/set", NULL, NULL},
    {FAILURE_WRITE_POLICY, LOG_LEVEL_ERROR, "may not change NAT rules", "/user/group/set", NULL, NULL},
    {FAILURE_NO_INTERFACE, LOG_LEVEL_WARN, "has no route to the gateway", "set MIKROTIK_IN_INTERFACE", NULL,
     NULL},
    {FAILURE_COMMAND, LOG_LEVEL_WARN, NULL, "message=\"failure: busy\"", NULL, NULL},
};

/* The text of the one action, which is a line of the log. */
static const char *only_line(const struct actions *out, enum log_level level)
{
    static char text[600];
    assert_int_equal(out->count, 1);
    assert_int_equal(out->at[0].type, ACTION_LOG);
    assert_int_equal(out->at[0].log.level, level);
    (void)snprintf(text, sizeof text, "%.*s", (int)out->at[0].log.text.len,
                   (const char *)out->at[0].log.text.data);
    return text;
}

static void check_contains(unsigned row, const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("row %u: no \"%s\" in \"%s\"", row, part, text == NULL ? "" : text);
}

/* A row of the program without one here is a failure. */
static void test_each_failure_once(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), FAILURES_END - 1);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(rows[i].failure, i + 1);
}

static void test_health(void **state)
{
    (void)state;
    assert_null(failure_text(FAILURE_NONE)->state);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].state != NULL)
            check_contains(i, failure_text(rows[i].failure)->state, rows[i].state);
        else
            assert_null(failure_text(rows[i].failure)->state);
}

static void test_log(void **state)
{
    static struct router router;
    static struct actions out;
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        actions_clear(&out, LOG_LEVEL_WARN);
        router_report(&router, rows[i].failure, span_text("failure: busy"), &out);
        const char *text = only_line(&out, rows[i].level);
        check_contains(i, text, rows[i].log);
    }
}

/* One phrase behind what is judged, and the cure without a blank that was not filled in. */
static void check_row(unsigned row, enum finding_id id, const char *subject, const char *what,
                      const char *cure)
{
    const struct finding *f = find(id);
    if (f == NULL) {
        fail_msg("row %u: no finding", row);
        return;
    }
    check_contains(row, f->what, subject);
    check_contains(row, f->what, what);
    check_contains(row, f->cure, cure);
    if (strchr(f->cure, '{') != NULL)
        fail_msg("row %u: %s", row, f->cure);
}

static void test_check(void **state)
{
    (void)state;
    survey->logged_in = false;
    survey->trial = TRIAL_NONE;
    config.tls = true;
    config.router_port = 8729;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        survey->failure = (uint8_t)rows[i].failure;
        if (rows[i].finding == NULL)
            continue; /* has a finding of its own */
        check_row(i, FINDING_API, "the API at 172.17.0.1 port 8729 ", rows[i].finding, rows[i].cure);
    }
}

/* ---- the gateway ---- */

static const struct {
    enum gateway_trouble trouble;
    enum log_level level;
    const char *state;
    const char *log;
    const char *finding;
    const char *cure;
} gateway_rows[] = {
    {GATEWAY_SILENT, LOG_LEVEL_WARN, "does not answer", "check that the tunnel is up", "the tunnel is down",
     "/ping 10.2.0.1 count=3"},
    {GATEWAY_REFUSES, LOG_LEVEL_WARN, "NAT-PMP is not allowed",
     "tells no external address: we are not authorized", NULL, NULL},
    {GATEWAY_TROUBLE_PORT_UNREACHABLE, LOG_LEVEL_WARN, "refuses NAT-PMP", "port unreachable",
     "refuses NAT-PMP", "make a new WireGuard key with NAT-PMP"},
    {GATEWAY_TROUBLE_NO_ROUTE, LOG_LEVEL_WARN, "no route to the gateway", "no route to the gateway",
     "no route from here", "/interface/wireguard/peers/print detail"},
    {GATEWAY_TROUBLE_NO_SOURCE, LOG_LEVEL_WARN, "GATEWAY_SOURCE or GATEWAY_DEVICE",
     "does not have the address", "GATEWAY_SOURCE or GATEWAY_DEVICE", "ip -4 address"},
    {GATEWAY_TROUBLE_SEND_FAILED, LOG_LEVEL_WARN, "nothing can be sent", "a local firewall",
     "a firewall of this machine", "allow UDP port 5351"},
};

static void test_the_gateway(void **state)
{
    static struct upstream upstream;
    static struct actions out;
    (void)state;
    assert_int_equal(ARRAY_LEN(gateway_rows), GATEWAY_TROUBLES - GATEWAY_SILENT);
    survey->upstream.address_known = false;
    upstream.trouble_result = NATPMP_NOT_AUTHORIZED;
    for (unsigned i = 0; i < ARRAY_LEN(gateway_rows); i++) {
        assert_int_equal(gateway_rows[i].trouble, GATEWAY_SILENT + i);
        check_contains(i, gateway_trouble_text(gateway_rows[i].trouble)->state, gateway_rows[i].state);
        actions_clear(&out, LOG_LEVEL_WARN);
        upstream_report(&upstream, gateway_rows[i].trouble, &out);
        check_contains(i, only_line(&out, gateway_rows[i].level), gateway_rows[i].log);
        if (gateway_rows[i].finding == NULL)
            continue; /* has findings of its own */
        survey->upstream.trouble = (uint8_t)gateway_rows[i].trouble;
        check_row(i, FINDING_GATEWAY, "the gateway 10.2.0.1 ", gateway_rows[i].finding, gateway_rows[i].cure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_failure_once), TEST(test_health), TEST(test_log), TEST(test_check),
        TEST(test_the_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
