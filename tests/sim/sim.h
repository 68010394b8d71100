/* Years of trouble in minutes. Each seed chooses random options and faults. Each kind of fault is on or off
 * for a whole run (swarm testing), so that rare ones meet. Then the faults are turned off, the world gets
 * time to converge, and the state at rest is checked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

enum sim_event {
    SIM_TIME, /* nothing happens for a while */
    SIM_MAP,
    SIM_UNMAP,
    SIM_UNMAP_ALL,
    SIM_ADDRESS,
    SIM_RACE,   /* several clients suggest one port at the same moment */
    SIM_REPEAT, /* the same request from another port */
    SIM_NEW_CLIENT,
    SIM_VANISH,
    SIM_GARBAGE,
    SIM_FLOOD,
    SIM_OUTSIDE,

    SIM_GATEWAY_SILENT,
    SIM_GATEWAY_UNREACHABLE,
    SIM_GATEWAY_REFUSES,
    SIM_GATEWAY_REBOOT,
    SIM_GATEWAY_ADDRESS,
    SIM_GATEWAY_NO_ADDRESS,
    SIM_GATEWAY_LATE,
    SIM_GATEWAY_JUNK,
    SIM_TUNNEL_DOWN,
    SIM_LOSS,

    SIM_ROUTER_DROP_AT,
    SIM_ROUTER_DROP,
    SIM_ROUTER_MUTE,
    SIM_ROUTER_REBOOT,
    SIM_ROUTER_REFUSED,
    SIM_ROUTER_CUT,
    SIM_ROUTER_TRAP,
    SIM_ROUTER_PERMISSION,
    SIM_ROUTER_PASSWORD,
    SIM_ROUTER_ACCESS,
    SIM_ROUTER_RENAME,
    SIM_ROUTER_SLOW,

    SIM_HAND_REMOVE,
    SIM_HAND_DISABLE,
    SIM_HAND_CHANGE,
    SIM_HAND_FOREIGN,

    SIM_KILL,
    SIM_STOP,
    SIM_STALL,

    SIM_GATEWAY_CLOCK,
    SIM_GATEWAY_SAYS,
    SIM_ROUTER_WAY,
    SIM_GATEWAY_WRONG, /* answers that grant nothing, or each second request is refused */

    SIM_TWIN, /* a second daemon with the same INSTANCE starts, or dies */

    SIM_AGAIN,         /* a client deletes a mapping and requests it, or another one, a moment later */
    SIM_GATEWAY_KEEPS, /* what it is asked to delete: it does not answer, refuses, or answers with a grant */
    SIM_GATEWAY_UNASKED, /* it grants ports of mappings that have ended */
    SIM_EVENTS,
};

struct sim_options {
    unsigned weight[SIM_EVENTS]; /* 0: off */
    unsigned clients;
    bool kills;   /* leases of a process that died, or was stopped while the gateway was unreachable, end by
                     themselves */
    bool deaf;    /* announcements do not reach the clients */
    bool limited; /* not all clients can have their mappings: the gateway has few ports, or a limit is low */
    struct world_options world;
};

/* How many connections the router has translated for a port of a host. */
struct sim_arrived {
    uint32_t client;
    uint16_t port;
    bool tcp;
    uint64_t connections;
};

/* A mapping that a client deleted had this port on the router. */
struct sim_ended {
    bool tcp;
    uint16_t router_port;
};

enum { SIM_ENDED = 16 };

struct sim {
    uint64_t seed;
    bool reads; /* somebody reads the status, again and again */
    struct prng readers;
    bool script; /* the router has that of ON_CHANGE_SCRIPT */
    struct sim_options options;
    struct prng prng;
    struct world *world;
    unsigned events_done;
    uint64_t happened[SIM_EVENTS];
    unsigned next_address;
    struct sim_arrived *arrived;
    unsigned arrivals;
    struct sim_ended ended[SIM_ENDED]; /* a ring */
    unsigned ended_next;
    bool second_shares; /* the second tunnel has the address of the first one */
};

struct sim_options sim_options(uint64_t seed);
/* From now on some seeds have low limits, a gateway that wants a suggestion, or a second daemon. */
void sim_with_limits(void);
void sim_print_options(const struct sim *sim, FILE *to);
const char *sim_event_name(enum sim_event event);

/* Makes one event happen. */
void sim_happens(struct sim *sim, enum sim_event event);
void sim_gateway_lies(struct sim *sim, enum sim_event event);
void sim_faults_off(struct sim *sim);
/* Those of sim_deletions.c. */
void sim_deletions_happen(struct sim *sim, enum sim_event event);
void sim_deletions_off(struct world *w);

/* What arrives from the internet, and who reads that in the status (sim_readers.c). */
void sim_readers_begin(struct sim *sim);
void sim_readers_happen(struct sim *sim);
void sim_readers_at_rest(struct sim *sim);
void sim_readers_end(struct sim *sim);

struct sim_result {
    uint64_t hash;  /* of the trace */
    uint64_t steps; /* events given to the core */
    unsigned most[BUDGETS];
    uint64_t happened[SIM_EVENTS];
};

/* Runs one seed from its start to its end. So many things happen, or more if the core had less than 2,000
 * events. Ends the program if a check fails. */
struct sim_result sim_run(uint64_t seed, unsigned events, bool verbose);
