#include "io/stream.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The addresses of the host are tried one after another. Each attempt has a handle of its own, which must be
 * closed before the next one. */
struct stream {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_tcp_t tcp;
    bool tcp_used; /* the handle is initialised and not yet closed */
    bool open;
    bool dead;                       /* the owner gets no more callbacks */
    struct tls_context *tls_context; /* NULL: plain */
    struct tls *tls;                 /* NULL until TCP is connected */
    uv_connect_t connect;
    struct lookup *lookup; /* NULL: none is under way */
    struct addrinfo *found;
    const struct addrinfo *next;
    struct addrinfo literal;
    struct sockaddr_storage literal_address;
    enum failure failure; /* of the last attempt */
    unsigned references;  /* handles that libuv has not closed yet */
    const struct stream_handlers *handlers;
    void *context;
    char input[STREAM_INPUT_MAX];
};

/* A lookup cannot be interrupted. If the stream is closed meanwhile, this stays until the lookup ends. */
struct lookup {
    uv_getaddrinfo_t request;
    struct stream *stream; /* NULL: the stream is closed */
};

struct pending_write {
    uv_write_t request;
    char bytes[];
};

static void attempt_next(struct stream *s);

static enum failure failure_of(int error)
{
    switch (error) {
    case UV_ECONNREFUSED:
        return FAILURE_REFUSED;
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_ENETDOWN:
    case UV_EADDRNOTAVAIL:
        return FAILURE_UNREACHABLE;
    case UV_ETIMEDOUT:
        return FAILURE_TIMEOUT;
    case UV_EOF:
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_EPIPE:
        return FAILURE_LOST;
    default:
        return FAILURE_HERE;
    }
}

/* ---- life ---- */

static void release(struct stream *s)
{
    s->references--;
    if (s->references == 0) {
        uv_freeaddrinfo(s->found);
        tls_free(s->tls);
        free(s);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void on_tcp_closed(uv_handle_t *handle)
{
    struct stream *s = handle->data;
    if (!s->dead)
        attempt_next(s);
    release(s);
}

static void close_tcp(struct stream *s)
{
    if (s->tcp_used) {
        s->tcp_used = false;
        uv_close((uv_handle_t *)&s->tcp, on_tcp_closed);
    }
}

void stream_close(struct stream *s)
{
    if (s->dead)
        return;
    if (s->tls != NULL && s->open)
        tls_close(s->tls);
    s->dead = true;
    if (s->lookup != NULL) {
        s->lookup->stream = NULL;
        /* Only a lookup that has not started yet can be cancelled. It must be, or lookups would pile up
         * behind a slow resolver. */
        (void)uv_cancel((uv_req_t *)&s->lookup->request);
        s->lookup = NULL;
    }
    close_tcp(s);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static void end(struct stream *s, enum failure failure)
{
    const struct stream_handlers *handlers = s->handlers;
    void *context = s->context;
    if (s->dead)
        return;
    stream_close(s);
    handlers->closed(context, failure);
}

static void on_end_timer(uv_timer_t *timer)
{
    struct stream *s = timer->data;
    end(s, s->failure);
}

/* To be called within a call of the owner: `closed` must come from the loop. */
static void end_later(struct stream *s, enum failure failure)
{
    s->failure = failure;
    (void)uv_timer_start(&s->timer, on_end_timer, 0, 0);
}

/* ---- bytes out ---- */

static void on_written(uv_write_t *request, int status)
{
    struct stream *s = request->handle->data;
    free((struct pending_write *)request->data);
    if (status < 0 && status != UV_ECANCELED)
        end(s, failure_of(status));
}

static int queue_write(struct stream *s, struct span bytes)
{
    if (bytes.len > STREAM_QUEUE_MAX - uv_stream_get_write_queue_size((uv_stream_t *)&s->tcp))
        return UV_ENOBUFS;
    struct pending_write *write = malloc(sizeof(*write) + bytes.len);
    if (write == NULL)
        return UV_ENOMEM;
    write->request.data = write;
    memcpy(write->bytes, bytes.data, bytes.len);
    uv_buf_t buffer = uv_buf_init(write->bytes, (unsigned)bytes.len);
    int result = uv_write(&write->request, (uv_stream_t *)&s->tcp, &buffer, 1, on_written);
    if (result != 0)
        free(write);
    return result;
}

/* False if the stream fails; the owner's `closed` then comes from the loop. */
static bool send_raw(struct stream *s, struct span bytes)
{
    /* uv_buf_t is not const, but libuv only reads from it here. */
    union {
        const uint8_t *read_only;
        char *base;
    } data = {.read_only = bytes.data};
    uv_buf_t buffer = uv_buf_init(data.base, (unsigned)bytes.len);
    /* Bytes stay in order: while some are queued, libuv refuses others with EAGAIN. */
    int sent = uv_try_write((uv_stream_t *)&s->tcp, &buffer, 1);
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent >= 0 && (size_t)sent < bytes.len)
        sent = queue_write(s, span_skip(bytes, (size_t)sent));
    if (sent < 0)
        end_later(s, failure_of(sent));
    return sent >= 0;
}

void stream_send(struct stream *s, struct span bytes)
{
    assert(s->open && !s->dead);
    if (bytes.len == 0 || uv_is_active((const uv_handle_t *)&s->timer))
        return;
    if (s->tls == NULL)
        (void)send_raw(s, bytes);
    else if (!tls_write(s->tls, bytes) && !uv_is_active((const uv_handle_t *)&s->timer))
        end_later(s, FAILURE_HERE);
}

static bool send_encrypted(void *owner, struct span bytes)
{
    return send_raw(owner, bytes);
}

/* ---- bytes in ---- */

static uint32_t ipv4_address(const struct sockaddr_storage *storage)
{
    struct sockaddr_in address;
    memcpy(&address, storage, sizeof(address));
    return storage->ss_family == AF_INET ? ntohl(address.sin_addr.s_addr) : 0;
}

static uint32_t peer_address(const struct stream *s)
{
    struct sockaddr_storage peer = {0};
    int len = sizeof(peer);
    return uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&peer, &len) == 0 ? ipv4_address(&peer) : 0;
}

uint32_t stream_local(const struct stream *s)
{
    struct sockaddr_storage local = {0};
    int len = sizeof(local);
    return uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&local, &len) == 0 ? ipv4_address(&local) : 0;
}

static void on_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct stream *s = handle->data;
    (void)suggested;
    *ret_buffer = uv_buf_init(s->input, sizeof(s->input));
}

static void opened(struct stream *s)
{
    (void)uv_timer_stop(&s->timer);
    s->open = true;
    s->handlers->opened(s->context, peer_address(s));
}

/* Returns when all of the bytes are used up or the stream has ended. */
static void decrypt(struct stream *s, struct span bytes)
{
    uint8_t text[STREAM_INPUT_MAX];
    size_t len = 0;
    enum tls_status status = TLS_DONE;
    tls_feed(s->tls, bytes);
    if (!s->open) {
        status = tls_handshake(s->tls);
        if (status == TLS_DONE)
            opened(s);
        else if (status != TLS_WAITING)
            end(s, tls_failure(s->tls));
    }
    while (status == TLS_DONE && !s->dead) {
        status = tls_read(s->tls, text, sizeof(text), &len);
        if (status == TLS_DONE)
            s->handlers->received(s->context, span_of(text, len));
        else if (status != TLS_WAITING)
            end(s, status == TLS_CLOSED ? FAILURE_LOST : FAILURE_HERE);
    }
}

static void on_read(uv_stream_t *tcp, ssize_t len, const uv_buf_t *buffer)
{
    struct stream *s = tcp->data;
    if (len < 0)
        end(s, s->open ? failure_of((int)len) : FAILURE_TLS_BROKEN);
    else if (len > 0 && s->tls != NULL)
        decrypt(s, span_of(buffer->base, (size_t)len));
    else if (len > 0)
        s->handlers->received(s->context, span_of(buffer->base, (size_t)len));
}

/* ---- connecting ---- */

static void attempt_failed(struct stream *s, enum failure failure)
{
    s->failure = failure;
    (void)uv_timer_stop(&s->timer);
    close_tcp(s);
}

static void on_handshake_timeout(uv_timer_t *timer)
{
    end(timer->data, FAILURE_TLS_BROKEN);
}

static void start_tls(struct stream *s)
{
    s->tls = tls_new(s->tls_context, send_encrypted, s);
    if (s->tls == NULL) {
        end(s, FAILURE_HERE);
        return;
    }
    (void)uv_timer_start(&s->timer, on_handshake_timeout, STREAM_TLS_TIMEOUT_MS, 0);
    enum tls_status status = tls_handshake(s->tls);
    if (status != TLS_WAITING)
        end(s, tls_failure(s->tls));
}

static void on_connected(uv_connect_t *request, int status)
{
    struct stream *s = request->handle->data;
    if (status == UV_ECANCELED || s->dead)
        return;
    (void)uv_timer_stop(&s->timer);
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&s->tcp, on_room_wanted, on_read);
    if (status != 0) {
        attempt_failed(s, failure_of(status));
        return;
    }
    (void)uv_tcp_nodelay(&s->tcp, 1);
    (void)uv_tcp_keepalive(&s->tcp, 1, STREAM_KEEPALIVE_S);
    if (s->tls_context == NULL)
        opened(s);
    else
        start_tls(s);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    attempt_failed(timer->data, FAILURE_TIMEOUT);
}

/* To be called from the loop only. If all addresses fail, the owner hears the reason of the last one. */
static void attempt_next(struct stream *s)
{
    const struct addrinfo *address = s->next;
    if (address == NULL) {
        end(s, s->failure);
        return;
    }
    s->next = address->ai_next;
    int result = uv_tcp_init(s->loop, &s->tcp);
    if (result != 0) {
        end(s, FAILURE_HERE);
        return;
    }
    s->tcp.data = s;
    s->tcp_used = true;
    s->references++;
    (void)uv_timer_start(&s->timer, on_connect_timeout, STREAM_CONNECT_TIMEOUT_MS, 0);
    result = uv_tcp_connect(&s->connect, &s->tcp, address->ai_addr, on_connected);
    if (result != 0)
        attempt_failed(s, failure_of(result));
}

static void on_start_timer(uv_timer_t *timer)
{
    attempt_next(timer->data);
}

/* ---- names ---- */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *lookup = request->data;
    struct stream *s = lookup->stream;
    free(lookup);
    if (s == NULL) {
        uv_freeaddrinfo(found);
        return;
    }
    s->lookup = NULL;
    s->found = found;
    s->next = found;
    s->failure = FAILURE_RESOLVE;
    (void)uv_timer_stop(&s->timer);
    (void)status; /* if the lookup failed, there are no addresses */
    attempt_next(s);
}

static void on_resolve_timeout(uv_timer_t *timer)
{
    end(timer->data, FAILURE_RESOLVE);
}

static int resolve(struct stream *s, const char *host, uint16_t port)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return UV_ENOMEM;
    char service[sizeof("65535")];
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    lookup->request.data = lookup;
    int result = uv_getaddrinfo(s->loop, &lookup->request, on_resolved, host, service, &hints);
    if (result != 0) {
        free(lookup);
        return result;
    }
    lookup->stream = s;
    s->lookup = lookup;
    return uv_timer_start(&s->timer, on_resolve_timeout, STREAM_RESOLVE_TIMEOUT_MS, 0);
}

static bool literal_address(const char *host, uint16_t port, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(host, port, &v4) == 0)
        memcpy(ret_address, &v4, sizeof(v4));
    else if (uv_ip6_addr(host, port, &v6) == 0)
        memcpy(ret_address, &v6, sizeof(v6));
    else
        return false;
    return true;
}

bool stream_needs_resolver(const char *host)
{
    struct sockaddr_storage address;
    return !literal_address(host, 0, &address);
}

static bool take_literal(struct stream *s, const char *host, uint16_t port)
{
    if (!literal_address(host, port, &s->literal_address))
        return false;
    s->literal.ai_addr = (struct sockaddr *)&s->literal_address;
    s->next = &s->literal;
    return true;
}

struct stream *stream_open(uv_loop_t *loop, const char *host, uint16_t port, struct tls_context *tls,
                           const struct stream_handlers *handlers, void *context)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->tls_context = tls;
    s->handlers = handlers;
    s->context = context;
    s->references = 1;
    (void)uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    if (take_literal(s, host, port))
        (void)uv_timer_start(&s->timer, on_start_timer, 0, 0);
    else if (resolve(s, host, port) != 0)
        end_later(s, FAILURE_RESOLVE);
    return s;
}
