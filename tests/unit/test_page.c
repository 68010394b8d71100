/* The status page for people, of given mappings and changes. tests/unit/page.html is what it looks like;
 * UPDATE=1 writes it anew, and `make screenshot` shows it in a browser. */

#include <stdlib.h>

#include "app/page.h"
#include "snapshot.h"

enum {
    NOW = 1800000000, /* 2027-01-15T08:00:00Z */
    PAGE_MAX = 65536,
    MINUTE_MS = 60000,
};

static struct document document;
static struct history history;
static struct changes changes;
static struct mapping_status rows[3];
static unsigned row_count;
static char text[PAGE_MAX];

static void notice(uint64_t minutes_ago, struct notice n)
{
    n.number = changes.next;
    uint64_t at_ms = document.now_ms - minutes_ago * MINUTE_MS;
    changes_add(&changes, &n, at_ms);
    history_add(&history, &n, at_ms);
}

static void mapped(uint64_t minutes_ago, unsigned row, uint16_t before, uint16_t port)
{
    notice(minutes_ago, (struct notice){.kind = before == 0 ? NOTICE_MAPPED : NOTICE_CHANGED,
                                        .client = rows[row].client,
                                        .protocol = rows[row].protocol,
                                        .internal_port = rows[row].internal_port,
                                        .external_port = port,
                                        .before = before});
    rows[row].external_port = port;
    rows[row].changes = (uint16_t)(rows[row].changes + (before != 0));
    rows[row].age_s = before == 0 ? (uint32_t)minutes_ago * 60 : rows[row].age_s;
}

static void give_mappings(void)
{
    static const struct mapping_status all[] = {
        {.client = 0xC0A8580B,
         .internal_port = 6881,
         .router_port = 6881,
         .protocol = NATPMP_TCP,
         .counted = true,
         .connections = 214,
         .arrival_age_s = 95,
         .lease_left_s = 42},
        {.client = 0xC0A8580B,
         .internal_port = 6881,
         .router_port = 6881,
         .protocol = NATPMP_UDP,
         .counted = true,
         .arrival_age_s = AGE_UNKNOWN_S,
         .lease_left_s = 42},
        {.client = 0xC0A8580C,
         .internal_port = 32400,
         .protocol = NATPMP_TCP,
         .age_s = AGE_UNKNOWN_S,
         .arrival_age_s = AGE_UNKNOWN_S,
         .condition = MAPPING_REFUSED,
         .result = NATPMP_OUT_OF_RESOURCES},
    };
    memcpy(rows, all, sizeof(all));
    row_count = ARRAY_LEN(all);
}

static int setup(void **state)
{
    struct status_page *head = &document.report.head;
    (void)state;
    memset(&document, 0, sizeof(document));
    memset(&history, 0, sizeof(history));
    memset(&changes, 0, sizeof(changes));
    row_count = 0;
    document.of.history = &history;
    document.of.changes = &changes;
    document.now_ms = UINT64_C(7) * 24 * 60 * MINUTE_MS;
    document.report.head.now = NOW;
    (void)snprintf(head->version, sizeof(head->version), "1.2.3");
    (void)snprintf(head->instance, sizeof(head->instance), "default");
    (void)snprintf(head->router_host, sizeof(head->router_host), "192.168.88.1");
    head->gateway = 0x0A020001;
    head->proxy = (struct proxy_status){.gateway_trouble = GATEWAY_FINE,
                                        .uptime_s = 200000,
                                        .external_address = 0xCB007109,
                                        .external_age_s = 26000,
                                        .gateway_silence_s = 3,
                                        .mappings = 2,
                                        .clients = 2,
                                        .router_ready = true,
                                        .router_version = "7.16.2",
                                        .interface = "wg1"};
    return 0;
}

static const char *page(void)
{
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    for (const struct section *s = page_sections; s->head != NULL || s->row != NULL || s->tail != NULL; s++) {
        long before = ftell(out);
        if (s->head != NULL)
            s->head(&document, out);
        assert_true(ftell(out) - before < DOCUMENT_PIECE_MAX);
        for (unsigned i = 0, more = s->item != NULL; more; i++) {
            before = ftell(out);
            more = s->item(&document, i, out);
            assert_true(ftell(out) - before < DOCUMENT_PIECE_MAX);
        }
        for (document.rows = 0; s->row != NULL && document.rows < row_count; document.rows++) {
            before = ftell(out);
            s->row(&document, &rows[document.rows], out);
            assert_true(ftell(out) - before < DOCUMENT_ROW_MAX);
        }
        before = ftell(out);
        if (s->tail != NULL)
            s->tail(&document, out);
        assert_true(ftell(out) - before < DOCUMENT_PIECE_MAX);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

#define assert_has(part)                                                                                     \
    do {                                                                                                     \
        if (strstr(text, part) == NULL)                                                                      \
            fail_msg("not in the page: %s\n%s", part, text);                                                 \
    } while (0)

/* A gateway that changes the ports every few hours, and once had none left. */
static void give_a_day(void)
{
    give_mappings();
    for (unsigned row = 0; row < 2; row++) {
        mapped(3000, row, 0, 41001);
        mapped(1200, row, 41001, 38214);
    }
    notice(705, (struct notice){.kind = NOTICE_TROUBLE, .part = NOTICE_GATEWAY, .trouble = GATEWAY_SILENT});
    notice(700, (struct notice){.kind = NOTICE_RECOVERED, .part = NOTICE_GATEWAY});
    notice(433, (struct notice){.kind = NOTICE_ADDRESS, .external_address = 0xCB007109});
    for (unsigned row = 0; row < 2; row++)
        mapped(432, row, 38214, 52077);
    mapped(95, 0, 52077, 49310);
    mapped(95, 1, 52077, 49310);
}

static void test_a_day(void **state)
{
    (void)state;
    give_a_day();
    (void)page();
    assert_has("<td data-l=\"External port\"><b>49310</b>");
    assert_has("<path d=\"M0 35H240V42H1008V6H1345V14H1440\"/>");
    assert_has("192.168.88.11, tcp 6881: from 38214 to 52077");
    assert_has("<time datetime=\"2027-01-15T06:25:00Z\">2027-01-15 06:25 UTC, 1h35m ago</time>"
               "192.168.88.11, udp 6881: external port 52077 became 49310</li>");
    assert_has("refused: no port left");
    check_snapshot(text, SOURCE_DIR "/page.html");
}

static void test_arrivals(void **state)
{
    (void)state;
    give_mappings();
    rows[2].counted = true;
    rows[2].connections = 1;
    (void)page();
    assert_has("<td data-l=\"Arrived\">214 connections, last 1m ago<td");
    assert_has("<td data-l=\"Arrived\">nothing yet<td");
    assert_has("<td data-l=\"Arrived\">1 connection<td"); /* of an earlier run */
    assert_null(strstr(text, "What has arrived is of"));
    rows[2].counted = false;
    document.report.head.proxy.counters_age_s = 2 * PAGE_RELOAD_S + 1;
    (void)page();
    assert_has("<td data-l=\"Arrived\">-<td");
    assert_has("<p><small>What has arrived is of 1m ago.</small></p>");
}

static void test_nothing_yet(void **state)
{
    (void)state;
    (void)page();
    assert_has("No host has requested a port yet.");
    assert_has("<li>None yet.</li>");
    assert_null(strstr(text, "24 hours"));
    assert_null(strstr(text, "class=\"w\""));
}

/* What the router and the configuration name cannot become a part of the page. */
static void test_names_are_text(void **state)
{
    struct status_page *head = &document.report.head;
    (void)state;
    (void)snprintf(head->proxy.interface, sizeof(head->proxy.interface), "<b>\"&wg");
    (void)snprintf(head->proxy.router_version, sizeof(head->proxy.router_version), "7<script>\"&");
    (void)snprintf(head->router_host, sizeof(head->router_host), "\"<&host");
    (void)page();
    assert_has("RouterOS 7&lt;script>&quot;&amp;</small>");
    assert_has("<b>&quot;&lt;&amp;host</b>");
    assert_has("tunnel &lt;b>");
    assert_null(strstr(text, "<script"));
}

static void test_trouble(void **state)
{
    struct proxy_status *status = &document.report.head.proxy;
    (void)state;
    status->router_failure = FAILURE_REFUSED;
    status->gateway_trouble = GATEWAY_SILENT;
    (void)page();
    assert_has("the router refuses connections</strong><p>What to do: <code>/ip/service/enable api");
    assert_has("the gateway does not answer</strong><p>What to do: <code>check the tunnel");
    assert_has("<small class=\"r\">does not work</small>");
}

static void test_findings(void **state)
{
    static struct self_findings kept;
    (void)state;
    document.of.findings = &kept;
    kept.checked = true;
    (void)page();
    assert_null(strstr(text, "What the check found"));
    kept.count = 2;
    kept.at[0].since_ms = document.now_ms - UINT64_C(11) * MINUTE_MS;
    (void)strcpy(kept.at[0].finding.what, "rule \"<b>\" drops");
    (void)strcpy(kept.at[0].finding.cure, "/ip x=\"y\"");
    memset(kept.at[1].finding.what, 'w', sizeof(kept.at[1].finding.what) - 1);
    memset(kept.at[1].finding.cure, 'c', sizeof(kept.at[1].finding.cure) - 1);
    kept.at[1].since_ms = document.now_ms;
    document.report.check = (struct status_check){.known = true, .age_s = 60};
    (void)page();
    assert_has("<h2>What the check found</h2>\n<p><time datetime=\"2027-01-15T07:59:00Z\">");
    assert_has("rule &quot;&lt;b>&quot; drops</strong><p><small>First found <time "
               "datetime=\"2027-01-15T07:49:00Z\">");
    assert_has("<p>What to do: <code>/ip x=&quot;y&quot;</code></p></div>");
    /* The findings may have changed since the beginning of the document. */
    kept.count = 0;
    (void)page();
    assert_null(strstr(text, "What the check found"));
    document.of.findings = NULL;
}

/* A plot is no longer than its room, however often a port changes, and a port that was closed has a gap. */
static void test_plots(void **state)
{
    (void)state;
    give_mappings();
    row_count = 1;
    mapped(1000, 0, 0, 41001);
    notice(900, (struct notice){.kind = NOTICE_ENDED,
                                .client = rows[0].client,
                                .protocol = NATPMP_TCP,
                                .internal_port = 6881,
                                .external_port = 41001});
    mapped(600, 0, 0, 41001);
    (void)page();
    assert_has("<path d=\"M440 24H540M840 24H1440\"/>");
    assert_has("tcp 6881: 41001</figcaption>");
    for (unsigned i = 0; i < 3 * PAGE_STEPS_MAX; i++)
        mapped(500 - i, 0, (uint16_t)(41001 + i), (uint16_t)(41002 + i));
    (void)page();
    assert_has("tcp 6881: from 41122 to 41181</figcaption>");
    assert_has("<path d=\"M1060 42H1061V42H1062V41");
}

/* Each kind of change has its sentence. The list has room for the longest ones. */
static void test_changes(void **state)
{
    (void)state;
    notice(5, (struct notice){.kind = NOTICE_ENDED});
    notice(4, (struct notice){.kind = NOTICE_ADDRESS});
    notice(3, (struct notice){.kind = NOTICE_TROUBLE, .part = NOTICE_ROUTER, .standing_by = true});
    notice(2, (struct notice){.kind = NOTICE_TROUBLE, .part = NOTICE_ROUTER, .trouble = FAILURE_NONE});
    notice(1, (struct notice){.kind = NOTICE_RECOVERED, .part = NOTICE_ROUTER});
    (void)page();
    assert_has("all mappings ended");
    assert_has("the external address is not known any more");
    assert_has("another double-natpmp with this INSTANCE serves");
    assert_has("the router is not ready");
    assert_has("the router works");
    for (unsigned i = 0; i < CHANGES_MAX; i++)
        notice(0, (struct notice){
                      .kind = NOTICE_TROUBLE, .part = NOTICE_ROUTER, .trouble = FAILURE_TLS_OUTDATED});
    (void)page();
}

UNIT(page)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_day, setup),       cmocka_unit_test_setup(test_arrivals, setup),
        cmocka_unit_test_setup(test_nothing_yet, setup), cmocka_unit_test_setup(test_names_are_text, setup),
        cmocka_unit_test_setup(test_trouble, setup),     cmocka_unit_test_setup(test_plots, setup),
        cmocka_unit_test_setup(test_changes, setup),     cmocka_unit_test_setup(test_findings, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
