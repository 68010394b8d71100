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
};

static void check_contains(enum failure failure, const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("failure %d: no \"%s\" in \"%s\"", (int)failure, part, text == NULL ? "" : text);
}

/* A row of the program without one here is a failure. */
static void test_each_failure_once(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), ALL_FAILURES);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(rows[i].failure, i + 1);
}

static void test_health(void **state)
{
    (void)state;
    assert_null(failure_text(FAILURE_NONE)->state);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        check_contains(rows[i].failure, failure_text(rows[i].failure)->state, rows[i].state);
}

static void test_log(void **state)
{
    static struct router router;
    static struct actions out;
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char text[600];
        actions_clear(&out, LOG_LEVEL_WARN);
        router.session[0].failure = (uint8_t)rows[i].failure;
        router_report(&router, ROUTER_TROUBLE_SESSION, span_of(NULL, 0), &out);
        assert_int_equal(out.count, 1);
        assert_int_equal(out.at[0].type, ACTION_LOG);
        assert_int_equal(out.at[0].log.level, rows[i].level);
        (void)snprintf(text, sizeof text, "%.*s", (int)out.at[0].log.text.len,
                       (const char *)out.at[0].log.text.data);
        check_contains(rows[i].failure, text, rows[i].log);
        /* The line was not cut. */
        const char *end =
            failure_text(rows[i].failure)->remedy != NULL ? "; trying on" : "; connecting again";
        assert_string_equal(text + strlen(text) - strlen(end), end);
    }
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
        const struct finding *f = find(FINDING_API);
        if (rows[i].finding == NULL)
            continue; /* has a finding of its own */
        check_contains(rows[i].failure, f->what, "the API at 172.17.0.1 port 8729 ");
        check_contains(rows[i].failure, f->what, rows[i].finding);
        check_contains(rows[i].failure, f->cure, rows[i].cure);
        assert_null(strchr(f->cure, '{'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_failure_once),
        TEST(test_health),
        TEST(test_log),
        TEST(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
