/* Drives one struct router as proxy_step does, with scripted replies. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "core/router.h"
#include "ros_unit.h"

enum { GATEWAY = 0x0a020001, OUTCOMES_MAX = 256 };

static struct router *router;
static struct actions out;

/* A step at that time, whose actions go to `out`. */
static inline const struct step *at(uint64_t now_ms)
{
    static struct step step;
    step = (struct step){.now_ms = now_ms, .out = &out};
    return &step;
}
static uint64_t now_ms;
static struct router_outcome outcomes[OUTCOMES_MAX];
static unsigned outcome_count;
static uint8_t stream[65536];

/* ---- events and steps ---- */

/* The outcome is cleared first, so that an event without one does not return the last one. */
static inline void drain(void)
{
    memset(&outcomes[outcome_count], 0xaa, sizeof(outcomes[0]));
    while (router_next(router, &outcomes[outcome_count], at(now_ms))) {
        assert_in_range(outcomes[outcome_count].type, 0, ROUTER_SERVE);
        assert_true(++outcome_count < OUTCOMES_MAX);
        memset(&outcomes[outcome_count], 0xaa, sizeof(outcomes[0]));
    }
}

/* As in proxy_step: the event and its outcome, then the deadline and its outcome. */
static inline void step(struct event event)
{
    actions_clear(&out, LOG_LEVEL_INFO);
    outcome_count = 0;
    event.now_ms = now_ms;
    if (event.type != EVENT_DEADLINE)
        router_event(router, &event, at(now_ms));
    (void)router_way_note(router, 0, now_ms, GATEWAY_FINE, now_ms);
    drain();
    router_tick(router, at(now_ms));
    drain();
    note_side_readings(&out);
    assert_true(router_deadline_ms(router) > now_ms);
}

static inline void wait_until(uint64_t at_ms)
{
    now_ms = at_ms;
    step((struct event){.type = EVENT_DEADLINE});
}

static inline void opened(unsigned session)
{
    step((struct event){.type = EVENT_ROUTER_OPEN, .router = {.session = session, .peer = 0xc0a85801}});
}

static inline void closed(unsigned session, enum failure failure)
{
    step((struct event){.type = EVENT_ROUTER_CLOSED, .router = {.session = session, .failure = failure}});
}

/* Sentences, separated by '|', in one event. */
static inline void hear_from(unsigned session, const char *sentences)
{
    struct writer w = writer_of(stream, sizeof(stream));
    if (session == 0)
        answer_side_readings(&w);
    write_sentences(&w, sentences, session == 0);
    step((struct event){
        .type = EVENT_ROUTER_DATA,
        .router = {.session = session, .bytes = writer_span(&w)},
    });
}

static inline void hear(const char *sentences)
{
    hear_from(0, sentences);
}

static inline void check_sends(unsigned count)
{
    assert_int_equal(count_actions(&out, ACTION_ROUTER_SEND), count);
}

static inline unsigned count_outcomes(enum router_outcome_type type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < outcome_count; i++)
        count += outcomes[i].type == type;
    return count;
}

/* ---- answers to commands by their path, for tests that do not count tags ---- */

static struct {
    char path[40];
    unsigned tag;
} last_sent[32];

static inline void note_sent(void)
{
    unsigned session;
    const struct ros_sentence *sent;
    for (unsigned i = 0; (sent = sent_command(&out, i, &session)) != NULL; i++) {
        struct span text;
        uint64_t tag;
        struct span path = ros_word(sent, 0);
        unsigned k = 0;
        if (session != 0 || !ros_attribute(sent, ".tag", &text) || !parse_decimal(text, UINT32_MAX, &tag))
            continue;
        while (last_sent[k].path[0] != '\0' && !span_is(path, last_sent[k].path))
            k++;
        snprintf(last_sent[k].path, sizeof(last_sent[k].path), "%.*s", (int)path.len,
                 (const char *)path.data);
        last_sent[k].tag = visible_tag((unsigned)tag);
    }
}

/* The tag of the last command with that path that has not been answered; 0: there is none. */
static inline unsigned tag_of(const char *path)
{
    for (unsigned k = 0; last_sent[k].path[0] != '\0'; k++)
        if (strcmp(last_sent[k].path, path) == 0)
            return last_sent[k].tag;
    return 0;
}

/* Answers the last command with that path: rows, separated by '|', and the end; a row that begins with
 * "!trap" is none. */
static inline void answer(const char *path, const char *rows)
{
    char text[2048] = "";
    size_t len = 0;
    unsigned tag = tag_of(path);
    if (tag == 0)
        fail_msg("no command %s", path);
    while (*rows != '\0') {
        int row = (int)strcspn(rows, "|");
        bool trap = strncmp(rows, "!trap", 5) == 0;
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s .tag=%u%.*s|", trap ? "!trap" : "!re",
                                tag, trap ? row - 5 : row, trap ? rows + 5 : rows);
        rows += row + (rows[row] == '|');
    }
    snprintf(text + len, sizeof(text) - len, "!done .tag=%u", tag);
    for (unsigned k = 0; last_sent[k].path[0] != '\0'; k++)
        if (last_sent[k].tag == tag)
            last_sent[k].tag = 0;
    hear(text);
    note_sent();
}

static inline int start_with(const char *interface)
{
    router = calloc(1, sizeof(*router));
    memset(&side_readings, 0, sizeof(side_readings));
    memset(last_sent, 0, sizeof(last_sent));
    now_ms = 100000;
    router_init(router, "natpmp", "secret", "default", interface, GATEWAY, 1);
    step((struct event){.type = EVENT_DEADLINE});
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1);
    opened(0);
    return 0;
}

/* Without a configured interface: tag 1 login, 2 resource, 3 to 5 listen for what may move the way, 6 the
 * connection to the gateway. */
static inline int start(void **state)
{
    (void)state;
    return start_with("");
}

/* Tag 1 login, 2 resource, 3 to 5 listen for what may move the way, 6 the connection to the gateway, 7 route
 * check, 8 addresses, 9 lists, 10 members, 11 listen, 12 snapshot; ready, the next is 13. */
static inline int start_ready(void **state)
{
    (void)state;
    start_with("wg1");
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=2|!done .tag=7|!done .tag=8|!done .tag=9|!done .tag=10");
    hear("!done .tag=12");
    assert_true(router_is_ready(router));
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    free(router);
    return 0;
}

#define MARK "=comment=double-natpmp/default_external_41000_lease_7200_s"
#define RULE                                                                                                 \
    "=chain=dstnat =action=dst-nat =protocol=tcp =in-interface=wg1 =dst-port=6881 "                          \
    "=to-addresses=192.168.88.11 =to-ports=6881 " MARK
#define FOREIGN "=chain=dstnat =action=dst-nat =protocol=tcp =dst-port=80"

static const struct router_rule rule = {
    .protocol = NATPMP_TCP,
    .router_port = 6881,
    .client = 0xc0a8580b,
    .internal_port = 6882,
    .lease_s = 3600,
};
