#include "io/udp_client.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"

static void on_ready(uv_poll_t *poll, int status, int events);

static enum udp_error error_class(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return UDP_ERROR_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
        return UDP_ERROR_NO_ROUTE;
    default:
        return UDP_ERROR_OTHER;
    }
}

/* What is wrong may be the route by which the socket was connected; a lack of memory says nothing about it.
 */
static void distrust_route(struct udp_client *c, int error)
{
    c->stale = c->stale || (error != ENOBUFS && error != ENOMEM && error != EAGAIN);
}

static void on_report(uv_timer_t *timer)
{
    struct udp_client *c = timer->data;
    c->handlers->failed(c->context, c->error);
}

static void report_later(struct udp_client *c, int error)
{
    distrust_route(c, error);
    c->error = error_class(error);
    (void)uv_timer_start(&c->report, on_report, 0, 0);
}

/* ---- the socket ---- */

static int make_socket(struct udp_client *c)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Without this, "network unreachable" from a router on the way is not told to a connected socket. */
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    int result = uv_poll_init(c->loop, &c->poll, fd);
    if (result == 0)
        result = uv_poll_start(&c->poll, UV_READABLE, on_ready);
    if (result != 0) {
        (void)close(fd);
        return result;
    }
    c->poll.data = c;
    c->fd = fd;
    return 0;
}

/* Connects, or connects anew: the kernel chooses the source address and the source port again, and drops what
 * comes from elsewhere (RFC 6886 section 3.2 [C-12]). */
static int ensure_connected(struct udp_client *c)
{
    if (c->fd < 0) {
        int result = make_socket(c);
        if (result != 0)
            return result;
    }
    if (c->connected && !c->stale)
        return 0;
    if (c->connected) {
        const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
        (void)connect(c->fd, &nobody, sizeof(nobody));
    }
    c->stale = false;
    c->connected = connect(c->fd, (const struct sockaddr *)&c->peer, sizeof(c->peer)) == 0;
    return c->connected ? 0 : -errno;
}

/* ---- receiving ---- */

/* Datagrams or errors that are taken in one turn. */
enum { TURN_MAX = 32 };

/* The last of the errors that the kernel keeps for this socket; 0: none. */
static int take_queued_errors(struct udp_client *c)
{
    int last = 0;
    for (unsigned i = 0; i < TURN_MAX; i++) {
        uint8_t byte;
        struct iovec space = {.iov_base = &byte, .iov_len = sizeof(byte)};
        union {
            struct cmsghdr align;
            uint8_t bytes[512];
        } control;
        struct msghdr header = {
            .msg_iov = &space, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        if (recvmsg(c->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return last;
        for (struct cmsghdr *m = CMSG_FIRSTHDR(&header); m != NULL; m = CMSG_NXTHDR(&header, m)) {
            struct sock_extended_err error;
            if (m->cmsg_level == IPPROTO_IP && m->cmsg_type == IP_RECVERR) {
                memcpy(&error, CMSG_DATA(m), sizeof(error));
                last = (int)error.ee_errno;
            }
        }
    }
    return last;
}

/* Between socket and connect it could have received from anybody. */
static bool from_peer(const struct udp_client *c, const struct sockaddr_in *source)
{
    return source->sin_family == AF_INET && source->sin_addr.s_addr == c->peer.sin_addr.s_addr &&
           source->sin_port == c->peer.sin_port;
}

/* Up to a limit, so that a flood leaves the other sockets their turn. Returns an error met on the way, or 0.
 */
static int receive(struct udp_client *c)
{
    int last = 0;
    for (unsigned i = 0; i < TURN_MAX && !c->closed; i++) {
        uint8_t bytes[DATAGRAM_MAX];
        struct sockaddr_in source = {0};
        socklen_t source_len = sizeof(source);
        ssize_t len = recvfrom(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC,
                               (struct sockaddr *)&source, &source_len);
        if (len < 0 && errno == EAGAIN)
            break;
        if (len < 0) {
            last = errno == EINTR ? last : errno;
        } else if ((size_t)len <= sizeof(bytes) && from_peer(c, &source)) {
            c->unanswered_ms = 0;
            c->handlers->received(c->context, span_of(bytes, (size_t)len));
        }
    }
    return last;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct udp_client *c = poll->data;
    (void)events;
    int queued = take_queued_errors(c);
    int error = receive(c);
    if (c->closed)
        return;
    if (status < 0) {
        /* With an error pending the loop stops watching. */
        (void)uv_poll_start(&c->poll, UV_READABLE, on_ready);
    }
    error = queued != 0 ? queued : error;
    if (error != 0) {
        distrust_route(c, error);
        c->handlers->failed(c->context, error_class(error));
    }
}

/* ---- sending ---- */

static int try_send(struct udp_client *c, struct span bytes)
{
    int result = ensure_connected(c);
    if (result != 0)
        return result;
    ssize_t sent = send(c->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? 0 : -errno;
}

void udp_client_send(struct udp_client *c, struct span bytes)
{
    uint64_t now_ms = clock_now_ms();
    if (c->unanswered_ms == 0) {
        c->unanswered_ms = now_ms;
    } else if (now_ms - c->unanswered_ms >= UDP_SILENCE_MS) {
        c->stale = true;
        c->unanswered_ms = now_ms;
    }
    int result = try_send(c, bytes);
    if (result != 0) {
        /* The error may belong to an earlier datagram, and this one was not sent for it. The same error in
         * the kernel's list is not to be reported twice. */
        report_later(c, -result);
        if (c->fd >= 0)
            (void)take_queued_errors(c);
        (void)try_send(c, bytes);
    }
}

uint32_t udp_client_local(const struct udp_client *c)
{
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    if (!c->connected || getsockname(c->fd, (struct sockaddr *)&local, &len) != 0)
        return 0;
    return ntohl(local.sin_addr.s_addr);
}

/* ---- life ---- */

void udp_client_open(struct udp_client *c, uv_loop_t *loop, uint32_t address, uint16_t port,
                     const struct udp_client_handlers *handlers, void *context)
{
    *c = (struct udp_client){
        .loop = loop,
        .fd = -1,
        .peer = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)},
        .handlers = handlers,
        .context = context,
    };
    (void)uv_timer_init(loop, &c->report);
    c->report.data = c;
    /* For our address towards the peer. Without a route now, a send tries again. */
    (void)ensure_connected(c);
}

void udp_client_close(struct udp_client *c)
{
    if (c->closed)
        return;
    c->closed = true;
    c->connected = false;
    uv_close((uv_handle_t *)&c->report, NULL);
    if (c->fd >= 0) {
        uv_close((uv_handle_t *)&c->poll, NULL);
        (void)close(c->fd);
        c->fd = -1;
    }
}
