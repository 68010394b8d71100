/* echo ADDRESS PORT: sends every datagram back. That is the limit of any server that answers by itself. */
#include <err.h>
#include <poll.h>

#include "arguments.h"
#include "datagrams.h"

int main(int argc, char **argv)
{
    static struct datagram datagram[BATCH_MAX];
    if (argc != 3)
        errx(2, "usage: echo ADDRESS PORT");
    struct pollfd in = {.fd = datagrams_open(argv[1], argument_port(argv[2]), false), .events = POLLIN};
    for (;;) {
        (void)poll(&in, 1, -1);
        (void)datagrams_send(in.fd, datagram, datagrams_receive(in.fd, datagram));
    }
}
