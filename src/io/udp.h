/* A UDP server on the event loop that answers from the address that was asked.
 *
 * Addresses and ports are in host byte order. Nothing here blocks. Callbacks come from the loop only, never
 * from within a call of a function below; a callback may close its own socket. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/limits.h"
#include "base/span.h"
#include "io/flood.h"

enum {
    /* Datagrams by one system call, and before other sockets have their turn. */
    UDP_BATCH = 32,
    /* What waits while the kernel's send buffer is full; more is dropped. */
    UDP_QUEUE_MAX = 256,
    UDP_QUEUE_BYTES = 65536,
    /* What a host sends until it is known for a flood waits here beside the others' requests. Linux gives at
     * most net.core.rmem_max, by default a fifth of it. */
    UDP_RECEIVE_BYTES = 1 << 20,
};

struct udp_datagram {
    uint32_t address; /* of the other side */
    uint16_t port;
    uint32_t local;     /* our address that was asked, or to send from; 0: the kernel's choice */
    uint32_t interface; /* kernel index of the link it came by, or to leave by; 0: the kernel's choice */
    struct span bytes;
};

struct udp_handlers {
    void (*received)(void *context, const struct udp_datagram *datagram);
    /* After the last datagram of a batch, before the replies queued since are sent. */
    void (*batch_done)(void *context);
};

struct udp_queued {
    struct udp_datagram datagram; /* bytes.data is not used: they are at `offset` */
    uint32_t offset;
};

/* Large, but only what was used costs memory, if it comes from calloc. */
struct udp_server {
    uv_poll_t poll;
    int fd;
    int events; /* what the loop watches for */
    const struct udp_handlers *handlers;
    void *context;
    uint64_t dropped; /* datagrams that could not be sent */
    struct flood flood;
    uv_timer_t reopen;
    bool shut;        /* to the last flooder */
    unsigned samples; /* of what it sends, since the timer was set */
    uint64_t floods;  /* how often somebody was shut out */
    uint32_t flooder; /* the last one */
    unsigned queued;
    uint32_t queued_bytes;
    struct udp_queued queue[UDP_QUEUE_MAX];
    uint8_t queue_bytes[UDP_QUEUE_BYTES];
    uint8_t input[UDP_BATCH][DATAGRAM_MAX];
};

/* Binds to address:port (0: any address, any port). 0 or a negative errno. */
nodiscard_ int udp_server_open(struct udp_server *s, uv_loop_t *loop, uint32_t address, uint16_t port,
                               const struct udp_handlers *handlers, void *context);
uint16_t udp_server_port(const struct udp_server *s);
/* Takes a copy for the next flush; a batch of received datagrams ends with one by itself. */
void udp_server_queue(struct udp_server *s, const struct udp_datagram *datagram);
/* Sends what is queued. What the kernel does not take now goes out when it can. */
void udp_server_flush(struct udp_server *s);
/* Queues one copy for each link on which to announce; `local` and `interface` of the datagram are set here.
 * `listen` and `uplink` as in links_choose. Returns the number of links. */
unsigned udp_server_announce(struct udp_server *s, struct udp_datagram datagram, uint32_t listen,
                             uint32_t uplink);
/* The memory is needed until the loop has run once more. */
void udp_server_close(struct udp_server *s);
