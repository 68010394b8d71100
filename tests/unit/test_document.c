/* The documents of the status page, in pieces, about more mappings than a page shows. */

#include <stdlib.h>
#include <string.h>

#include "app/metrics.h"
#include "app/page.h"
#include "core/proxy_state.h"
#include "proxy_unit.h"

enum { CLIENTS = 26, PORTS = 20, TEXT_MAX = 1 << 20 };

static struct proxy *proxy;
static struct config config;
static char text[TEXT_MAX];

static int setup(void **state)
{
    (void)state;
    proxy = proxy_make();
    for (uint32_t client = 0; client < CLIENTS; client++)
        for (unsigned port = 1; port <= PORTS; port++)
            assert_int_not_equal(mapping_new(&proxy->tables, 0xC0A85801 + client, NATPMP_TCP, (uint16_t)port),
                                 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(proxy);
    return 0;
}

static void read_document(const struct section *sections)
{
    static struct changes changes;
    static struct history history;
    const struct document_source source = {
        .proxy = proxy, .config = &config, .changes = &changes, .history = &history};
    struct document *document = document_begin(sections, &source);
    size_t len = 0;
    ssize_t got;
    assert_non_null(document);
    while ((got = document_read(document, text + len, TEXT_MAX - 1 - len)) > 0) {
        assert_true(got <= DOCUMENT_PIECE_MAX);
        len += (size_t)got;
    }
    assert_int_equal(got, 0);
    text[len] = '\0';
    document_end(document);
}

static unsigned count_of(const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static void write_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)fprintf(out, "%u:%u\n", d->rows, (unsigned)mapping->internal_port);
}

static void write_total(struct document *d, FILE *out)
{
    (void)fprintf(out, "total %u\n", d->rows);
}

static void test_all_rows(void **state)
{
    static const struct section sections[] = {{.row = write_row, .tail = write_total}, {0}};
    (void)state;
    read_document(sections);
    assert_int_equal(count_of(":"), CLIENTS * PORTS);
    assert_non_null(strstr(text, "\ntotal 520\n"));
}

static void test_some_rows(void **state)
{
    static const struct section sections[] = {
        {.row = write_row, .tail = write_total, .rows_max = 7}, {.row = write_row, .rows_max = 3}, {0}};
    (void)state;
    read_document(sections);
    assert_string_equal(text, "0:1\n1:2\n2:3\n3:4\n4:5\n5:6\n6:7\ntotal 7\n0:1\n1:2\n2:3\n");
}

/* The page shows some of the mappings, and says where all of them are. */
static void test_the_page_has_a_limit(void **state)
{
    (void)state;
    read_document(page_sections);
    assert_int_equal(count_of("<tr><td"), PAGE_ROWS_MAX);
    assert_int_equal(count_of("These are 500. All are in"), 1);
    assert_int_equal(count_of("</html>"), 1);
}

/* Static mappings that were not made come first, with their reason. */
static void test_statics_that_were_not_made(void **state)
{
    static const struct section sections[] = {{.row = write_row, .tail = write_total}, {0}};
    (void)state;
    config.static_mappings = proxy->config.static_mappings = STATIC_MAPPINGS_MAX;
    for (unsigned i = 0; i < STATIC_MAPPINGS_MAX; i++) {
        proxy->config.static_mapping[i] = (struct static_mapping){
            .address = 0xC0A85801, .internal_port = (uint16_t)(1 + 400 * i), .protocol = NATPMP_TCP};
        proxy->static_refusal[i] = TARGET_ROUTER;
    }
    read_document(sections); /* the first one has a mapping */
    assert_true(strncmp(text, "0:401\n", 6) == 0);
    assert_int_equal(count_of(":"), CLIENTS * PORTS + STATIC_MAPPINGS_MAX - 1);
    read_document(page_sections);
    assert_int_equal(count_of(">refused because it leads to an address of the router<"),
                     STATIC_MAPPINGS_MAX - 1);
    read_document(metrics_text);
    assert_int_equal(
        count_of("_mapping_up{client=\"192.168.88.1\",protocol=\"tcp\",internal_port=\"401\"} 0\n"), 1);
    assert_int_equal(count_of("mapping_up{"), CLIENTS * PORTS + STATIC_MAPPINGS_MAX - 1);
    config.static_mappings = 0;
}

UNIT(document)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_some_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_page_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statics_that_were_not_made, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
