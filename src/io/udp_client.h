/* A UDP socket with one peer on the event loop. It is made when there is a route for the first time, and made
 * again when the old route may lead nowhere.
 *
 * Addresses and ports are in host byte order. Nothing here blocks. Callbacks come from the loop only, never
 * within a call of a function below; a callback may close the socket. */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/failure.h"
#include "base/span.h"

enum {
    /* Longer than a peer takes to answer. A source address that was chosen while a tunnel was down, and a
     * translation at a NAT on the way, may stay wrong as long as they are used. */
    UDP_SILENCE_MS = 8000,
    /* The number of datagrams, and of errors, before other sockets have their turn. */
    UDP_CLIENT_BATCH = 32,
    UDP_CLIENT_QUEUE_MAX = 64,
    /* Far more than a reply has; a longer datagram is dropped. */
    UDP_CLIENT_DATAGRAM_MAX = 128,
};

/* How datagrams leave a machine with several interfaces. */
struct udp_way {
    uint32_t source;       /* our address; 0: the kernel chooses */
    char device[IFNAMSIZ]; /* our interface; empty: the routing table decides */
};

struct udp_client_handlers {
    void (*received)(void *context, struct span bytes);
    /* Comes after the last datagram of a batch. */
    void (*batch_done)(void *context);
    /* Comes at most once in a turn of the loop, however many datagrams failed. */
    void (*failed)(void *context, enum gateway_trouble error);
};

/* The struct is large. If it comes from calloc(), only the parts in use cost memory. */
struct udp_client {
    uv_loop_t *loop;
    uv_poll_t poll[2]; /* one watches the socket, and the loop may still be closing the other one */
    unsigned used;     /* the one for the socket */
    bool closing;
    uv_timer_t report; /* reports a failed send from the loop */
    int fd;            /* -1: none */
    bool closed;
    bool connected;
    bool stale; /* to be connected again before the next send */
    enum gateway_trouble error;
    uint64_t unanswered_ms; /* time of the first send since the last reply; 0: none */
    uint32_t local;         /* our address while connected */
    struct sockaddr_in peer;
    struct udp_way way;
    const struct udp_client_handlers *handlers;
    void *context;
    unsigned queued;
    uint8_t queued_len[UDP_CLIENT_QUEUE_MAX];
    uint8_t queue[UDP_CLIENT_QUEUE_MAX][UDP_CLIENT_DATAGRAM_MAX];
    uint8_t input[UDP_CLIENT_BATCH][UDP_CLIENT_DATAGRAM_MAX];
};

/* Never fails. While there is no route, no descriptor or no such `way`, each send tries to make the
 * socket. */
void udp_client_open(struct udp_client *c, uv_loop_t *loop, uint32_t address, uint16_t port,
                     const struct udp_way *way, const struct udp_client_handlers *handlers, void *context);
/* Copies up to UDP_CLIENT_DATAGRAM_MAX bytes for the next flush. */
void udp_client_queue(struct udp_client *c, struct span bytes);
/* Sends what is queued. What cannot be sent is dropped, and `failed` is called. */
void udp_client_flush(struct udp_client *c);
/* Our address towards the peer; 0 while there is no route. */
uint32_t udp_client_local(const struct udp_client *c);
/* The memory must stay until the loop has run once more. */
void udp_client_close(struct udp_client *c);
