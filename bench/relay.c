/* relay ADDRESS PORT GATEWAY PORT: forwards datagrams without reading them. That is the limit of any proxy.
 *
 * The gateway answers in the order of the requests, so the n-th answer goes to the source of the n-th
 * request; every proxy has to remember at least that. After a loss all later answers would go to the wrong
 * clients, and the load would report it. */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>

#include "arguments.h"
#include "datagrams.h"

enum { RING = 4096 };

static struct sockaddr_in source[RING];
static unsigned asked;
static unsigned answered;

static void forth(int lan, int gateway)
{
    static struct datagram datagram[BATCH_MAX];
    unsigned count = datagrams_receive(lan, datagram);
    for (unsigned i = 0; i < count; i++)
        source[asked++ % RING] = datagram[i].peer;
    (void)datagrams_send_bare(gateway, datagram, count);
}

static void back(int gateway, int lan)
{
    static struct datagram datagram[BATCH_MAX];
    unsigned count = datagrams_receive_bare(gateway, datagram);
    for (unsigned i = 0; i < count; i++)
        datagram[i].peer = source[answered++ % RING];
    (void)datagrams_send(lan, datagram, count);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        errx(2, "usage: relay ADDRESS PORT GATEWAY PORT");
    struct pollfd in[] = {
        {.fd = datagrams_open(argv[1], argument_port(argv[2]), false), .events = POLLIN},
        {.fd = datagrams_open("0.0.0.0", 0, false), .events = POLLIN},
    };
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(argument_port(argv[4]))};
    if (inet_pton(AF_INET, argv[3], &peer.sin_addr) != 1 ||
        connect(in[1].fd, (const struct sockaddr *)&peer, sizeof(peer)) != 0)
        err(1, "%s", argv[3]);
    for (;;) {
        (void)poll(in, 2, -1);
        if (in[0].revents != 0)
            forth(in[0].fd, in[1].fd);
        if (in[1].revents != 0)
            back(in[1].fd, in[0].fd);
    }
}
