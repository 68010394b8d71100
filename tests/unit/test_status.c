/* What `double-natpmp status` reads from the daemon, and how it prints it. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/status_report.h"
#include "app/version.h"
#include "snapshot.h"

enum { NOW = 1800000000 }; /* 2027-01-15T08:00:00Z */

static struct mapping_status rows[] = {
    {.client = 0xC0A8580B,
     .lease_left_s = 42,
     .age_s = 11520,
     .internal_port = 6881,
     .router_port = 6881,
     .external_port = 41001,
     .changes = 2,
     .counted = true,
     .connections = 12,
     .first_bytes = 720,
     .arrival_age_s = 185,
     .protocol = NATPMP_TCP,
     .condition = MAPPING_ACTIVE},
    {.client = 0xC0A8580C,
     .age_s = AGE_UNKNOWN_S,
     .arrival_age_s = AGE_UNKNOWN_S,
     .internal_port = 9,
     .result = NATPMP_OUT_OF_RESOURCES,
     .protocol = NATPMP_UDP,
     .condition = MAPPING_REFUSED},
};

static struct status_report given(void)
{
    struct status_report report = {.row = rows, .rows = ARRAY_LEN(rows), .head.now = NOW};
    (void)snprintf(report.head.version, sizeof(report.head.version), "1.2.3");
    (void)snprintf(report.head.instance, sizeof(report.head.instance), "default");
    (void)snprintf(report.head.router_host, sizeof(report.head.router_host), "router.lan");
    report.head.router_port = 8728;
    report.head.gateway = 0x0A020001;
    report.head.proxy = (struct proxy_status){.gateway_trouble = GATEWAY_FINE,
                                              .uptime_s = 90000,
                                              .router_address = 0xC0A85801,
                                              .external_address = 0xCB007109,
                                              .external_age_s = 61,
                                              .gateway_silence_s = 3,
                                              .counters_age_s = 20,
                                              .mappings = 1,
                                              .clients = 2,
                                              .router_ready = true,
                                              .router_version = "7.16.2",
                                              .interface = "wg1"};
    return report;
}

/* Returns what the function printed, until the next call. */
static const char *printed(const struct status_report *report, bool json, unsigned width, bool colour)
{
    static char text[4096];
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    if (json)
        status_report_json(report, out);
    else
        status_report_text(report, width, colour, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_for_people(void **state)
{
    struct status_report report = given();
    (void)state;
    assert_string_equal(
        printed(&report, false, 0, false),
        "double-natpmp 1.2.3  instance default  up 1d1h\n"
        "router    router.lan:8728  RouterOS 7.16.2  interface wg1 (found on the router)\n"
        "gateway   10.2.0.1  last answer 3s ago\n"
        "external  203.0.113.9  for 1m\n"
        "mappings  1 for 2 clients\n"
        "\n"
        "CLIENT         PROTO  INTERNAL  ROUTER  EXTERNAL           LEASE  SINCE  CHANGES  ARRIVED     "
        "STATE\n"
        "192.168.88.11  tcp    6881      6881    203.0.113.9:41001  42s    3h12m  2        12, 3m ago  "
        "active\n"
        "192.168.88.12  udp    9         -       -                  0s     -      0        -           "
        "refused: no port left\n");
}

/* What is not known is not the same as nothing. */
static void test_arrivals(void **state)
{
    static const struct {
        struct mapping_status mapping;
        const char *text;
    } cells[] = {
        {{.arrival_age_s = AGE_UNKNOWN_S}, "-"},
        {{.counted = true, .arrival_age_s = AGE_UNKNOWN_S}, "none"},
        {{.counted = true, .connections = 7, .arrival_age_s = AGE_UNKNOWN_S}, "7"},
        {{.counted = true, .connections = 1, .arrival_age_s = 9}, "1, 9s ago"},
        {{.counted = true, .connections = UINT32_MAX, .arrival_age_s = AGE_UNKNOWN_S - 1},
         "4294967295, 24855d3h ago"},
    };
    struct status_report report = given();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        assert_string_equal(status_arrivals(&cells[i].mapping).text, cells[i].text);
    report.head.proxy.counters_age_s = 21;
    assert_non_null(
        strstr(printed(&report, false, 0, false), "mappings  1 for 2 clients  counters read 21s ago\n"));
    report.head.proxy.counters_age_s = AGE_UNKNOWN_S;
    assert_non_null(strstr(printed(&report, false, 0, false), "mappings  1 for 2 clients\n"));
    assert_non_null(
        strstr(printed(&report, true, 0, false), "\"counters_read\": null, \"counters_read_s\": null"));
}

/* The last column ends where the terminal ends. */
static void test_narrow(void **state)
{
    struct status_report report = given();
    (void)state;
    const char *text = printed(&report, false, 104, false);
    assert_non_null(strstr(text, "0        -           refused: n\n"));
    assert_non_null(strstr(text, "2        12, 3m ago  active\n"));
}

static void test_trouble(void **state)
{
    struct status_report report = given();
    (void)state;
    report.rows = 0;
    report.head.proxy = (struct proxy_status){.router_failure = FAILURE_LOGIN,
                                              .gateway_trouble = GATEWAY_SILENT,
                                              .external_age_s = AGE_UNKNOWN_S,
                                              .gateway_silence_s = AGE_UNKNOWN_S};
    assert_non_null(strstr(printed(&report, false, 0, false),
                           "router    router.lan:8728\n"
                           "          the router refuses the login\n"
                           "          what to do: check MIKROTIK_API_USER, the password"));
    const char *coloured = printed(&report, false, 0, true);
    assert_non_null(strstr(coloured, "gateway   10.2.0.1\n"
                                     "          \033[31mthe gateway does not answer\033[0m\n"));
    const char *json = printed(&report, true, 0, false);
    assert_non_null(strstr(json, "\"healthy\": false"));
    assert_non_null(strstr(json, "\"trouble\": \"the gateway does not answer\", \"remedy\": \"check the "
                                 "tunnel, VPN_GATEWAY, and the route to it\""));
    assert_non_null(strstr(json, "\"last_answer\": null, \"last_answer_s\": null"));
}

/* tests/unit/status.txt is what a terminal shows, and `make screenshot` makes a picture of it. */
static void test_a_terminal(void **state)
{
    static struct mapping_status some[] = {
        {.client = 0xC0A8580B,
         .lease_left_s = 31,
         .age_s = 95400,
         .internal_port = 6881,
         .router_port = 6881,
         .external_port = 49310,
         .changes = 1,
         .counted = true,
         .connections = 214,
         .arrival_age_s = 95,
         .protocol = NATPMP_TCP,
         .condition = MAPPING_ACTIVE},
        {.client = 0xC0A8580B,
         .lease_left_s = 31,
         .age_s = 95400,
         .internal_port = 6881,
         .router_port = 6881,
         .external_port = 49310,
         .changes = 1,
         .counted = true,
         .connections = 1863,
         .arrival_age_s = 4,
         .protocol = NATPMP_UDP,
         .condition = MAPPING_ACTIVE},
        {.client = 0xC0A8580F,
         .lease_left_s = 28,
         .age_s = 95400,
         .internal_port = 32400,
         .router_port = 32400,
         .external_port = 40117,
         .counted = true,
         .arrival_age_s = AGE_UNKNOWN_S,
         .protocol = NATPMP_TCP,
         .condition = MAPPING_STATIC},
        {.client = 0xC0A8582A,
         .age_s = AGE_UNKNOWN_S,
         .arrival_age_s = AGE_UNKNOWN_S,
         .internal_port = 51413,
         .result = NATPMP_OUT_OF_RESOURCES,
         .protocol = NATPMP_TCP,
         .condition = MAPPING_REFUSED},
    };
    struct status_report report = given();
    (void)state;
    report.row = some;
    report.rows = ARRAY_LEN(some);
    report.head.proxy.gateway_trouble = GATEWAY_SILENT;
    report.head.proxy.gateway_silence_s = 27;
    report.head.proxy.mappings = 4;
    report.head.proxy.clients = 3;
    check_snapshot(printed(&report, false, 118, true), SOURCE_DIR "/status.txt");
}

static void test_for_programs(void **state)
{
    struct status_report report = given();
    (void)state;
    assert_string_equal(
        printed(&report, true, 0, false),
        "{\"version\": 1,\n"
        " \"program\": \"1.2.3\", \"instance\": \"default\", \"time\": \"2027-01-15T08:00:00Z\",\n"
        " \"started\": \"2027-01-14T07:00:00Z\", \"started_s\": 90000, \"healthy\": true,\n"
        " \"router\": {\"host\": \"router.lan\", \"port\": 8728, \"address\": \"192.168.88.1\", "
        "\"ready\": true, \"version\": \"7.16.2\", \"interface\": \"wg1\", \"interface_configured\": false, "
        "\"counters_read\": \"2027-01-15T07:59:40Z\", \"counters_read_s\": 20, "
        "\"trouble\": null, \"remedy\": null},\n"
        " \"gateway\": {\"address\": \"10.2.0.1\", \"last_answer\": \"2027-01-15T07:59:57Z\", "
        "\"last_answer_s\": 3, \"external_address\": \"203.0.113.9\", "
        "\"external_since\": \"2027-01-15T07:58:59Z\", \"external_since_s\": 61, "
        "\"trouble\": null, \"remedy\": null},\n"
        " \"clients\": 2, \"dropped_datagrams\": 0,\n"
        " \"check\": null,\n"
        " \"mappings\": [\n"
        "  {\"client\": \"192.168.88.11\", \"protocol\": \"tcp\", \"internal_port\": 6881, "
        "\"router_port\": 6881, \"external_port\": 41001, \"lease_left_s\": 42, "
        "\"since\": \"2027-01-15T04:48:00Z\", \"since_s\": 11520, \"changes\": 2, "
        "\"connections\": 12, \"first_packet_bytes\": 720, "
        "\"last_connection\": \"2027-01-15T07:56:55Z\", \"last_connection_s\": 185, \"state\": \"active\", "
        "\"text\": \"active\"},\n"
        "  {\"client\": \"192.168.88.12\", \"protocol\": \"udp\", \"internal_port\": 9, "
        "\"router_port\": null, \"external_port\": null, \"lease_left_s\": 0, \"since\": null, "
        "\"since_s\": null, \"changes\": 0, \"connections\": null, \"first_packet_bytes\": null, "
        "\"last_connection\": null, \"last_connection_s\": null, \"state\": \"refused\", "
        "\"text\": \"refused: no port left\"}]}\n");
}

/* What the daemon's own check has found. */
static void test_findings(void **state)
{
    static struct status_finding found[] = {
        {.finding = {.id = FINDING_FORWARD, .what = "rule *1 \"drops\"", .cure = "/ip x=\"y\""},
         .since_s = 700},
        {.finding = {.id = FINDING_GATEWAY, .what = "it is silent"}, .since_s = 30},
    };
    struct status_report report = given();
    (void)state;
    report.rows = 0;
    report.check = (struct status_check){.known = true, .age_s = 30};
    assert_non_null(strstr(printed(&report, false, 0, false), "check     30s ago: no failure\nmappings  "));
    assert_non_null(
        strstr(printed(&report, true, 0, false),
               " \"check\": {\"time\": \"2027-01-15T07:59:30Z\", \"time_s\": 30, \"findings\": []},\n"
               " \"mappings\": []}\n"));
    report.finding = found;
    report.findings = ARRAY_LEN(found);
    assert_non_null(strstr(printed(&report, false, 0, false),
                           "check     30s ago: found\n"
                           "          forward: rule *1 \"drops\" (since 11m)\n"
                           "          what to do: /ip x=\"y\"\n"
                           "          gateway: it is silent (since 30s)\n"
                           "mappings  "));
    assert_non_null(strstr(printed(&report, true, 0, false),
                           "\"findings\": [\n"
                           "  {\"finding\": \"forward\", \"text\": \"rule *1 \\\"drops\\\"\", "
                           "\"remedy\": \"/ip x=\\\"y\\\"\", \"since\": \"2027-01-15T07:48:20Z\", "
                           "\"since_s\": 700},\n"
                           "  {\"finding\": \"gateway\", \"text\": \"it is silent\", \"remedy\": null, "
                           "\"since\": \"2027-01-15T07:59:30Z\", \"since_s\": 30}]},\n"
                           " \"mappings\": []}\n"));
}

/* ---- between the processes ---- */

static void test_question(void **state)
{
    static const uint16_t pages[] = {0, 1, 255, 256, 65535};
    uint16_t from;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct status_question question = status_question(pages[i]);
        assert_true(status_asks_for(span_of(question.bytes, sizeof(question.bytes)), &from));
        assert_int_equal(from, pages[i]);
    }
    struct status_question findings = findings_question(7);
    assert_false(status_asks_for(span_of(findings.bytes, sizeof(findings.bytes)), &from));
    assert_true(findings_asks_for(span_of(findings.bytes, sizeof(findings.bytes)), &from));
    assert_int_equal(from, 7);
    assert_false(findings_asks_for(span_text("s12"), &from));
    assert_false(status_asks_for(span_text("?"), &from));
    assert_false(status_asks_for(span_text("s1"), &from));
    assert_false(status_asks_for(span_text("s123"), &from));
    assert_false(status_asks_for(span_text("x12"), &from));
}

static struct status_page good_page(void)
{
    struct status_page page = {.rows = 1};
    (void)snprintf(page.version, sizeof(page.version), "%s", version);
    return page;
}

static void check_bad(struct status_page page)
{
    assert_false(status_page_is_valid(&page, sizeof(page)));
}

/* Any process may have taken the socket's name before the daemon. */
static void test_pages_of_strangers(void **state)
{
    struct status_page page = good_page();
    (void)state;
    assert_true(status_page_is_valid(&page, sizeof(page)));
    assert_false(status_page_is_valid(&page, sizeof(page) - 1));
    assert_false(status_page_is_valid(&page, 0));
    page.version[0] = 'x';
    check_bad(page);
    page = good_page();
    memset(page.version, 'x', sizeof(page.version));
    check_bad(page);
    page = good_page();
    memset(page.instance, 'x', sizeof(page.instance));
    check_bad(page);
    page = good_page();
    page.instance[0] = '\033'; /* it would command the terminal */
    check_bad(page);
    page = good_page();
    memset(page.router_host, 'x', sizeof(page.router_host));
    check_bad(page);
    page = good_page();
    memset(page.proxy.router_version, 'x', sizeof(page.proxy.router_version));
    check_bad(page);
    page = good_page();
    memset(page.proxy.interface, 'x', sizeof(page.proxy.interface));
    check_bad(page);
    page = good_page();
    page.proxy.router_failure = FAILURES_END;
    check_bad(page);
    page = good_page();
    page.proxy.gateway_trouble = GATEWAY_TROUBLES;
    check_bad(page);
    page = good_page();
    page.rows = STATUS_PAGE_ROWS + 1;
    check_bad(page);
    page = good_page();
    page.row[0].condition = MAPPING_CONDITIONS;
    check_bad(page);
    page = good_page();
    page.row[0].protocol = 2;
    check_bad(page);
    page = good_page();
    page.row[0].refusal = TARGET_REFUSALS;
    check_bad(page);
}

/* Of a static mapping that is not made, the whole reason has room. */
static void test_refusals(void **state)
{
    (void)state;
    assert_null(target_refusal_text(TARGET_ALLOWED));
    for (enum target_refusal refusal = TARGET_ALLOWED + 1; refusal < TARGET_REFUSALS; refusal++) {
        struct mapping_status row = {.condition = MAPPING_REFUSED, .refusal = (uint8_t)refusal};
        struct status_cell cell = status_condition_text(&row);
        assert_true(strncmp(cell.text, "refused because ", 16) == 0);
        assert_string_equal(cell.text + 16, target_refusal_text(refusal));
    }
}

/* Each finding is in one page, in order. */
static void test_pages_of_findings(void **state)
{
    static struct self_findings kept;
    (void)state;
    kept.checked = true;
    kept.checked_ms = 5000;
    for (unsigned count = 0; count <= FINDINGS; count++) {
        unsigned seen = 0;
        struct findings_page page;
        kept.count = count;
        for (unsigned i = 0; i < count; i++)
            kept.at[i] = (struct self_finding){.finding.id = (uint8_t)i, .since_ms = (uint64_t)i * 10};
        do {
            page = findings_page(&kept, (uint16_t)seen, 7000);
            assert_true(findings_page_is_valid(&page, sizeof(page)));
            assert_true(page.check.known && page.check.age_s == 2 && page.count == count);
            for (unsigned i = 0; i < page.rows; i++)
                assert_int_equal(page.row[i].finding.id, seen++);
        } while (page.rows > 0 && seen < count);
        assert_int_equal(seen, count);
    }
    struct findings_page behind = findings_page(&kept, UINT16_MAX, 7000);
    assert_int_equal(behind.rows, 0);
    kept.checked = false;
    behind = findings_page(&kept, 0, 7000);
    assert_false(behind.check.known);
}

static void test_findings_of_strangers(void **state)
{
    struct self_findings *kept = calloc(1, sizeof(*kept));
    (void)state;
    assert_non_null(kept);
    kept->count = 1;
    const struct findings_page good = findings_page(kept, 0, 0);
    struct findings_page page = good;
    free(kept);
    assert_true(findings_page_is_valid(&page, sizeof(page)));
    assert_false(findings_page_is_valid(&page, sizeof(page) - 1));
    page.version[0] = 'x';
    assert_false(findings_page_is_valid(&page, sizeof(page)));
    page = good;
    page.count = FINDINGS + 1;
    assert_false(findings_page_is_valid(&page, sizeof(page)));
    page = good;
    page.rows = FINDINGS_PAGE_ROWS + 1;
    assert_false(findings_page_is_valid(&page, sizeof(page)));
    page = good;
    page.row[0].finding.id = FINDINGS;
    assert_false(findings_page_is_valid(&page, sizeof(page)));
    page = good;
    memset(page.row[0].finding.what, 'x', sizeof(page.row[0].finding.what));
    assert_false(findings_page_is_valid(&page, sizeof(page)));
    page = good;
    page.row[0].finding.cure[0] = '\033';
    assert_false(findings_page_is_valid(&page, sizeof(page)));
}

/* Only ports that are open are shown to programs. */
static void test_which_forward(void **state)
{
    static const bool forwards[MAPPING_CONDITIONS] = {[MAPPING_ACTIVE] = true,
                                                      [MAPPING_KEPT_ALIVE] = true,
                                                      [MAPPING_ADOPTED] = true,
                                                      [MAPPING_STATIC] = true};
    (void)state;
    for (unsigned i = 0; i < MAPPING_CONDITIONS; i++) {
        struct mapping_status mapping = {.condition = (uint8_t)i, .external_port = 41001};
        assert_int_equal(status_forwards(&mapping), forwards[i]);
        mapping.external_port = 0;
        assert_false(status_forwards(&mapping));
    }
}

UNIT(status)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_people),        cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_arrivals),          cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_a_terminal),        cmocka_unit_test(test_for_programs),
        cmocka_unit_test(test_question),          cmocka_unit_test(test_pages_of_strangers),
        cmocka_unit_test(test_which_forward),     cmocka_unit_test(test_findings),
        cmocka_unit_test(test_pages_of_findings), cmocka_unit_test(test_findings_of_strangers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
