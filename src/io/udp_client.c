#include "io/udp_client.h"

#include <assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"

static void on_ready(uv_poll_t *poll, int status, int events);

static enum gateway_trouble error_class(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return GATEWAY_PORT_UNREACHABLE;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
        return GATEWAY_NO_ROUTE;
    case EADDRNOTAVAIL:
    case ENODEV:
        return GATEWAY_NO_SOURCE;
    default:
        return GATEWAY_SEND_FAILED;
    }
}

/* The cause may be the route by which the socket was connected. A lack of memory says nothing about the
 * route. */
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

/* An interface that was created again has another index, and a socket stays bound to the old one; to bind it
 * again takes a privilege. A socket that was made in this turn of the loop is as good as a new one. */
static bool must_be_replaced(const struct udp_client *c)
{
    return (c->way.source != 0 || c->way.device[0] != '\0') && !c->closing;
}

static int take_way(const struct udp_client *c, int fd)
{
    const struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(c->way.source)};
    if (c->way.device[0] != '\0' &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->way.device, (socklen_t)strlen(c->way.device)) != 0)
        return -errno;
    if (c->way.source != 0 && bind(fd, (const struct sockaddr *)&source, sizeof(source)) != 0)
        return -errno;
    return 0;
}

/* A descriptor, or a negative error. */
static int new_descriptor(const struct udp_client *c)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Without this option a connected socket does not receive "network unreachable" from a router on the
     * way. */
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    int result = take_way(c, fd);
    if (result != 0)
        (void)close(fd);
    return result != 0 ? result : fd;
}

static int make_socket(struct udp_client *c)
{
    int fd = new_descriptor(c);
    if (fd < 0)
        return fd;
    int result = uv_poll_init(c->loop, &c->poll[c->used], fd);
    if (result == 0)
        result = uv_poll_start(&c->poll[c->used], UV_READABLE, on_ready);
    if (result != 0) {
        (void)close(fd);
        return result;
    }
    c->poll[c->used].data = c;
    c->fd = fd;
    return 0;
}

static void on_discarded(uv_handle_t *handle)
{
    struct udp_client *c = handle->data;
    c->closing = false;
}

/* The loop needs one more turn to close the handle, so the next socket gets the other one. A dup3() onto the
 * old descriptor could keep the handle, but libuv and the seccomp filter would both need an exception for
 * that. */
static void discard_socket(struct udp_client *c)
{
    uv_close((uv_handle_t *)&c->poll[c->used], on_discarded);
    (void)close(c->fd);
    c->used ^= 1;
    c->closing = true;
    c->fd = -1;
    c->connected = false;
}

/* Connects the socket, or connects it again: the kernel then chooses source address and source port again. It
 * drops datagrams from other hosts (RFC 6886 section 3.2 [C-12]). */
static int ensure_connected(struct udp_client *c)
{
    if (c->fd >= 0 && c->stale && must_be_replaced(c))
        discard_socket(c);
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
    if (!c->connected)
        return -errno;
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    (void)getsockname(c->fd, (struct sockaddr *)&local, &len);
    c->local = ntohl(local.sin_addr.s_addr);
    return 0;
}

/* ---- receiving ---- */

/* The last error in the kernel's list for this socket; 0: none. */
static int take_queued_errors(struct udp_client *c)
{
    int last = 0;
    for (unsigned i = 0; i < UDP_CLIENT_BATCH; i++) {
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

/* Between socket() and connect() the socket could receive from any host. */
static bool from_peer(const struct udp_client *c, const struct sockaddr_in *source)
{
    return source->sin_family == AF_INET && source->sin_addr.s_addr == c->peer.sin_addr.s_addr &&
           source->sin_port == c->peer.sin_port;
}

/* Receives a limited number of datagrams, so that other sockets have their turn during a flood. Returns an
 * errno, or 0. */
static int receive(struct udp_client *c)
{
    struct mmsghdr message[UDP_CLIENT_BATCH];
    struct iovec part[UDP_CLIENT_BATCH];
    struct sockaddr_in source[UDP_CLIENT_BATCH];
    for (unsigned i = 0; i < UDP_CLIENT_BATCH; i++) {
        part[i] = (struct iovec){.iov_base = c->input[i], .iov_len = sizeof(c->input[i])};
        message[i].msg_hdr = (struct msghdr){
            .msg_name = &source[i], .msg_namelen = sizeof(source[i]), .msg_iov = &part[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(c->fd, message, UDP_CLIENT_BATCH, MSG_DONTWAIT, NULL);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : errno;
    for (int i = 0; i < count && !c->closed; i++) {
        if ((message[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 || !from_peer(c, &source[i]))
            continue;
        c->unanswered_ms = 0;
        c->handlers->received(c->context, span_of(c->input[i], message[i].msg_len));
    }
    if (!c->closed)
        c->handlers->batch_done(c->context);
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct udp_client *c = poll->data;
    int queued = 0;
    (void)events;
    if (status < 0) {
        /* POLLERR says that the kernel's list has errors, and the loop has stopped watching the socket. */
        queued = take_queued_errors(c);
        (void)uv_poll_start(poll, UV_READABLE, on_ready);
    }
    int error = receive(c);
    if (c->closed)
        return;
    error = queued != 0 ? queued : error;
    if (error != 0) {
        distrust_route(c, error);
        c->handlers->failed(c->context, error_class(error));
    }
}

/* ---- sending ---- */

/* Sends the queue from `first` on. Returns how many datagrams the kernel took, or a negative errno. */
static int send_queued(struct udp_client *c, unsigned first)
{
    struct mmsghdr message[UDP_CLIENT_QUEUE_MAX];
    struct iovec part[UDP_CLIENT_QUEUE_MAX];
    int result = ensure_connected(c);
    if (result != 0)
        return result;
    for (unsigned i = first; i < c->queued; i++) {
        part[i] = (struct iovec){.iov_base = c->queue[i], .iov_len = c->queued_len[i]};
        message[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
    }
    int sent = sendmmsg(c->fd, message + first, c->queued - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? sent : -errno;
}

/* A peer that has not answered for so long may have another route by now. */
static void watch_silence(struct udp_client *c)
{
    uint64_t now_ms = clock_now_ms();
    if (c->unanswered_ms == 0) {
        c->unanswered_ms = now_ms;
    } else if (now_ms - c->unanswered_ms >= UDP_SILENCE_MS) {
        c->stale = true;
        c->unanswered_ms = now_ms;
    }
}

void udp_client_flush(struct udp_client *c)
{
    if (c->queued == 0)
        return;
    watch_silence(c);
    bool again = false;
    for (unsigned done = 0; done < c->queued;) {
        int sent = send_queued(c, done);
        if (sent > 0) {
            done += (unsigned)sent;
            again = false;
            continue;
        }
        /* The error may belong to an earlier datagram and have kept this one from being sent, so it gets a
         * second try. The same error in the kernel's list must not be reported again. */
        done += again;
        again = !again;
        report_later(c, -sent);
        if (c->fd >= 0)
            (void)take_queued_errors(c);
    }
    c->queued = 0;
}

void udp_client_queue(struct udp_client *c, struct span bytes)
{
    assert(bytes.len <= UDP_CLIENT_DATAGRAM_MAX);
    if (c->queued == UDP_CLIENT_QUEUE_MAX)
        udp_client_flush(c);
    memcpy(c->queue[c->queued], bytes.data, bytes.len);
    c->queued_len[c->queued++] = (uint8_t)bytes.len;
}

uint32_t udp_client_local(const struct udp_client *c)
{
    return c->connected ? c->local : 0;
}

/* ---- life ---- */

void udp_client_open(struct udp_client *c, uv_loop_t *loop, uint32_t address, uint16_t port,
                     const struct udp_way *way, const struct udp_client_handlers *handlers, void *context)
{
    c->loop = loop;
    c->fd = -1;
    c->used = 0;
    c->closing = false;
    c->closed = false;
    c->connected = false;
    c->stale = false;
    c->unanswered_ms = 0;
    c->queued = 0;
    c->peer = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    c->way = *way;
    c->handlers = handlers;
    c->context = context;
    (void)uv_timer_init(loop, &c->report);
    c->report.data = c;
    /* This shows our address towards the peer. Without a route now, a send tries again. */
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
        uv_close((uv_handle_t *)&c->poll[c->used], NULL);
        (void)close(c->fd);
        c->fd = -1;
    }
}
