/* The world of the core without sockets: a virtual clock, one event queue, links with latency and loss, a
 * LAN, a gateway and a router. It drives one struct proxy as the daemon's driver does: one event goes in, the
 * world carries out the actions in order, and keeps the deadline. After each step it checks the invariants
 * (invariants.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/prng.h"
#include "budgets.h"
#include "core/proxy.h"
#include "core/proxy_status.h"
#include "gateway_model.h"
#include "invariants.h"
#include "lan_model.h"
#include "router_model.h"
#include "world_notices.h"
#include "world_queue.h"
#include "world_trace.h"

/* A datagram link, in one direction. Datagrams overtake each other when the latency varies. */
struct world_link {
    uint32_t latency_min_ms;
    uint32_t latency_max_ms;
    unsigned loss_percent;
    unsigned duplicate_percent;
};

enum { WORLD_DATAGRAM_MAX = 2048 };

struct world_options {
    uint64_t seed;
    struct proxy_config config;
    uint32_t lan_address; /* ours */
    uint32_t router_address;
    struct world_link lan;
    struct world_link gateway_link;
    uint32_t stream_min_ms; /* of the API connections, one way; bytes never overtake each other */
    uint32_t stream_max_ms;
    unsigned stream_chunk_max;     /* bytes arrive in pieces of 1 to this many; 0: as they were sent */
    uint32_t deadline_late_max_ms; /* the operating system wakes the daemon this much later */
    struct gateway_options gateway;
    struct router_model_options router;
    bool one_address;                              /* the router sees both daemons under the same address */
    char gateway_interface[ROUTER_MODEL_TEXT_MAX]; /* the gateway is there; empty: behind every tunnel */
    unsigned check_every; /* the tables and the notices are checked after each so many steps */
};

enum world_stream_state {
    WORLD_STREAM_CLOSED,
    WORLD_STREAM_OPENING,
    WORLD_STREAM_OPEN,
};

/* One of the connections to the router, from the driver's point of view. */
struct world_stream {
    enum world_stream_state state;
    uint64_t generation;
    int session;          /* at the router; 0: none yet */
    uint64_t in_free_ms;  /* no byte arrives at the router earlier; this keeps the order */
    uint64_t out_free_ms; /* no byte arrives at the daemon earlier */
    struct trace_stream in_trace;
    struct trace_stream out_trace;
};

/* Faults outside of the models. */
struct world_faults {
    bool tunnel_down;        /* no route to the gateway */
    bool router_unreachable; /* no route to the router */
    bool router_refused;     /* the host exists, but the port is closed */
    bool router_unresolved;
    uint64_t router_cut_until_ms; /* bytes and connection attempts are delayed until then */
};

enum { WORLD_PEERS_MAX = 8 };

/* A host on the internet that keeps sending to a port of the tunnel's address (world_peers.c). */
struct world_peer {
    bool tcp;
    uint16_t port;
    uint32_t every_ms;
    uint32_t reaches; /* where its last packet went */
    uint16_t reaches_port;
    uint32_t rule; /* the daemon's rule for that port when it sent last; 0: there was none */
    uint64_t rule_ms;
};

/* What belongs to one process of the daemon. The world keeps the present one's in itself; see world_turn. */
struct world_process {
    struct proxy *proxy;
    uint64_t proxy_seed;
    uint64_t proxy_started_ms;
    uint64_t deadline_ms;
    uint64_t deadline_seen_ms;
    uint64_t stalled_until_ms;
    uint64_t stop_ms;
    bool adopting;
    uint64_t socket;
    bool exited;
    struct world_stream streams[ROUTER_SESSIONS_MAX];
};

struct world {
    struct world_options options;
    uint64_t now_ms;
    struct world_queue queue;
    struct prng prng;
    struct trace trace;
    struct proxy *proxy; /* NULL: not running */
    struct actions *actions;
    uint64_t proxy_seed;
    uint64_t proxy_started_ms;
    uint64_t deadline_ms;      /* with its lateness */
    uint64_t deadline_seen_ms; /* as the core named it */
    uint64_t stalled_until_ms; /* the process is stopped; events wait */
    uint64_t step_ms;
    unsigned deadlines_at_once;
    bool exited;
    uint64_t exits;
    uint64_t steps;
    uint64_t actions_done;
    uint64_t generation;
    struct world_stream streams[ROUTER_SESSIONS_MAX];
    struct world_process other; /* the process that is not the present one */
    unsigned process;           /* the present one: 0, or 1 for the second daemon */
    unsigned lan_process;       /* the one to which the LAN's requests go ... */
    uint64_t lan_process_ms;    /* ... and since when, in the simulation */
    bool is_stranger; /* the second daemon has another INSTANCE: what it tells the LAN does not count */
    struct world_faults faults;
    struct gateway_model gateway;
    struct router_model *router;
    struct lan_model lan;
    struct invariants invariants;
    unsigned peers;
    struct world_peer peer[WORLD_PEERS_MAX];
    struct book book;
    struct budgets budgets;
    struct world_notices notices[2]; /* of each process */
    uint64_t kill_after_actions;     /* the process dies after this action; 0: never */
    bool kill_is_power_loss;         /* and its machine with it */
    uint64_t stop_ms;                /* of SIGTERM; 0: none */
    bool adopting;                   /* the process has not seen the router's rules yet */
    uint32_t gateway_local;          /* the daemon's address towards the gateway, and ... */
    uint32_t router_local;           /* ... towards the router; 0: not known */
    uint32_t second_router_local;    /* the same of the second daemon */
    uint64_t half_open_ms;           /* so long the router keeps a connection whose peer has lost its power */
    uint64_t socket;                 /* towards the gateway; a new one for each process */
    uint64_t gateway_socket;         /* of the datagram that the gateway answers */
    /* May change a datagram of the gateway on its way, and its delay. Returns how many copies arrive. The
     * buffer has room for WORLD_DATAGRAM_MAX bytes. NULL: all arrive as they were sent. */
    unsigned (*tamper)(void *context, uint8_t *bytes, size_t *len, uint64_t *delay_ms);
    void *tamper_context;
    /* Prints what is known about the run. Called before the program ends after a failure. May be NULL. */
    void (*report)(void *context);
    void *report_context;
    /* Called after a change of the router's NAT table, whatever made it. May be NULL. */
    void (*nat_changed)(void *context);
    void *nat_changed_context;
};

/* The defaults: everything works, nothing is lost, one router with a WireGuard interface towards the
 * gateway. */
struct world_options world_defaults(uint64_t seed);
struct world *world_new(const struct world_options *options);
void world_free(struct world *w);
/* If the program aborts from now on (an assertion, a sanitizer), it prints this world's last lines and its
 * report first. NULL: it prints nothing. */
void world_watch(struct world *w);

/* Starts a new process; router and gateway stay as they are. */
void world_start(struct world *w, uint64_t seed);
/* Ends the process like kill -9. Its connections end as those of a dead process do. */
void world_kill(struct world *w);
/* Ends its machine: packets from the daemon that are on the way are lost, and the router does not learn that
 * the connections are gone. */
void world_power_lost(struct world *w);
/* A second daemon with the same configuration, on another host. Everything else in this file concerns the
 * first one, except between two calls of world_turn(). */
void world_start_second(struct world *w, uint64_t seed);
void world_kill_second(struct world *w);
/* Makes that process the present one. */
void world_turn(struct world *w, unsigned process);
/* SIGTERM. */
void world_stop(struct world *w);
/* Somebody reads the status. */
void world_ask(struct world *w);
/* SIGSTOP: the process waits for so long. */
void world_stall(struct world *w, uint64_t for_ms);

/* Runs the next event if it is not later than `limit_ms`. Otherwise sets the clock to limit_ms and returns
 * false. */
bool world_step(struct world *w, uint64_t limit_ms);
void world_run_for(struct world *w, uint64_t for_ms);
void world_run_until(struct world *w, uint64_t until_ms);
/* Calls `call` at that time. */
void world_at(struct world *w, uint64_t at_ms, void (*call)(struct world *, unsigned value), unsigned value);

/* Changes of the router's configuration from outside, such as a person at WinBox. Between these two calls the
 * foreign rules may change, and the invariants record when. */
void world_hand_begin(struct world *w, const char *what);
void world_hand_end(struct world *w);
/* The gateway loses its table. */
void world_gateway_reboot(struct world *w);
/* Its clock is set; it loses nothing. */
void world_gateway_clock(struct world *w, int32_t by_s);
void world_gateway_address(struct world *w, uint32_t address, bool announce);
/* The gateway sends an unsolicited datagram. */
void world_gateway_says(struct world *w, struct span datagram);
/* Delivers a datagram to the daemon's port from any address, at once. */
void world_lan_datagram(struct world *w, struct endpoint from, uint32_t to, struct span datagram);

/* Ends the program: prints the message, the report and the last lines. */
printf_(2, 3) _Noreturn void world_fail(struct world *w, const char *format, ...);

/* ---- between the files of the world ---- */

/* Gives one event to the core. */
void world_give(struct world *w, struct event *event);
/* Sends a datagram on its way. */
void world_link_send(struct world *w, const struct world_link *link, struct world_event event,
                     struct span bytes);

/* ---- packets to the gateway through the router (world_way.c) ---- */

/* A packet of the daemon to the gateway goes through the router. False: the way does not lead to the gateway.
 */
bool world_packet_leaves(struct world *w);
/* The answer comes back through the router. */
void world_packet_returns(struct world *w);
/* The interface at which the gateway's packets arrive; NULL: the way does not lead to the gateway. */
const char *world_way(const struct world *w);
/* A change from outside moved the way. With a sign the daemon has 10 s to learn of it, else a minute. */
void world_way_moves(struct world *w, const char *what, bool has_sign);
/* The main table's host route to the gateway leads through that interface from now on; NULL: there is none.
 */
void world_host_route(struct world *w, const char *interface);

/* ---- packets from the internet (world_peers.c) ---- */

/* From now on a peer sends to that port of the tunnel's address. At most WORLD_PEERS_MAX do. */
void world_peer(struct world *w, bool tcp, uint16_t port, uint32_t every_ms);
/* Only connections to the tunnel may be removed from the router's table. */
void world_connection_removed(void *ctx, const struct router_model_flow *flow);
void world_peer_sends(struct world *w, unsigned number);

/* ---- connections to the router (world_router.c) ---- */
void world_router_init(struct world *w);
void world_router_open(struct world *w, unsigned slot);
void world_router_send(struct world *w, unsigned slot, struct span bytes);
void world_router_close(struct world *w, unsigned slot);
/* Ends the daemon's end of the connection. The router finds out by itself, minutes later. */
void world_router_forget(struct world *w, unsigned slot);
void world_router_event(struct world *w, const struct world_event *event);
