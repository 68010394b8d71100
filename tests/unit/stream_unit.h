/* A stream, its peer, and replacements for the C library's name server and the event loop's clock. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "io/stream.h"
#include "loop.h"

/* ---- replacements: the event loop's clock, and a name server ---- */

static _Atomic int skew_s;

int fake_clock(clockid_t clock, struct timespec *ret_now) __asm__("clock_gettime");
int fake_clock(clockid_t clock, struct timespec *ret_now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret_now);
    if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
        ret_now->tv_sec += skew_s;
    return result;
}

static sem_t resolver_busy;
static sem_t resolver_may_go;
static _Atomic unsigned resolved;

static inline struct addrinfo *make_address(const char *address, const char *service, struct addrinfo *next)
{
    struct room {
        struct addrinfo info;
        struct sockaddr_in6 address;
    } *room = calloc(1, sizeof(*room));
    int port = (int)strtol(service, NULL, 10);
    if (uv_ip6_addr(address, port, &room->address) != 0) {
        struct sockaddr_in v4;
        (void)uv_ip4_addr(address, port, &v4);
        memcpy(&room->address, &v4, sizeof(v4));
    }
    room->info.ai_addr = (struct sockaddr *)&room->address;
    room->info.ai_family = room->address.sin6_family;
    room->info.ai_next = next;
    return &room->info;
}

int fake_lookup(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_addresses) __asm__("getaddrinfo");
int fake_lookup(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_addresses)
{
    (void)hints;
    resolved++;
    if (strcmp(name, "slow.test") == 0) {
        (void)sem_post(&resolver_busy);
        (void)sem_wait(&resolver_may_go);
    }
    if (strcmp(name, "none.test") == 0)
        return EAI_NONAME;
    *ret_addresses = make_address("127.0.0.1", service, NULL);
    if (strcmp(name, "second.test") == 0)
        *ret_addresses = make_address("127.0.0.2", service, make_address("::1", service, *ret_addresses));
    if (strcmp(name, "silent.test") == 0)
        *ret_addresses = make_address("10.8.8.8", service, *ret_addresses);
    return 0;
}

void fake_free(struct addrinfo *address) __asm__("freeaddrinfo");
void fake_free(struct addrinfo *address)
{
    while (address != NULL) {
        struct addrinfo *next = address->ai_next;
        free(address);
        address = next;
    }
}

/* ---- fixture ---- */

struct world {
    uv_loop_t loop;
    int listener;
    uint16_t port;
    int peer;
    struct stream *stream;
    unsigned opened;
    uint32_t address;
    size_t received;
    uint8_t bytes[64];
    unsigned closed;
    enum failure end;
    bool in_call;
    bool close_when_opened;
    bool close_when_received;
    bool send_when_opened;
};

static inline void close_stream(struct world *w)
{
    stream_close(w->stream);
    w->stream = NULL;
}

static inline void on_opened(void *context, uint32_t address)
{
    struct world *w = context;
    assert_false(w->in_call);
    w->opened++;
    w->address = address;
    if (w->send_when_opened)
        stream_send(w->stream, BYTES("login"));
    if (w->close_when_opened)
        close_stream(w);
}

static inline void on_received(void *context, struct span bytes)
{
    struct world *w = context;
    assert_false(w->in_call);
    assert_in_range(bytes.len, 1, STREAM_INPUT_MAX);
    memcpy(w->bytes, bytes.data, bytes.len < sizeof(w->bytes) ? bytes.len : sizeof(w->bytes));
    w->received += bytes.len;
    if (w->close_when_received)
        close_stream(w);
}

static inline void on_closed(void *context, enum failure end)
{
    struct world *w = context;
    assert_false(w->in_call);
    assert_non_null(w->stream);
    w->stream = NULL;
    w->closed++;
    w->end = end;
}

static const struct stream_handlers handlers = {
    .opened = on_opened, .received = on_received, .closed = on_closed};

static inline void open_to(struct world *w, const char *host, uint16_t port)
{
    w->in_call = true;
    w->stream = stream_open(&w->loop, host, port, NULL, &handlers, w);
    w->in_call = false;
    assert_non_null(w->stream);
}

static inline void send_bytes(struct world *w, struct span bytes)
{
    w->in_call = true;
    stream_send(w->stream, bytes);
    w->in_call = false;
}

static inline void open_both(struct world *w)
{
    open_to(w, "127.0.0.1", w->port);
    loop_until(&w->loop, w->opened == 1);
    w->peer = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(w->peer >= 0);
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(local);
    assert_non_null(w);
    skew_s = 0;
    resolved = 0;
    assert_int_equal(sem_init(&resolver_busy, 0, 0), 0);
    assert_int_equal(sem_init(&resolver_may_go, 0, 0), 0);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->peer = -1;
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->listener, (const struct sockaddr *)&local, len), 0);
    assert_int_equal(listen(w->listener, 8), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&local, &len), 0);
    w->port = ntohs(local.sin_port);
    *state = w;
    return 0;
}

/* Every test ends with a loop that has no handle left. */
static inline int teardown(void **state)
{
    struct world *w = *state;
    if (w->stream != NULL)
        close_stream(w);
    (void)close(w->listener);
    (void)close(w->peer);
    loop_end(&w->loop);
    (void)sem_destroy(&resolver_busy);
    (void)sem_destroy(&resolver_may_go);
    free(w);
    return 0;
}

static inline void check_end(struct world *w, enum failure end)
{
    loop_until(&w->loop, w->closed > 0);
    loop_until(&w->loop, !uv_loop_alive(&w->loop));
    assert_int_equal(w->closed, 1);
    assert_int_equal(w->end, end);
}
