#include "datagrams.h"

#include <arpa/inet.h>
#include <err.h>
#include <string.h>

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static bool with_locals;

int datagrams_open(const char *address, uint16_t port, bool locals)
{
    const int on = 1;
    const int buffer = 1 << 20;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &local.sin_addr) != 1 ||
        bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0)
        err(1, "%s:%u", address, (unsigned)port);
    if (locals && setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0)
        err(1, "IP_PKTINFO");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    with_locals = with_locals || locals;
    return fd;
}

static uint32_t local_of(struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        struct in_pktinfo info;
        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(c), sizeof(info));
        return ntohl(info.ipi_addr.s_addr);
    }
    return 0;
}

static unsigned receive(int fd, struct datagram *datagram, bool bare)
{
    struct mmsghdr message[BATCH_MAX];
    struct iovec part[BATCH_MAX];
    union control control[BATCH_MAX];
    bool locals = with_locals && !bare;
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        part[i] = (struct iovec){.iov_base = datagram[i].bytes, .iov_len = DATAGRAM_BYTES};
        message[i].msg_hdr = (struct msghdr){
            .msg_name = bare ? NULL : &datagram[i].peer,
            .msg_namelen = bare ? 0 : sizeof(datagram[i].peer),
            .msg_iov = &part[i],
            .msg_iovlen = 1,
            .msg_control = locals ? &control[i] : NULL,
            .msg_controllen = locals ? sizeof(control[i]) : 0,
        };
    }
    int count = recvmmsg(fd, message, BATCH_MAX, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        datagram[i].len = (uint16_t)message[i].msg_len;
        datagram[i].local = locals ? local_of(&message[i].msg_hdr) : 0;
    }
    return count > 0 ? (unsigned)count : 0;
}

unsigned datagrams_receive(int fd, struct datagram *ret_datagram)
{
    return receive(fd, ret_datagram, false);
}

unsigned datagrams_receive_bare(int fd, struct datagram *ret_datagram)
{
    return receive(fd, ret_datagram, true);
}

static void set_local(struct msghdr *header, union control *control, uint32_t local)
{
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(local)};
    memset(control, 0, sizeof(*control));
    header->msg_control = control;
    header->msg_controllen = sizeof(*control);
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
}

static unsigned send_some(int fd, const struct datagram *datagram, unsigned count, bool bare)
{
    struct mmsghdr message[BATCH_MAX];
    struct iovec part[BATCH_MAX];
    union control control[BATCH_MAX];
    struct sockaddr_in peer[BATCH_MAX];
    for (unsigned i = 0; i < count; i++) {
        union {
            const uint8_t *read_only;
            void *base;
        } bytes = {.read_only = datagram[i].bytes};
        part[i] = (struct iovec){.iov_base = bytes.base, .iov_len = datagram[i].len};
        message[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
        if (bare)
            continue;
        peer[i] = datagram[i].peer;
        message[i].msg_hdr.msg_name = &peer[i];
        message[i].msg_hdr.msg_namelen = sizeof(peer[i]);
        if (datagram[i].local != 0)
            set_local(&message[i].msg_hdr, &control[i], datagram[i].local);
    }
    int sent = sendmmsg(fd, message, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (unsigned)sent : 0;
}

static unsigned send_all(int fd, const struct datagram *datagram, unsigned count, bool bare)
{
    unsigned done = 0;
    while (done < count) {
        unsigned part = count - done < BATCH_MAX ? count - done : BATCH_MAX;
        unsigned sent = send_some(fd, datagram + done, part, bare);
        if (sent == 0)
            break;
        done += sent;
    }
    return done;
}

unsigned datagrams_send(int fd, const struct datagram *datagram, unsigned count)
{
    return send_all(fd, datagram, count, false);
}

unsigned datagrams_send_bare(int fd, const struct datagram *datagram, unsigned count)
{
    return send_all(fd, datagram, count, true);
}
