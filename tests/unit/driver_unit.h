/* The driver between real sockets and a core of a few lines. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "app/driver.h"
#include "core/proxy_status.h"
#include "loop.h"

enum { EVENTS_MAX = 256 };

static const uint32_t loopback = 0x7F000001;

/* ---- the core ---- */

struct seen {
    struct event event;
    uint8_t bytes[64];
    size_t length;
};

struct proxy {
    struct seen seen[EVENTS_MAX];
    unsigned count;
    uint64_t deadline_ms;
    bool inside;
    void (*react)(const struct event *event, struct actions *out);
};

static struct proxy core;
static struct proxy_status core_status;
static enum proxy_condition core_condition;

static inline struct span event_bytes(const struct event *event)
{
    switch (event->type) {
    case EVENT_LAN:
        return event->lan.bytes;
    case EVENT_GATEWAY:
        return event->gateway;
    case EVENT_ROUTER_DATA:
        return event->router.bytes;
    case EVENT_START:
    case EVENT_DEADLINE:
    case EVENT_GATEWAY_ERROR:
    case EVENT_ROUTER_OPEN:
    case EVENT_ROUTER_CLOSED:
    case EVENT_ASKED:
    case EVENT_STOP:
        break;
    }
    return span_of("", 0);
}

void proxy_step(struct proxy *p, const struct event *event, struct actions *out)
{
    struct span bytes = event_bytes(event);
    assert_false(p->inside);
    assert_true(p->count < EVENTS_MAX);
    assert_true(p->count == 0 || event->now_ms >= p->seen[p->count - 1].event.now_ms);
    p->inside = true;
    struct seen *seen = &p->seen[p->count++];
    seen->event = *event;
    seen->length = bytes.len < sizeof(seen->bytes) ? bytes.len : sizeof(seen->bytes);
    memcpy(seen->bytes, bytes.data, seen->length);
    actions_clear(out, LOG_LEVEL_DEBUG);
    if (p->react != NULL)
        p->react(event, out);
    p->inside = false;
}

uint64_t proxy_deadline_ms(const struct proxy *p)
{
    return p->deadline_ms;
}

bool proxy_knows(const struct proxy *p, uint32_t address)
{
    (void)p;
    (void)address;
    return true;
}

struct proxy_status proxy_status(const struct proxy *p, uint64_t now_ms)
{
    (void)p;
    (void)now_ms;
    return core_status;
}

enum proxy_condition proxy_condition(const struct proxy *p)
{
    (void)p;
    return core_condition;
}

const char *proxy_password(const struct proxy *p)
{
    (void)p;
    return "secret";
}

bool static_status(const struct proxy *p, unsigned number, struct mapping_status *ret_status)
{
    (void)p;
    (void)number;
    (void)ret_status;
    return false;
}

uint16_t mapping_status_from(const struct proxy *p, uint16_t from, uint64_t now_ms,
                             struct mapping_status *ret_status)
{
    (void)p;
    (void)from;
    (void)now_ms;
    (void)ret_status;
    return 0;
}

static inline unsigned count_of(enum event_type type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < core.count; i++)
        count += core.seen[i].event.type == type;
    return count;
}

static inline const struct seen *last_of(enum event_type type)
{
    for (unsigned i = core.count; i > 0; i--)
        if (core.seen[i - 1].event.type == type)
            return &core.seen[i - 1];
    fail_msg("no event of type %d", (int)type);
    return NULL;
}

static inline void act(struct actions *out, enum action_type type, unsigned session, const char *text)
{
    struct action action = {.type = type};
    action.router.session = session;
    action.router.bytes = span_text(text);
    actions_push(out, action);
}

static inline void act_gateway(struct actions *out, const char *text)
{
    actions_push(out, (struct action){.type = ACTION_GATEWAY_SEND, .gateway = span_text(text)});
}

static inline void act_log(struct actions *out, const char *text)
{
    actions_push(
        out, (struct action){.type = ACTION_LOG,
                             .log = {.level = LOG_LEVEL_INFO, .component = "core", .text = span_text(text)}});
}

static inline void act_reply(struct actions *out, const struct event *event, const char *text)
{
    actions_push(out, (struct action){.type = ACTION_LAN_SEND,
                                      .lan = {.to = event->lan.from,
                                              .from = event->lan.to,
                                              .interface = event->lan.interface,
                                              .bytes = span_text(text)}});
}

/* ---- the world ---- */

struct world {
    struct config config;
    struct log log;
    int log_end; /* its log lines */
    struct driver *driver;
    int client;
    int gateway;
    int listener;
    int router;
    char lines[8192];
};

static inline int bound(int type, struct sockaddr_in *ret_local)
{
    socklen_t len = sizeof(*ret_local);
    *ret_local = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)ret_local, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_local, &len), 0);
    return fd;
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct sockaddr_in local;
    int ends[2];
    assert_non_null(w);
    memset(&core, 0, sizeof(core));
    core.deadline_ms = CLOCK_NEVER;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    w->log_end = ends[0];
    log_init(&w->log, ends[1], LOG_LEVEL_DEBUG);
    w->router = -1;
    w->client = bound(SOCK_DGRAM, &local);
    w->gateway = bound(SOCK_DGRAM, &local);
    w->config.gateway = loopback;
    w->config.gateway_port = ntohs(local.sin_port);
    w->listener = bound(SOCK_STREAM, &local);
    assert_int_equal(listen(w->listener, 8), 0);
    (void)strcpy(w->config.router_host, "127.0.0.1");
    w->config.router_port = ntohs(local.sin_port);
    w->driver = calloc(1, sizeof(*w->driver));
    assert_non_null(w->driver);
    assert_int_equal(driver_open(w->driver, &w->config, NULL, &core, &w->log), 0);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    assert_true(driver_close(w->driver));
    free(w->driver);
    (void)close(w->log.fd);
    (void)close(w->log_end);
    (void)close(w->client);
    (void)close(w->gateway);
    (void)close(w->listener);
    (void)close(w->router);
    free(w);
    return 0;
}

/* The test turns the driver's loop itself, from the start on. */
static inline void start(struct world *w)
{
    uv_stop(&w->driver->loop);
    driver_run(w->driver);
}

static inline void ask(struct world *w, const char *text)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(udp_server_port(&w->driver->lan)),
                                 .sin_addr.s_addr = htonl(loopback + 6)};
    assert_int_equal(
        sendto(w->client, text, strlen(text), 0, (const struct sockaddr *)&server, sizeof(server)),
        strlen(text));
}

/* True if `text` is what can be read next. */
static inline bool hears(int fd, const char *text, struct sockaddr_in *ret_from)
{
    char bytes[256];
    socklen_t len = sizeof(*ret_from);
    ssize_t got = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)ret_from, &len);
    if (got < 0)
        return false;
    assert_int_equal(got, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
    return true;
}

static inline bool accepts(struct world *w)
{
    w->router = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return w->router >= 0;
}

static inline const char *read_lines(struct world *w)
{
    ssize_t len = read(w->log_end, w->lines, sizeof(w->lines) - 1);
    w->lines[len < 0 ? 0 : len] = '\0';
    return w->lines;
}
