/* A server's socket, its clients, and a replacement for a kernel that does not accept all datagrams. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "io/udp.h"
#include "loop.h"

enum { RECEIVED_MAX = 512 };

static const uint32_t loopback = 0x7F000001;

/* Replaces the C library's function: a kernel that does not accept what it gets. */
static struct {
    int error;        /* returned instead of sending */
    unsigned failing; /* the datagram, counted from now, that cannot be sent; 0: none */
    int at_most;      /* in one call; 0: any number */
    int budget;       /* until the buffer is full; -1 then; 0: never full */
} fault;

int fake_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) __asm__("sendmmsg");
int fake_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    assert_true((flags & MSG_DONTWAIT) != 0);
    if (fault.error != 0) {
        errno = fault.error;
        return -1;
    }
    if (fault.failing == 1) {
        fault.failing = 0;
        errno = EPERM;
        return -1;
    }
    if (fault.budget < 0) {
        errno = EAGAIN;
        return -1;
    }
    if (fault.budget > 0 && count >= (unsigned)fault.budget) {
        count = (unsigned)fault.budget;
        fault.budget = -1;
    } else if (fault.budget > 0) {
        fault.budget -= (int)count;
    }
    if (fault.at_most > 0 && count > (unsigned)fault.at_most)
        count = (unsigned)fault.at_most;
    if (fault.failing > 0 && count >= fault.failing)
        count = fault.failing - 1;
    int sent = (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
    if (fault.failing > 0 && sent > 0)
        fault.failing -= (unsigned)sent;
    return sent;
}

struct world {
    uv_loop_t loop;
    struct udp_server server;
    uint16_t port;
    unsigned received;
    struct udp_datagram last;
    size_t length[RECEIVED_MAX];
    unsigned batches;
    bool echo;
    bool close_at_once;
};

static inline void on_received(void *context, const struct udp_datagram *datagram)
{
    struct world *w = context;
    assert_true(w->received < RECEIVED_MAX);
    w->length[w->received++] = datagram->bytes.len;
    w->last = *datagram;
    if (w->echo)
        udp_server_queue(&w->server, datagram);
    if (w->close_at_once)
        udp_server_close(&w->server);
}

static inline void on_batch(void *context)
{
    struct world *w = context;
    w->batches++;
}

static const struct udp_handlers handlers = {.received = on_received, .batch_done = on_batch};

static inline struct sockaddr_in at(uint32_t address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static inline int client_from(uint32_t address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in local = at(address, 0);
    const int on = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&local, sizeof(local)), 0);
    return fd;
}

static inline void ask(const struct world *w, int fd, uint32_t address, const void *bytes, size_t len)
{
    struct sockaddr_in server = at(address, w->port);
    assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)&server, sizeof(server)), len);
}

static inline ssize_t answer(int fd, void *bytes, size_t capacity, struct sockaddr_in *ret_from)
{
    socklen_t len = sizeof(*ret_from);
    return recvfrom(fd, bytes, capacity, MSG_DONTWAIT, (struct sockaddr *)ret_from, &len);
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(uv_loop_init(&w->loop), 0);
    memset(&w->server, 0xff, sizeof(w->server)); /* opening it must set every field */
    assert_int_equal(udp_server_open(&w->server, &w->loop, 0, 0, &handlers, w), 0);
    w->port = udp_server_port(&w->server);
    assert_true(w->port > 0);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    udp_server_close(&w->server);
    udp_server_close(&w->server);
    loop_end(&w->loop);
    free(w);
    return 0;
}
