/* What `double-natpmp watch` gets from the daemon, and what it prints. */

#include "app/change_report.h"
#include "app/version.h"
#include "app/watch.h"
#include "unit.h"

enum { NOW = 1800000000 }; /* 2027-01-15T08:00:00Z */

static char text[4096];

static const char *printed(const struct notice *notice, bool initial)
{
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    change_report(notice, NOW, initial, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

#define MAPPING                                                                                              \
    .client = 0xC0A8580B, .external_address = 0xCB007109, .internal_port = 6881, .router_port = 7000,        \
    .external_port = 41001

static void test_mappings(void **state)
{
    struct notice mapped = {.kind = NOTICE_MAPPED, .protocol = NATPMP_TCP, MAPPING};
    struct notice changed = {.kind = NOTICE_CHANGED, .protocol = NATPMP_UDP, .before = 41000, MAPPING};
    struct notice ended = {.kind = NOTICE_ENDED, .protocol = NATPMP_TCP, MAPPING};
    struct notice all = {.kind = NOTICE_ENDED};
    (void)state;
    assert_string_equal(printed(&mapped, true),
                        "{\"event\": \"mapped\", \"time\": \"2027-01-15T08:00:00Z\", "
                        "\"client\": \"192.168.88.11\", \"protocol\": \"tcp\", \"internal_port\": 6881, "
                        "\"router_port\": 7000, \"external_address\": \"203.0.113.9\", "
                        "\"external_port\": 41001, \"initial\": true}\n");
    assert_string_equal(printed(&changed, false),
                        "{\"event\": \"changed\", \"time\": \"2027-01-15T08:00:00Z\", "
                        "\"client\": \"192.168.88.11\", \"protocol\": \"udp\", \"internal_port\": 6881, "
                        "\"router_port\": 7000, \"external_address\": \"203.0.113.9\", "
                        "\"external_port\": 41001, \"previous_port\": 41000, \"initial\": false}\n");
    ended.external_address = 0;
    assert_string_equal(printed(&ended, false),
                        "{\"event\": \"ended\", \"time\": \"2027-01-15T08:00:00Z\", "
                        "\"client\": \"192.168.88.11\", \"protocol\": \"tcp\", \"internal_port\": 6881, "
                        "\"router_port\": 7000, \"external_address\": null, "
                        "\"external_port\": 41001, \"initial\": false}\n");
    assert_string_equal(printed(&all, false),
                        "{\"event\": \"ended\", \"time\": \"2027-01-15T08:00:00Z\", "
                        "\"client\": null, \"protocol\": null, \"internal_port\": null, "
                        "\"router_port\": null, \"external_address\": null, "
                        "\"external_port\": null, \"initial\": false}\n");
}

static void test_trouble(void **state)
{
    struct notice address = {.kind = NOTICE_ADDRESS, .external_address = 0xCB007109};
    struct notice router = {.kind = NOTICE_TROUBLE, .part = NOTICE_ROUTER, .trouble = FAILURE_LOST};
    struct notice gateway = {.kind = NOTICE_TROUBLE, .part = NOTICE_GATEWAY, .trouble = GATEWAY_SILENT};
    struct notice standing_by = {.kind = NOTICE_TROUBLE, .part = NOTICE_ROUTER, .standing_by = true};
    struct notice recovered = {.kind = NOTICE_RECOVERED, .part = NOTICE_GATEWAY, .trouble = GATEWAY_FINE};
    (void)state;
    assert_string_equal(printed(&address, false),
                        "{\"event\": \"address\", \"time\": \"2027-01-15T08:00:00Z\", "
                        "\"external_address\": \"203.0.113.9\", \"initial\": false}\n");
    assert_string_equal(printed(&router, false),
                        "{\"event\": \"trouble\", \"time\": \"2027-01-15T08:00:00Z\", \"part\": \"router\", "
                        "\"trouble\": \"the connection to the router ended\", \"remedy\": null, "
                        "\"initial\": false}\n");
    assert_non_null(strstr(printed(&gateway, false), "\"part\": \"gateway\", \"trouble\": \"the gateway does "
                                                     "not answer\", \"remedy\": \"check the tunnel, "));
    assert_non_null(strstr(printed(&standing_by, false), "\"remedy\": \"stop one of the two, "));
    assert_string_equal(printed(&recovered, false),
                        "{\"event\": \"recovered\", \"time\": \"2027-01-15T08:00:00Z\", "
                        "\"part\": \"gateway\", \"initial\": false}\n");
}

/* What is, in the form of changes: only mappings of which a notice told are in it. */
static void test_state(void **state)
{
    static struct mapping_status rows[] = {
        {.client = 0xC0A8580B, .internal_port = 6881, .router_port = 6881, .noted = 41001},
        {.client = 0xC0A8580C, .internal_port = 9, .condition = MAPPING_REFUSED},
    };
    struct status_report report = {.row = rows, .rows = ARRAY_LEN(rows), .head.now = NOW};
    (void)state;
    report.head.proxy.router_ready = true;
    report.head.proxy.gateway_trouble = GATEWAY_SILENT;
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    change_report_state(&report, out);
    assert_int_equal(fclose(out), 0);
    const char *router = strstr(text, "{\"event\": \"recovered\"");
    const char *gateway = strstr(text, "{\"event\": \"trouble\"");
    const char *address = strstr(text, "{\"event\": \"address\"");
    const char *mapped = strstr(text, "{\"event\": \"mapped\"");
    assert_true(router == text && gateway > router && address > gateway && mapped > address);
    assert_non_null(strstr(mapped, "\"external_port\": 41001, \"initial\": true}\n"));
    assert_null(strstr(mapped + 1, "{\"event\""));
}

static void test_lost(void **state)
{
    (void)state;
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    change_report_lost(7, NOW, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "{\"event\": \"lost\", \"time\": \"2027-01-15T08:00:00Z\", \"lines\": 7, "
                              "\"initial\": false}\n");
}

/* ---- between the processes ---- */

static void test_daemon(void **state)
{
    static struct changes changes;
    uint64_t position;
    (void)state;
    struct notice notice = {.kind = NOTICE_ADDRESS};
    changes_add(&changes, &notice, 5);
    struct span greeting = watch_handlers.greet(&changes, FEED_WELCOME, &position);
    struct watch_greeting got;
    assert_int_equal(greeting.len, sizeof(got));
    memcpy(&got, greeting.data, sizeof(got));
    assert_true(watch_greeting_is_valid(&got, greeting.len));
    assert_int_equal(position, 1);
    assert_int_equal(watch_handlers.next(&changes, &position).len, 0);
    notice.number = 1;
    changes_add(&changes, &notice, 6);
    struct span message = watch_handlers.next(&changes, &position);
    struct change change;
    assert_int_equal(message.len, sizeof(change));
    memcpy(&change, message.data, sizeof(change));
    assert_true(watch_change_is_valid(&change, message.len));
    assert_int_equal(change.at_ms, 6);
    assert_int_equal(position, 2);
}

static void check_bad(struct change change)
{
    assert_false(watch_change_is_valid(&change, sizeof(change)));
}

/* Any process may have taken the name before the daemon. */
static void test_messages_of_strangers(void **state)
{
    struct watch_greeting greeting = {.verdict = FEED_VERDICTS - 1};
    struct change change = {.notice = {.kind = NOTICES - 1}};
    (void)state;
    (void)snprintf(greeting.version, sizeof(greeting.version), "%s", version);
    assert_true(watch_greeting_is_valid(&greeting, sizeof(greeting)));
    assert_false(watch_greeting_is_valid(&greeting, sizeof(greeting) - 1));
    greeting.verdict++;
    assert_false(watch_greeting_is_valid(&greeting, sizeof(greeting)));
    greeting.verdict = 0;
    greeting.version[0] = 'x';
    assert_false(watch_greeting_is_valid(&greeting, sizeof(greeting)));
    memset(greeting.version, 'x', sizeof(greeting.version));
    assert_false(watch_greeting_is_valid(&greeting, sizeof(greeting)));

    assert_true(watch_change_is_valid(&change, sizeof(change)));
    assert_false(watch_change_is_valid(&change, sizeof(change) + 1));
    struct change bad = change;
    bad.notice.kind = NOTICES;
    check_bad(bad);
    bad = change;
    bad.notice.protocol = 2;
    check_bad(bad);
    bad = change;
    bad.notice.part = NOTICE_PARTS;
    check_bad(bad);
    bad = change;
    bad.notice.trouble = FAILURES_END;
    check_bad(bad);
    bad.notice.part = NOTICE_GATEWAY;
    bad.notice.trouble = GATEWAY_TROUBLES;
    check_bad(bad);
}

UNIT(watch)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mappings), cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_state),    cmocka_unit_test(test_lost),
        cmocka_unit_test(test_daemon),   cmocka_unit_test(test_messages_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
