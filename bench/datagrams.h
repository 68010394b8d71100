/* Many datagrams by one system call, with their source and, if wanted, the local address that they came to.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    /* The most by one call. The kernel's default receive buffer holds about 270 small datagrams. */
    BATCH_MAX = 64,
    DATAGRAM_BYTES = 64,
};

struct datagram {
    struct sockaddr_in peer;
    uint32_t local; /* host byte order; received: the address that was asked; to send: the source, 0: any */
    uint16_t len;
    uint8_t bytes[DATAGRAM_BYTES];
};

/* A bound socket, or the program ends with a message. `locals`: datagrams tell and take their local address.
 */
int datagrams_open(const char *address, uint16_t port, bool locals);
/* Up to BATCH_MAX without waiting. */
unsigned datagrams_receive(int fd, struct datagram *ret_datagram);
/* As receive, but of a connected socket: peer and local stay as they are. */
unsigned datagrams_receive_bare(int fd, struct datagram *ret_datagram);
/* Returns how many the kernel took: all, unless its buffer is full. */
unsigned datagrams_send(int fd, const struct datagram *datagram, unsigned count);
/* To the connected peer, by the kernel's choice of address. */
unsigned datagrams_send_bare(int fd, const struct datagram *datagram, unsigned count);
