/* Events in order of time. Events of one moment are in the order in which they were added. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/event.h"

enum world_event_type {
    WORLD_LAN_IN,          /* a datagram reaches the daemon's NAT-PMP port */
    WORLD_LAN_OUT,         /* a reply reaches the client */
    WORLD_ANNOUNCEMENT,    /* a gratuitous response reaches the LAN */
    WORLD_GATEWAY_IN,      /* the daemon's datagram reaches the gateway */
    WORLD_GATEWAY_OUT,     /* the gateway's datagram reaches the daemon */
    WORLD_GATEWAY_ERROR,   /* the socket towards the gateway reports an error */
    WORLD_ROUTER_SYN,      /* the daemon's connection attempt reaches the router */
    WORLD_ROUTER_OPENED,   /* the connection is established on the daemon's side */
    WORLD_ROUTER_IN,       /* the daemon's bytes reach the router */
    WORLD_ROUTER_OUT,      /* the router's bytes reach the daemon */
    WORLD_ROUTER_CLOSE_IN, /* the daemon's end of the connection reaches the router */
    WORLD_ROUTER_CLOSED,   /* the end of a connection reaches the daemon */
    WORLD_CALL,            /* a function of the test */
};

struct world;

struct world_event {
    uint64_t at_ms;
    uint64_t order;
    enum world_event_type type;
    unsigned slot;       /* of the router connections */
    uint64_t generation; /* of the connection; events of an older connection are dropped */
    uint64_t sent_ms;    /* GATEWAY_IN: when it was sent */
    struct endpoint from;
    struct endpoint to;
    unsigned value; /* close reason, gateway error, or a value for the function */
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
/* Puts back an event that was taken, with its bytes. Of events of one time it comes before those that were
 * pushed after it, so the bytes of a connection keep their order. */
void world_queue_postpone(struct world_queue *queue, struct world_event event, uint64_t at_ms);
uint64_t world_queue_next_ms(const struct world_queue *queue);
/* The caller frees event.bytes. The queue is not empty. */
struct world_event world_queue_pop(struct world_queue *queue);
/* Removes every event of that type in one of these slots. */
void world_queue_drop(struct world_queue *queue, enum world_event_type type, unsigned first_slot,
                      unsigned slots);
void world_queue_free(struct world_queue *queue);
