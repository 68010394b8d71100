/* Each way in which a connection to the router fails has its own words in the log, in `health` and in
 * `check`. */
#include <stdio.h>

#include "check_unit.h"
#include "core/router.h"

enum { LINE_MAX = 120 };

static const struct {
    enum failure failure;
    enum log_level level;
    const char *what;
    const char *log;
    const char *cure; /* NULL: no finding, or one of its own */
} rows[] = {
    {FAILURE_RESOLVE, LOG_LEVEL_WARN,
     "the router's name cannot be resolved: the name in MIKROTIK_API_ADDRESS has no address", "DNS server",
     "set MIKROTIK_API_ADDRESS to an address of the router that this machine reaches, and to the port of its "
     "service api-ssl"},
    {FAILURE_REFUSED, LOG_LEVEL_WARN, "the router refuses connections: its API service is disabled",
     "/ip/service/enable api", "/ip/service/set api-ssl disabled=no port=8729"},
    {FAILURE_UNREACHABLE, LOG_LEVEL_WARN, "the router cannot be reached: this machine has no route to it",
     "this machine's routes", "set MIKROTIK_API_ADDRESS"},
    {FAILURE_TIMEOUT, LOG_LEVEL_WARN, "the router does not answer: a firewall drops the connection",
     "accept TCP port 8728",
     "/ip/firewall/filter/add chain=input src-address=172.17.0.2 protocol=tcp dst-port=8729 action=accept "
     "place-before=[:pick [/ip/firewall/filter/find dynamic=no] 0]"},
    {FAILURE_HERE, LOG_LEVEL_WARN, "no connection to the router can be opened: the cause is on this machine",
     "file descriptors", "ip -4 address; ulimit -n"},
    {FAILURE_LOST, LOG_LEVEL_WARN, "the connection to the router ended", "ended; retrying",
     "/log/print where topics~\"error|critical|system\""},
    {FAILURE_TLS_REFUSED, LOG_LEVEL_ERROR,
     "the router refuses TLS: in most cases its service api-ssl has no certificate", "/certificate/sign api",
     "/certificate/add name=api common-name=172.17.0.1 days-valid=3650; /certificate/sign api; "
     "/ip/service/set api-ssl certificate=api"},
    {FAILURE_TLS_UNTRUSTED, LOG_LEVEL_ERROR,
     "the router's certificate is not trusted: no CA that is trusted here signed it", "MIKROTIK_API_TLS_CA",
     "/certificate/get [/ip/service/get api-ssl certificate] fingerprint]"},
    {FAILURE_TLS_OUTDATED, LOG_LEVEL_ERROR, "the router's certificate has expired or is not valid yet",
     "compare the clocks", "/certificate/sign api"},
    {FAILURE_TLS_WRONG_NAME, LOG_LEVEL_ERROR, "the router's certificate is for another name: it must name",
     "subject-alt-name", "/certificate/add name=api common-name=172.17.0.1"},
    {FAILURE_TLS_WRONG_PRINT, LOG_LEVEL_ERROR,
     "the router's certificate has another fingerprint: it was replaced", "MIKROTIK_API_TLS_FINGERPRINT",
     "/certificate/get [/ip/service/get api-ssl certificate] fingerprint]"},
    {FAILURE_TLS_BROKEN, LOG_LEVEL_WARN,
     "the router does not speak TLS: the port is not that of api-ssl, or the service does not allow this "
     "address",
     "8729", "/ip/service/print detail where name=api-ssl"},
    {FAILURE_SILENT_LOGIN, LOG_LEVEL_WARN,
     "the router does not answer the login: the service does not allow this address, or max-sessions is "
     "reached",
     "/ip/service/print detail", "/ip/service/print detail where name=api-ssl"},
    {FAILURE_LOGIN, LOG_LEVEL_ERROR, "the router refuses the login: wrong password",
     "check MIKROTIK_API_USER", "/user/set [find name=natpmp] password="},
    {FAILURE_SILENT, LOG_LEVEL_WARN, "the router stopped answering", "answering; retrying", "/log/print"},
    {FAILURE_UNANSWERED, LOG_LEVEL_WARN,
     "the router does not answer a command: until it does, nothing new is mapped", "/system/resource/print",
     "/log/print"},
    {FAILURE_PROTOCOL, LOG_LEVEL_ERROR,
     "the router does not speak the RouterOS API: MIKROTIK_API_ADDRESS names another port",
     "fix=\"check MIKROTIK_API_ADDRESS", "set MIKROTIK_API_ADDRESS"},
    {FAILURE_READ_POLICY, LOG_LEVEL_ERROR, "the API user may not read the router's tables",
     "/user/group/print", NULL},
    {FAILURE_WRITE_POLICY, LOG_LEVEL_ERROR, "the API user may not change NAT rules", "/user/group/print",
     NULL},
    {FAILURE_NO_INTERFACE, LOG_LEVEL_WARN,
     "the router does not show the way to the gateway: the interface for the rules is unknown",
     "set MIKROTIK_IN_INTERFACE", NULL},
    {FAILURE_BAD_INTERFACE, LOG_LEVEL_ERROR,
     "the router refuses rules for MIKROTIK_IN_INTERFACE: it has no interface of that name",
     "correct MIKROTIK_IN_INTERFACE", NULL},
    {FAILURE_REFUSES_RULES, LOG_LEVEL_WARN, "the router refuses to add rules: an earlier line has its reason",
     "/log/print", NULL},
    {FAILURE_INVALID_RULES, LOG_LEVEL_WARN, "the router says that rules of double-natpmp are invalid",
     "/ip/firewall/nat/print detail where invalid", NULL},
    {FAILURE_HIDDEN_RULES, LOG_LEVEL_WARN,
     "another rule on the router takes the connections of our rules: it is put before them",
     "/ip/firewall/nat/print where chain=dstnat", NULL},
    {FAILURE_BARRED, LOG_LEVEL_WARN, "a dynamic rule on the router takes everything from the tunnel",
     "/ip/firewall/nat/print detail where dynamic", NULL},
    {FAILURE_SLOW, LOG_LEVEL_WARN, "the router needs longer than 12 s to add a rule",
     "/system/resource/print", NULL},
    {FAILURE_COMMAND, LOG_LEVEL_WARN, NULL,
     "the router refused a command; retrying message=\"failure: busy\"", NULL},
};

/* The text of the only action, which is a log line. */
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

/* Every row of the table must have one here. */
static void test_each_failure_once(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), FAILURES_END - 1);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(rows[i].failure, i + 1);
}

/* `health` reports the state alone. */
static void check_state(unsigned row, const char *state, const char *what)
{
    bool begins = state != NULL && what != NULL && strncmp(what, state, strlen(state)) == 0;
    if (!begins && (state != NULL || what != NULL))
        fail_msg("row %u: \"%s\" does not begin with \"%s\"", row, what != NULL ? what : "",
                 state != NULL ? state : "");
}

/* The line is complete, and short enough for a screen up to its keys. */
static void check_line(unsigned row, const char *line, const char *what, const char *part)
{
    const char *keys = strchr(line, '=');
    check_contains(row, line, what != NULL ? what : "");
    check_contains(row, line, "; retrying");
    check_contains(row, line, part);
    if ((keys == NULL ? strlen(line) : (size_t)(keys - line)) > LINE_MAX + strlen(" message"))
        fail_msg("row %u: too long: %s", row, line);
    if (keys != NULL && line[strlen(line) - 1] != '"')
        fail_msg("row %u: cut: %s", row, line);
}

static void test_log(void **state)
{
    static struct router router;
    static struct actions out;
    (void)state;
    assert_null(failure_text(FAILURE_NONE)->state);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        actions_clear(&out, LOG_LEVEL_WARN);
        bool refused = rows[i].failure == FAILURE_COMMAND;
        router.trouble = FAILURE_NONE;
        router_report(&router, rows[i].failure, span_text(refused ? "failure: busy" : ""), &out);
        check_state(i, failure_text(rows[i].failure)->state, rows[i].what);
        check_line(i, only_line(&out, rows[i].level), rows[i].what, rows[i].log);
    }
}

/* The same words as in the log, and a cure without a placeholder. */
static void check_row(unsigned row, enum finding_id id, const char *what, const char *where, const char *cure)
{
    const struct finding *f = find(id);
    if (f == NULL) {
        fail_msg("row %u: no finding", row);
        return;
    }
    check_contains(row, f->what, what);
    check_contains(row, f->what, where);
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
        bool login = rows[i].failure == FAILURE_LOGIN;
        if (rows[i].cure != NULL)
            check_row(i, login ? FINDING_LOGIN : FINDING_API, rows[i].what,
                      login ? " (user natpmp)" : " (172.17.0.1 port 8729)", rows[i].cure);
    }
}

/* ---- the gateway ---- */

static const struct {
    enum gateway_trouble trouble;
    const char *what;
    const char *log;
    const char *cure; /* NULL: findings of its own */
} gateway_rows[] = {
    {GATEWAY_SILENT, "the gateway does not answer: the tunnel is down", "check the tunnel",
     "/tool/ping 10.2.0.1 count=3"},
    {GATEWAY_REFUSES, "the gateway gives no external address: it does not authorize this client",
     "with ProtonVPN", NULL},
    {GATEWAY_NO_NAT_PMP, "the gateway does not speak NAT-PMP", "check VPN_GATEWAY, and that the provider",
     NULL},
    {GATEWAY_REFUSES_MAPPINGS, "the gateway refuses every mapping: the key was made without NAT-PMP",
     "make a new WireGuard key", "make a new WireGuard key with NAT-PMP"},
    {GATEWAY_PORT_UNREACHABLE, "the gateway refuses NAT-PMP (port unreachable): the key was made without it",
     "make a new WireGuard key", "make a new WireGuard key with NAT-PMP"},
    {GATEWAY_NO_ROUTE, "the gateway cannot be reached: there is no route to it", "the tunnel is up",
     "/interface/wireguard/peers/print detail"},
    {GATEWAY_NO_SOURCE,
     "GATEWAY_SOURCE or GATEWAY_DEVICE cannot be used: this machine does not have that address or interface",
     "the tunnel is up", "ip -4 address"},
    {GATEWAY_SEND_FAILED, "nothing can be sent to the gateway: this machine's firewall may forbid it",
     "allow outgoing UDP", "allow outgoing UDP"},
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
        check_state(i, gateway_trouble_text(gateway_rows[i].trouble)->state, gateway_rows[i].what);
        actions_clear(&out, LOG_LEVEL_WARN);
        upstream_report(&upstream, gateway_rows[i].trouble, &out);
        check_line(i, only_line(&out, LOG_LEVEL_WARN), gateway_rows[i].what, gateway_rows[i].log);
        survey->upstream.trouble = (uint8_t)gateway_rows[i].trouble;
        if (gateway_rows[i].cure != NULL)
            check_row(i, FINDING_GATEWAY, gateway_rows[i].what, " (10.2.0.1)", gateway_rows[i].cure);
    }
}

UNIT(failure)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_failure_once),
        TEST(test_log),
        TEST(test_check),
        TEST(test_the_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
