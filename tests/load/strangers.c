/* Sends NAT-PMP datagrams that concern no existing mapping.
 *
 * strangers SERVER SOURCE SOURCES COUNT SEED KINDS [RATE]
 *
 * sends COUNT datagrams of the KINDS (a letter for each, see make()) to SERVER:5351, in turn from SOURCES
 * addresses starting at SOURCE. Without a rate the server has received all of them when the program ends:
 * each batch is followed by a request whose answer the program awaits. With a rate (datagrams a second, 0: as
 * fast as possible) it does not wait. Prints how many answers came. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"

enum {
    PORT = 5351,
    BATCH = 32, /* fits any receive buffer */
    LENGTH_MAX = 64,
    PROBE_MS = 200,
    PROBES_MAX = 50,
};

struct datagram {
    uint8_t bytes[LENGTH_MAX];
    size_t len;
};

struct strangers {
    struct sockaddr_in server;
    uint32_t source;
    unsigned sources;
    const char *kinds;
    int fd;
    struct prng prng;
    uint64_t sent;
    uint64_t answers;
};

static uint64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint8_t any_byte(struct strangers *s)
{
    return (uint8_t)prng_below(&s->prng, 256);
}

static size_t make(struct strangers *s, uint8_t bytes[LENGTH_MAX])
{
    char kind = s->kinds[prng_below(&s->prng, (uint32_t)strlen(s->kinds))];
    for (unsigned i = 0; i < LENGTH_MAX; i++)
        bytes[i] = any_byte(s);
    uint8_t map = (uint8_t)(1 + prng_below(&s->prng, 2));
    bytes[0] = 0;
    bytes[1] = map;
    switch (kind) {
    case 'g': /* garbage: an answer without a request */
        bytes[1] = (uint8_t)(0x80 | any_byte(s));
        return prng_below(&s->prng, LENGTH_MAX + 1);
    case 'v': /* another version */
        bytes[0] = (uint8_t)(1 + prng_below(&s->prng, 255));
        return 2 + prng_below(&s->prng, LENGTH_MAX - 1);
    case 'o': /* another opcode */
        bytes[1] = (uint8_t)(3 + prng_below(&s->prng, 125));
        return 2 + prng_below(&s->prng, LENGTH_MAX - 1);
    case 'a': /* the external address */
        bytes[1] = 0;
        return 2;
    case 'z': /* a mapping of internal port 0 */
        bytes[4] = bytes[5] = 0;
        bytes[11] |= 1;
        return 12;
    case 'd': /* the deletion of one mapping */
        bytes[4] |= 1;
        memset(bytes + 8, 0, 4);
        return 12;
    case 'D': /* the deletion of all */
        memset(bytes + 4, 0, 8);
        return 12;
    case 'm': /* a mapping */
        bytes[4] |= 1;
        memset(bytes + 8, 0, 3);
        bytes[11] = 60;
        return 12;
    default:
        fprintf(stderr, "strangers: unknown kind %c\n", kind);
        exit(2);
    }
}

static void send_from(struct strangers *s, uint32_t source, struct datagram *datagram)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {0};
    struct iovec part = {.iov_base = datagram->bytes, .iov_len = datagram->len};
    struct msghdr header = {.msg_name = &s->server,
                            .msg_namelen = sizeof(s->server),
                            .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(source)};
    *message = (struct cmsghdr){
        .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
    memcpy(CMSG_DATA(message), &info, sizeof(info));
    (void)sendmsg(s->fd, &header, 0);
}

/* True if the answer to the probe of that number has arrived. */
static bool take_answers(struct strangers *s, uint32_t number)
{
    uint8_t bytes[2048];
    ssize_t len;
    bool found = false;
    while ((len = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
        s->answers++;
        found = found || (len == 12 && bytes[1] == 0xff && memcmp(bytes + 8, &number, 4) == 0);
    }
    return found;
}

/* A request with an unknown opcode comes back complete (RFC 6886 section 3.5). */
static void probe(struct strangers *s, uint32_t number)
{
    for (unsigned i = 0; i < PROBES_MAX; i++) {
        struct datagram request = {.bytes = {0, 0x7f}, .len = 12};
        memcpy(request.bytes + 8, &number, 4);
        send_from(s, s->source, &request);
        struct pollfd answer = {.fd = s->fd, .events = POLLIN};
        uint64_t end_us = clock_us() + UINT64_C(1000) * PROBE_MS;
        while (clock_us() < end_us) {
            if (poll(&answer, 1, PROBE_MS) == 1 && take_answers(s, number))
                return;
        }
    }
    fprintf(stderr, "strangers: the server does not answer\n");
    exit(1);
}

static void pace(const struct strangers *s, uint64_t start_us, uint64_t rate)
{
    uint64_t due_us = start_us + (rate == 0 ? 0 : s->sent * 1000000 / rate);
    uint64_t now_us = clock_us();
    if (due_us > now_us)
        usleep((useconds_t)(due_us - now_us));
}

static void run(struct strangers *s, uint64_t count, bool paced, uint64_t rate)
{
    uint64_t start_us = clock_us();
    uint32_t number = 0;
    while (s->sent < count) {
        for (unsigned i = 0; i < BATCH; i++) {
            struct datagram datagram;
            datagram.len = make(s, datagram.bytes);
            send_from(s, s->source + (uint32_t)(s->sent % s->sources), &datagram);
            s->sent++;
        }
        if (paced)
            pace(s, start_us, rate);
        else
            probe(s, number++);
        (void)take_answers(s, 0);
    }
}

static uint64_t number_of(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct strangers s = {.server = {.sin_family = AF_INET, .sin_port = htons(PORT)}};
    struct in_addr source;
    if ((argc != 7 && argc != 8) || inet_pton(AF_INET, argv[1], &s.server.sin_addr) != 1 ||
        inet_pton(AF_INET, argv[2], &source) != 1 || number_of(argv[3]) == 0) {
        fprintf(stderr, "usage: strangers SERVER SOURCE SOURCES COUNT SEED KINDS [RATE]\n");
        return 2;
    }
    s.source = ntohl(source.s_addr);
    s.sources = (unsigned)number_of(argv[3]);
    s.prng = prng_seeded(number_of(argv[5]));
    s.kinds = argv[6];
    s.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (s.fd < 0)
        return 2;
    uint64_t start_us = clock_us();
    run(&s, number_of(argv[4]), argc == 8, argc == 8 ? number_of(argv[7]) : 0);
    printf("seed %s: %llu datagrams, %llu answers, %llu ms\n", argv[5], (unsigned long long)s.sent,
           (unsigned long long)s.answers, (unsigned long long)(clock_us() - start_us) / 1000);
    return 0;
}
