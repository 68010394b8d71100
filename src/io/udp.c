#include "io/udp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/links.h"

/* Room for the one control message that is used, aligned as the kernel requires. */
union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct batch {
    struct mmsghdr message[UDP_BATCH];
    struct iovec part[UDP_BATCH];
    struct sockaddr_in address[UDP_BATCH];
    union control control[UDP_BATCH];
};

static struct sockaddr_in socket_address(uint32_t address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static void batch_prepare(struct batch *b, unsigned i, void *bytes, size_t len)
{
    b->part[i] = (struct iovec){.iov_base = bytes, .iov_len = len};
    b->message[i].msg_hdr = (struct msghdr){
        .msg_name = &b->address[i],
        .msg_namelen = sizeof(b->address[i]),
        .msg_iov = &b->part[i],
        .msg_iovlen = 1,
        .msg_control = &b->control[i],
        .msg_controllen = sizeof(b->control[i]),
    };
}

/* ---- sending ---- */

static void watch(struct udp_server *s, int events);

static void prepare_send(struct udp_server *s, struct batch *b, unsigned i, const struct udp_queued *queued)
{
    const struct udp_datagram *datagram = &queued->datagram;
    b->address[i] = socket_address(datagram->address, datagram->port);
    batch_prepare(b, i, s->queue_bytes + queued->offset, datagram->bytes.len);
    struct in_pktinfo info = {
        .ipi_ifindex = (int)datagram->interface, .ipi_spec_dst.s_addr = htonl(datagram->local), /* [G-08] */
    };
    memset(&b->control[i], 0, sizeof(b->control[i]));
    struct cmsghdr *header = CMSG_FIRSTHDR(&b->message[i].msg_hdr);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(header), &info, sizeof(info));
}

/* Removes the first `count` datagrams of the queue. */
static void queue_pop(struct udp_server *s, unsigned count)
{
    if (count == s->queued) {
        s->queued = 0;
        s->queued_bytes = 0;
        return;
    }
    uint32_t gone = s->queue[count].offset;
    s->queued -= count;
    s->queued_bytes -= gone;
    memmove(s->queue, s->queue + count, s->queued * sizeof(s->queue[0]));
    memmove(s->queue_bytes, s->queue_bytes + gone, s->queued_bytes);
    for (unsigned i = 0; i < s->queued; i++)
        s->queue[i].offset -= gone;
}

void udp_server_flush(struct udp_server *s)
{
    struct batch batch;
    unsigned done = 0;
    while (done < s->queued) {
        unsigned count = s->queued - done < UDP_BATCH ? s->queued - done : UDP_BATCH;
        for (unsigned i = 0; i < count; i++)
            prepare_send(s, &batch, i, &s->queue[done + i]);
        int sent = sendmmsg(s->fd, batch.message, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            done += (unsigned)sent;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            /* This datagram cannot be sent (its host or interface is gone); the others must not wait for
             * it. */
            s->dropped++;
            done++;
        }
    }
    queue_pop(s, done);
    watch(s, s->queued > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void udp_server_queue(struct udp_server *s, const struct udp_datagram *datagram)
{
    size_t len = datagram->bytes.len;
    if (s->queued == UDP_QUEUE_MAX || len > UDP_QUEUE_BYTES - s->queued_bytes)
        udp_server_flush(s);
    if (s->queued == UDP_QUEUE_MAX || len > UDP_QUEUE_BYTES - s->queued_bytes) {
        s->dropped++;
        return;
    }
    s->queue[s->queued++] = (struct udp_queued){.datagram = *datagram, .offset = s->queued_bytes};
    if (len > 0)
        memcpy(s->queue_bytes + s->queued_bytes, datagram->bytes.data, len);
    s->queued_bytes += (uint32_t)len;
}

unsigned udp_server_announce(struct udp_server *s, struct udp_datagram datagram, uint32_t listen,
                             uint32_t uplink)
{
    struct link links[LINKS_MAX];
    unsigned count = links_list(links, LINKS_MAX);
    count = links_choose(links, count, listen, uplink, links);
    for (unsigned i = 0; i < count; i++) {
        datagram.local = links[i].address;
        datagram.interface = links[i].interface;
        udp_server_queue(s, &datagram);
    }
    return count;
}

/* ---- receiving ---- */

/* False for a datagram to a broadcast or multicast address: its reply would come from an address that the
 * client did not ask. */
static bool asked_address(struct msghdr *header, struct udp_datagram *datagram)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            datagram->local = ntohl(info.ipi_addr.s_addr);
            datagram->interface = (uint32_t)info.ipi_ifindex;
            return info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
        }
    }
    return false;
}

static void deliver(struct udp_server *s, struct batch *b, unsigned i)
{
    struct mmsghdr *message = &b->message[i];
    struct udp_datagram datagram = {
        .address = ntohl(b->address[i].sin_addr.s_addr),
        .port = ntohs(b->address[i].sin_port),
        .bytes = span_of(s->input[i], message->msg_len),
    };
    if ((message->msg_hdr.msg_flags & MSG_TRUNC) == 0 && asked_address(&message->msg_hdr, &datagram))
        s->handlers->received(s->context, &datagram);
}

static void on_window(uv_timer_t *timer)
{
    struct udp_server *s = timer->data;
    flood_window(&s->flood, s->fd);
    if (s->flood.blocks == 0)
        (void)uv_timer_stop(timer);
}

static bool is_stranger_in_crowd(const struct udp_server *s, uint32_t source)
{
    return s->crowd > UDP_CROWD && s->handlers->known != NULL && !s->handlers->known(s->context, source);
}

/* True if the datagram is to be delivered. A host that waits for each reply before its next request may be as
 * fast as it can: its requests do not pile up. */
static bool is_heard(struct udp_server *s, uint32_t source, bool piled_up, uint64_t now_ms)
{
    enum flood_verdict verdict = flood_count(&s->flood, source, now_ms);
    if (verdict == FLOOD_HEAR && is_stranger_in_crowd(s, source))
        return s->strangers++ % UDP_CROWD_HEARD == 0;
    if (verdict == FLOOD_HEAR || (!piled_up && verdict != FLOOD_BLOCKED))
        return true;
    if (verdict == FLOOD_SHUT && flood_block(&s->flood, s->fd, source)) {
        s->floods++;
        s->flooder = source;
        (void)uv_timer_start(&s->window, on_window, FLOOD_WINDOW_MS, FLOOD_WINDOW_MS);
    }
    return false;
}

static void receive(struct udp_server *s)
{
    struct batch batch;
    for (unsigned i = 0; i < UDP_BATCH; i++)
        batch_prepare(&batch, i, s->input[i], sizeof(s->input[i]));
    int count = recvmmsg(s->fd, batch.message, UDP_BATCH, MSG_DONTWAIT, NULL);
    uint64_t now_ms = clock_now_ms();
    s->crowd = count < UDP_BATCH ? 0 : s->crowd <= UDP_CROWD ? s->crowd + UDP_BATCH : s->crowd;
    for (int i = 0; i < count && s->fd >= 0; i++)
        if (is_heard(s, ntohl(batch.address[i].sin_addr.s_addr), count == UDP_BATCH, now_ms))
            deliver(s, &batch, (unsigned)i);
    if (count > 0 && s->fd >= 0)
        s->handlers->batch_done(s->context);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct udp_server *s = poll->data;
    if (status < 0) {
        /* An error is pending, and the loop has stopped watching the socket: reading clears the error. */
        s->events = 0;
    }
    if (status < 0 || (events & UV_READABLE) != 0)
        receive(s);
    if (s->fd >= 0)
        udp_server_flush(s);
}

static void watch(struct udp_server *s, int events)
{
    if (s->events != events) {
        s->events = events;
        (void)uv_poll_start(&s->poll, events, on_ready);
    }
}

/* ---- life ---- */

static int bound_socket(uint32_t address, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int on = 1;
    const int off = 0;
    const int link_only = 1;
    const int room = UDP_RECEIVE_BYTES;
    struct sockaddr_in local = socket_address(address, port);
    if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &link_only, sizeof(link_only)) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)) != 0 ||
        bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    return fd;
}

int udp_server_open(struct udp_server *s, uv_loop_t *loop, uint32_t address, uint16_t port,
                    const struct udp_handlers *handlers, void *context)
{
    s->events = 0;
    s->handlers = handlers;
    s->context = context;
    s->dropped = 0;
    s->flood = (struct flood){0};
    s->crowd = 0;
    s->floods = 0;
    s->queued = 0;
    s->queued_bytes = 0;
    s->fd = bound_socket(address, port);
    if (s->fd < 0)
        return s->fd;
    int result = uv_poll_init(loop, &s->poll, s->fd);
    if (result != 0) {
        (void)close(s->fd);
        s->fd = -1;
        return result;
    }
    s->poll.data = s;
    (void)uv_timer_init(loop, &s->window);
    s->window.data = s;
    watch(s, UV_READABLE);
    return 0;
}

uint16_t udp_server_port(const struct udp_server *s)
{
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    (void)getsockname(s->fd, (struct sockaddr *)&local, &len);
    return ntohs(local.sin_port);
}

void udp_server_close(struct udp_server *s)
{
    if (s->fd < 0)
        return;
    uv_close((uv_handle_t *)&s->window, NULL);
    uv_close((uv_handle_t *)&s->poll, NULL);
    (void)close(s->fd);
    s->fd = -1;
}
