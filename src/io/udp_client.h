/* A UDP socket with one peer on the event loop. It outlives routes: it is made when the first route is there,
 * and made anew when the old one may lead nowhere.
 *
 * Addresses and ports are in host byte order. Nothing here blocks. Callbacks come from the loop only, never
 * from within a call of a function below; a callback may close the socket. */
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
    /* Longer than a peer takes to answer. A source address and, at a NAT on the way, a translation that were
     * chosen while a tunnel was down may stay wrong for as long as they are used. */
    UDP_SILENCE_MS = 8000,
    /* Datagrams by one system call, and before other sockets have their turn; errors too. */
    UDP_CLIENT_BATCH = 32,
    UDP_CLIENT_QUEUE_MAX = 64,
    /* NAT-PMP has at most 16 bytes; what is longer is dropped. */
    UDP_CLIENT_DATAGRAM_MAX = 128,
};

/* By which way the datagrams leave, for machines with several. */
struct udp_way {
    uint32_t source;       /* our address; 0: the kernel chooses it */
    char device[IFNAMSIZ]; /* our interface; empty: by the routes */
};

struct udp_client_handlers {
    void (*received)(void *context, struct span bytes);
    /* After the last datagram of a batch. */
    void (*batch_done)(void *context);
    /* At most once in a turn of the loop, however many datagrams failed. */
    void (*failed)(void *context, enum gateway_error error);
};

/* Large, but only what was used costs memory, if it comes from calloc. */
struct udp_client {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t report; /* brings an error of a send to the loop */
    int fd;            /* -1: not made yet */
    bool closed;
    bool connected;
    bool stale; /* to be connected anew before the next send */
    enum gateway_error error;
    uint64_t unanswered_ms; /* the first send since anything was heard; 0: none */
    uint32_t local;         /* our address, while it is connected */
    struct sockaddr_in peer;
    struct udp_way way;
    const struct udp_client_handlers *handlers;
    void *context;
    unsigned queued;
    uint8_t queued_len[UDP_CLIENT_QUEUE_MAX];
    uint8_t queue[UDP_CLIENT_QUEUE_MAX][UDP_CLIENT_DATAGRAM_MAX];
    uint8_t input[UDP_CLIENT_BATCH][UDP_CLIENT_DATAGRAM_MAX];
};

/* Never fails: without a route, a descriptor, or what `way` names the socket is made by a later send. */
void udp_client_open(struct udp_client *c, uv_loop_t *loop, uint32_t address, uint16_t port,
                     const struct udp_way *way, const struct udp_client_handlers *handlers, void *context);
/* Takes a copy of up to UDP_CLIENT_DATAGRAM_MAX bytes for the next flush. */
void udp_client_queue(struct udp_client *c, struct span bytes);
/* Sends what is queued. What cannot be sent is dropped, and `failed` comes. */
void udp_client_flush(struct udp_client *c);
/* Our address towards the peer; 0 while there is no route. */
uint32_t udp_client_local(const struct udp_client *c);
/* The memory is needed until the loop has run once more. */
void udp_client_close(struct udp_client *c);
