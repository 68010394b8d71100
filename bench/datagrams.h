/* Many datagrams with one system call, with their source and, if requested, the local address at which they
 * arrived. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    /* The most in one call. The kernel's default receive buffer has room for about 270 small datagrams. */
    BATCH_MAX = 64,
    DATAGRAM_BYTES = 64,
};

struct datagram {
    struct sockaddr_in peer;
    uint32_t local; /* host byte order. Received: the destination address. To send: the source; 0: any */
    uint16_t len;
    uint8_t bytes[DATAGRAM_BYTES];
};

/* A bound socket. If that fails, the program ends with a message. `locals`: datagrams have their local
 * address. */
int datagrams_open(const char *address, uint16_t port, bool locals);
/* Receives up to BATCH_MAX without waiting. */
unsigned datagrams_receive(int fd, struct datagram *ret_datagram);
/* Like receive, but for a connected socket: peer and local are not changed. */
unsigned datagrams_receive_bare(int fd, struct datagram *ret_datagram);
/* Returns how many the kernel accepted: all of them, unless its buffer is full. */
unsigned datagrams_send(int fd, const struct datagram *datagram, unsigned count);
/* Sends to the connected peer. The kernel chooses the source address. */
unsigned datagrams_send_bare(int fd, const struct datagram *datagram, unsigned count);
