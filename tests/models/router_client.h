/* A client of the router model for its own tests: words in, readable lines out. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "router_model.h"
#include "unit.h"

enum { CLIENT_SESSIONS = 16, CLIENT_BYTES = 1 << 20 };

struct client {
    struct router_model *m;
    uint64_t now_ms;
    unsigned nat_changes;
    unsigned sends;
    struct {
        uint8_t *bytes;
        size_t len;
        size_t taken;
        bool closed;
        bool reset;
    } session[CLIENT_SESSIONS];
    char text[CLIENT_BYTES];
};

static void client_send(void *ctx, int session, struct span bytes)
{
    struct client *t = ctx;
    assert_in_range(session, 1, CLIENT_SESSIONS - 1);
    t->sends++;
    t->session[session].bytes = realloc(t->session[session].bytes, t->session[session].len + bytes.len);
    assert_non_null(t->session[session].bytes);
    memcpy(t->session[session].bytes + t->session[session].len, bytes.data, bytes.len);
    t->session[session].len += bytes.len;
}

static void client_closed(void *ctx, int session, bool reset)
{
    struct client *t = ctx;
    assert_in_range(session, 1, CLIENT_SESSIONS - 1);
    assert_false(t->session[session].closed);
    t->session[session].closed = true;
    t->session[session].reset = reset;
}

static void client_nat_changed(void *ctx)
{
    struct client *t = ctx;
    t->nat_changes++;
}

static inline struct client *client_new(const struct router_model_options *options)
{
    struct client *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    struct router_model_callbacks callbacks = {
        .ctx = t, .send = client_send, .closed = client_closed, .nat_changed = client_nat_changed};
    t->m = router_model_new(options, &callbacks, 1);
    router_model_interface_add(t->m, "ether1", "ether");
    router_model_interface_add(t->m, "bridge", "bridge");
    router_model_interface_add(t->m, "wg1", "wg");
    router_model_address_add(t->m, "192.168.88.1/24", "bridge");
    router_model_address_add(t->m, "10.2.0.2/24", "wg1");
    return t;
}

static inline void client_free(struct client *t)
{
    router_model_free(t->m);
    for (unsigned i = 0; i < CLIENT_SESSIONS; i++)
        free(t->session[i].bytes);
    free(t);
}

static inline void client_run(struct client *t, uint64_t ms)
{
    t->now_ms += ms;
    router_model_run(t->m, t->now_ms);
}

/* Words separated by '|'. */
static inline void client_tell(struct client *t, int session, const char *words)
{
    static uint8_t bytes[65536];
    size_t len = 0;
    for (;;) {
        size_t word = strcspn(words, "|");
        assert_true(len + word + 4 < sizeof(bytes));
        if (word >= 0x4000)
            bytes[len++] = 0xc0;
        if (word >= 0x80)
            bytes[len++] = (uint8_t)((word < 0x4000 ? 0x80 : 0) | word >> 8);
        bytes[len++] = (uint8_t)word;
        memcpy(bytes + len, words, word);
        len += word;
        words += word;
        if (!*words)
            break;
        words++;
    }
    bytes[len++] = 0;
    router_model_input(t->m, session, t->now_ms, span_of(bytes, len));
}

/* Whole sentences that arrived since the last call: words separated by '|', one sentence in a line. */
static inline const char *client_take(struct client *t, int session)
{
    const uint8_t *bytes = t->session[session].bytes;
    size_t end = t->session[session].len;
    size_t at = t->session[session].taken;
    size_t out = 0;
    size_t sentence = 0;
    while (at < end) {
        size_t length = bytes[at] & 0x7f;
        size_t header = 1;
        if (bytes[at] >= 0x80) {
            assert_true(bytes[at] < 0xe0);
            header = bytes[at] >= 0xc0 ? 3 : 2;
            if (at + header > end)
                break;
            length = header == 2
                         ? (size_t)(bytes[at] & 0x3f) << 8 | bytes[at + 1]
                         : (size_t)(bytes[at] & 0x1f) << 16 | (size_t)bytes[at + 1] << 8 | bytes[at + 2];
        }
        if (at + header + length > end)
            break;
        if (length == 0) {
            t->text[out++] = '\n';
            sentence = out;
            t->session[session].taken = at + 1;
        } else {
            if (out > sentence)
                t->text[out++] = '|';
            assert_true(out + length + 2 < CLIENT_BYTES);
            memcpy(t->text + out, bytes + at + header, length);
            out += length;
        }
        at += header + length;
    }
    t->text[sentence] = 0;
    return t->text;
}

static inline const char *client_ask(struct client *t, int session, const char *words)
{
    client_tell(t, session, words);
    return client_take(t, session);
}

/* A session that is logged in as admin. */
static inline int client_login(struct client *t)
{
    int session = router_model_connect(t->m, t->now_ms);
    assert_true(session > 0);
    assert_string_equal(client_ask(t, session, "/login|=name=admin|=password="), "!done\n");
    return session;
}
