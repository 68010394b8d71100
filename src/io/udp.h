/* A UDP server on the event loop, which replies from the address that was asked.
 *
 * Addresses and ports are in host byte order. Nothing here blocks. Callbacks come from the loop only, never
 * within a call of a function below; a callback may close its own socket. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/limits.h"
#include "base/span.h"
#include "io/flood.h"

enum {
    /* The number of datagrams for one system call, and before other sockets have their turn. */
    UDP_BATCH = 32,
    /* After so many datagrams without an empty buffer, only one in so many of a source that is not known is
     * heard: whoever sends them invents sources, and answers to them would take the time of the others. All
     * hosts of a LAN that send at once after a power failure are less than this. */
    UDP_CROWD = FLOOD_LEAD,
    UDP_CROWD_HEARD = 8,
    /* What is queued while the kernel's send buffer is full; more is dropped. */
    UDP_QUEUE_MAX = 256,
    UDP_QUEUE_BYTES = 65536,
    /* Room for what a host sends before it is recognised as a flood, beside the requests of the others. Linux
     * grants at most net.core.rmem_max, which is a fifth of this by default. */
    UDP_RECEIVE_BYTES = 1 << 20,
};

struct udp_datagram {
    uint32_t address; /* of the other side */
    uint16_t port;
    uint32_t local;     /* our address that was asked, or that sends; 0: the kernel chooses */
    uint32_t interface; /* kernel index of the interface; 0: the kernel chooses */
    struct span bytes;
};

struct udp_handlers {
    /* True if this source is heard even while many sources flood the socket. NULL: all of them are. */
    bool (*known)(void *context, uint32_t address);
    void (*received)(void *context, const struct udp_datagram *datagram);
    /* Comes after the last datagram of a batch, before the replies that were queued for it are sent. */
    void (*batch_done)(void *context);
};

struct udp_queued {
    struct udp_datagram datagram; /* bytes.data is unused: the bytes are at `offset` */
    uint32_t offset;
};

/* The struct is large. If it comes from calloc(), only the parts in use cost memory. */
struct udp_server {
    uv_poll_t poll;
    int fd;
    int events; /* what the loop watches for */
    const struct udp_handlers *handlers;
    void *context;
    uint64_t dropped; /* datagrams that could not be sent */
    struct flood flood;
    uv_timer_t window;
    unsigned crowd;     /* datagrams since the buffer was empty */
    unsigned strangers; /* those of them whose source is not known */
    uint64_t floods;    /* how often a source was blocked */
    uint32_t flooder;   /* the source that was blocked last */
    unsigned queued;
    uint32_t queued_bytes;
    struct udp_queued queue[UDP_QUEUE_MAX];
    uint8_t queue_bytes[UDP_QUEUE_BYTES];
    uint8_t input[UDP_BATCH][DATAGRAM_MAX];
};

/* Binds to address:port (0: any address, any port). Returns 0 or a negative errno. */
nodiscard_ int udp_server_open(struct udp_server *s, uv_loop_t *loop, uint32_t address, uint16_t port,
                               const struct udp_handlers *handlers, void *context);
uint16_t udp_server_port(const struct udp_server *s);
/* Copies the datagram for the next flush. Each batch of received datagrams ends with a flush. */
void udp_server_queue(struct udp_server *s, const struct udp_datagram *datagram);
/* Sends what is queued. What the kernel does not take now is sent when it can be. */
void udp_server_flush(struct udp_server *s);
/* Queues a copy of the datagram for each link on which to announce, and sets its `local` and `interface`.
 * `listen` and `uplink` are those of links_choose(). Returns the number of links. */
unsigned udp_server_announce(struct udp_server *s, struct udp_datagram datagram, uint32_t listen,
                             uint32_t uplink);
/* The memory must stay until the loop has run once more. */
void udp_server_close(struct udp_server *s);
