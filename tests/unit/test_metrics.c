/* The metrics of given mappings, in both formats. */

#include "app/metrics.h"
#include "unit.h"

enum { NOW = 1800000000, NOW_MS = 7 * 24 * 3600 * 1000 };

static struct document document;
static struct history history;
static char text[32768];

static const struct mapping_status rows[] = {
    {.client = 0xC0A8580B,
     .internal_port = 6881,
     .external_port = 41001,
     .lease_left_s = 42,
     .changes = 2,
     .counted = true,
     .connections = 4000000000,
     .first_bytes = 240000000000,
     .arrival_age_s = 40,
     .protocol = NATPMP_TCP},
    {.client = 0xC0A8580C, .internal_port = 9, .protocol = NATPMP_UDP, .condition = MAPPING_REFUSED},
};

static int setup(void **state)
{
    struct status_page *head = &document.report.head;
    (void)state;
    memset(&document, 0, sizeof(document));
    memset(&history, 0, sizeof(history));
    document.of.history = &history;
    document.report.head.now = NOW;
    document.now_ms = NOW_MS;
    (void)snprintf(head->version, sizeof(head->version), "1.2.3");
    (void)snprintf(head->instance, sizeof(head->instance), "default");
    head->proxy = (struct proxy_status){.gateway_trouble = GATEWAY_FINE,
                                        .uptime_s = 90,
                                        .gateway_silence_s = AGE_UNKNOWN_S,
                                        .counters_age_s = 10,
                                        .grants = 5000000000,
                                        .failures = 3,
                                        .router_ready = true};
    return 0;
}

static const char *written(const struct section *sections)
{
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    for (const struct section *s = sections; s->head != NULL || s->row != NULL || s->tail != NULL; s++) {
        if (s->head != NULL)
            s->head(&document, out);
        assert_true(ftell(out) < DOCUMENT_PIECE_MAX);
        for (unsigned i = 0; s->row != NULL && i < ARRAY_LEN(rows); i++)
            s->row(&document, &rows[i], out);
        if (s->tail != NULL)
            s->tail(&document, out);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

#define assert_line(line)                                                                                    \
    do {                                                                                                     \
        if (strstr(text, "\n" line "\n") == NULL)                                                            \
            fail_msg("no such line: %s\n%s", line, text);                                                    \
    } while (0)

static void test_values(void **state)
{
    (void)state;
    history.changes = 7;
    history.change_ms = document.now_ms - 60000;
    (void)written(metrics_text);
    assert_line("double_natpmp_up 1");
    assert_line("double_natpmp_start_time_seconds 1799999910");
    assert_line("double_natpmp_gateway_last_answer_timestamp_seconds 0");
    assert_line("double_natpmp_last_change_timestamp_seconds 1799999940");
    assert_line("# TYPE double_natpmp_renewals_total counter");
    assert_line("double_natpmp_renewals_total 5000000000");
    assert_line("double_natpmp_port_changes_total 7");
    assert_line(
        "double_natpmp_current_port{client=\"192.168.88.11\",protocol=\"tcp\",internal_port=\"6881\"} 41001");
    assert_line("double_natpmp_counters_last_read_timestamp_seconds 1799999990");
    assert_line("# TYPE double_natpmp_mapping_connections_total counter");
    assert_line("double_natpmp_mapping_connections_total{client=\"192.168.88.11\",protocol=\"tcp\",internal_"
                "port=\"6881\"} 4000000000");
    assert_line("double_natpmp_mapping_first_packet_bytes_total{client=\"192.168.88.11\",protocol=\"tcp\","
                "internal_port=\"6881\"} 240000000000");
    assert_line("double_natpmp_mapping_last_connection_timestamp_seconds{client=\"192.168.88.11\",protocol="
                "\"tcp\",internal_port=\"6881\"} 1799999960");
    assert_null(strstr(text, "connections_total{client=\"192.168.88.12")); /* not known, rather than 0 */
    assert_line("double_natpmp_mapping_up{client=\"192.168.88.12\",protocol=\"udp\",internal_port=\"9\"} 0");
    assert_line("double_natpmp_mapping_port_changes_total{client=\"192.168.88.11\",protocol=\"tcp\",internal_"
                "port=\"6881\"} 2");
    assert_null(strstr(text, "# EOF"));
    /* A port that there is not has no sample. */
    assert_null(strstr(text, "current_port{client=\"192.168.88.12\""));
}

static void test_open_metrics(void **state)
{
    (void)state;
    (void)written(metrics_open);
    assert_line("# TYPE double_natpmp_renewals counter");
    assert_line("double_natpmp_renewals_total 5000000000");
    assert_line("# TYPE double_natpmp_build info");
    assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
}

/* What the router says of itself stays in its label. */
static void test_labels(void **state)
{
    struct proxy_status *status = &document.report.head.proxy;
    (void)state;
    (void)snprintf(status->router_version, sizeof(status->router_version), "7\"\\} 0");
    (void)written(metrics_text);
    assert_non_null(strstr(text, ",routeros=\"7\\\"\\\\} 0\",external_address=\"\"} 1\n"));
}

UNIT(metrics)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_values, setup),
        cmocka_unit_test_setup(test_open_metrics, setup),
        cmocka_unit_test_setup(test_labels, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
