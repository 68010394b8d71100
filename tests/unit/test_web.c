/* Who may ask for the status page, and by which name. */

#include <stdlib.h>
#include <string.h>

#include "app/web.h"
#include "unit.h"

static void test_names_of_this_network(void **state)
{
    static const char *const good[] = {
        "192.168.88.2",  "192.168.88.2:8080", "10.0.0.1",     "172.16.0.1:80", "127.0.0.1",
        "169.254.1.1",   "localhost",         "LOCALHOST:80", "nas",           "a_b-1:9",
        "nas.lan",       "nas.LAN:8080",      "x.y.local",    "a.home.arpa",   "a.internal",
        "a.localdomain", "nas.lan.",          "a.home",       "a.localhost",   "localhost.",
    };
    static const char *const bad[] = {
        "",
        ":80",
        ".",
        "evil.example",
        "lan.example",
        "192.168.88.2.evil.example",
        "8.8.8.8",
        "100.64.0.1",
        "0.0.0.0",
        "192.168.88.2:x",
        "192.168.88.2:80:80",
        "nas.lan:65536",
        "nas.lan:",
        "[::1]",
        "[::1]:80",
        "nas lan",
        "nas.lan/",
        "user@nas.lan",
        "evil.example.",
        "\xC3\xA9.lan",
        "xlocal.example",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!web_host_is_local(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (web_host_is_local(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

static unsigned status_of(uint32_t peer, const char *host, const char *path)
{
    struct web web = {0};
    const struct http_request request = {.peer = peer, .host = host, .path = path};
    struct http_reply reply = web_answer(&web, &request);
    assert_non_null(reply.text);
    return reply.status;
}

static void test_who_may_ask(void **state)
{
    (void)state;
    assert_int_equal(status_of(0x08080808, "nas.lan", "/status.json"), 403);
    assert_int_equal(status_of(0x64400001, "nas.lan", "/status.json"), 403);
    assert_int_equal(status_of(0, "nas.lan", "/status.json"), 403);
    assert_int_equal(status_of(0xC0A8580B, "evil.example", "/status.json"), 421);
    assert_int_equal(status_of(0xC0A8580B, NULL, "/status.json"), 421);
    assert_int_equal(status_of(0xC0A8580B, "nas.lan", "/none"), 404);
    assert_int_equal(status_of(0x7F000001, "localhost", "/status.json/"), 404);
}

static void count(void *asker)
{
    ++*(unsigned *)asker;
}

/* What has arrived is read from the router for the documents that show it, and for nobody who may not read
 * them. */
static void test_who_makes_the_router_read(void **state)
{
    static const struct {
        const char *path;
        uint32_t peer;
        unsigned count;
    } rows[] = {
        {"/", 0xC0A8580B, 1},        {"/status.json", 0xC0A8580B, 1}, {"/metrics", 0xC0A8580B, 1},
        {"/healthz", 0xC0A8580B, 0}, {"/none", 0xC0A8580B, 0},        {"/status.json", 0x08080808, 0},
    };
    static struct config config;
    struct proxy *proxy = calloc(1, proxy_size());
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned asked = 0;
        struct web web = {.proxy = proxy, .config = &config, .asked = count, .asker = &asked};
        const struct http_request request = {.peer = rows[i].peer, .host = "nas", .path = rows[i].path};
        struct http_reply reply = web_answer(&web, &request);
        assert_int_equal(asked, rows[i].count);
        if (reply.done != NULL)
            reply.done(reply.state);
    }
    free(proxy);
}

/* Each reply, even a refusal, says the same about itself. */
static void test_headers(void **state)
{
    struct web web = {0};
    const struct http_request request = {.peer = 0xC0A8580B, .host = "nas", .path = "/none"};
    struct http_reply reply = web_answer(&web, &request);
    bool policy = false;
    (void)state;
    for (const struct http_header *h = reply.headers; h->name != NULL; h++) {
        assert_string_not_equal(h->name, "Set-Cookie");
        policy = policy || (strcmp(h->name, "Content-Security-Policy") == 0 &&
                            strncmp(h->value, "default-src 'none';", 19) == 0);
    }
    assert_true(policy);
}

UNIT(web)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_this_network),
        cmocka_unit_test(test_who_may_ask),
        cmocka_unit_test(test_who_makes_the_router_read),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
