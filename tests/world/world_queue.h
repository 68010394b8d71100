/* What will happen, in order of time; events of one moment in the order in which they were put in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/event.h"

enum world_event_type {
    WORLD_LAN_IN,          /* a datagram reaches our NAT-PMP port */
    WORLD_LAN_OUT,         /* a reply reaches the client */
    WORLD_ANNOUNCEMENT,    /* a gratuitous response reaches the LAN */
    WORLD_GATEWAY_IN,      /* our datagram reaches the gateway */
    WORLD_GATEWAY_OUT,     /* the gateway's datagram reaches us */
    WORLD_GATEWAY_ERROR,   /* the socket towards the gateway reports an error */
    WORLD_ROUTER_SYN,      /* our connection attempt reaches the router */
    WORLD_ROUTER_OPENED,   /* it is established on our side */
    WORLD_ROUTER_IN,       /* our bytes reach the router */
    WORLD_ROUTER_OUT,      /* the router's bytes reach us */
    WORLD_ROUTER_CLOSE_IN, /* our end of the connection reaches the router */
    WORLD_ROUTER_CLOSED,   /* the end of a connection reaches us */
    WORLD_CALL,            /* a function of the test's */
};

struct world;

struct world_event {
    uint64_t at_ms;
    uint64_t order;
    enum world_event_type type;
    unsigned slot;       /* of the router connections */
    uint64_t generation; /* of the connection; what belongs to an older one is dropped */
    uint64_t sent_ms;    /* GATEWAY_IN, GATEWAY_OUT: when it was made */
    struct endpoint from;
    struct endpoint to;
    unsigned value; /* close reason, gateway error, what the function wants, GATEWAY_OUT: nobody asked */
    void (*call)(struct world *, unsigned value);
    uint8_t *bytes; /* owned */
    size_t len;
};

struct world_queue {
    struct world_event *at; /* a binary heap from at[0] */
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

/* Copies `bytes`. */
void world_queue_push(struct world_queue *queue, struct world_event event, struct span bytes);
uint64_t world_queue_next_ms(const struct world_queue *queue);
/* The caller frees event.bytes. The queue is not empty. */
struct world_event world_queue_pop(struct world_queue *queue);
/* Forgets every event of that type. */
void world_queue_drop(struct world_queue *queue, enum world_event_type type);
void world_queue_free(struct world_queue *queue);
