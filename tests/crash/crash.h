/* The process dies after its n-th action, for every n, and a new one starts with the router and the gateway
 * as they are. These tests assert, beside the invariants, that
 *   - while a client may rely on a mapping, its rule exists and does not change, not even for a moment;
 *   - a client that requests its mapping again keeps its router port and its external port;
 *   - a mapping that nobody renews ends with its lease, on the router and at the gateway;
 *   - the owner's rules do not change. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "world.h"

/* How the process ends, as the router sees it. */
enum crash_way {
    CRASH_KILL,       /* the connections close; the router drops commands that it has not begun */
    CRASH_KILL_LATE,  /* the connections close; the router carries out all commands that reached it */
    CRASH_POWER_LOST, /* packets on the way are lost; the connections stay open at the router */
    CRASH_WAYS,
};

struct crash_plan {
    enum crash_way way;
    uint64_t first;   /* the process dies after this action of the story; 0: never */
    uint64_t second;  /* and the next process dies after this action of its own; 0: never */
    uint32_t down_ms; /* until the next process starts */
    uint64_t home;    /* seed of the router, the gateway and the links; 0: the default ones, without faults */
};

struct crash;

struct crash_story {
    const char *name;
    void (*options)(struct world_options *options); /* NULL: the defaults */
    void (*tell)(struct crash *c);
};

extern const struct crash_story crash_stories[];
extern const unsigned crash_stories_count;

/* ---- for the stories ---- */

struct world *crash_world(struct crash *c);
/* A client that behaves well, 192.168.88.x. */
struct lan_client *crash_client(struct crash *c, unsigned last_byte);
struct lan_mapping *crash_map(struct crash *c, struct lan_client *from, bool tcp, uint16_t port,
                              uint16_t suggested, uint32_t lifetime_s);
/* From now on each action counts. What comes before happens in every run without a crash. */
void crash_begin(struct crash *c);
/* Lets time pass. A dead process is followed by a new one. */
void crash_run_for(struct crash *c, uint64_t for_ms);
/* SIGTERM. From now on no mapping has to stay. */
void crash_stop(struct crash *c);
/* The gateway loses its table. With the default options it grants the same ports again. */
void crash_gateway_reboot(struct crash *c);
/* Lets time pass, at least so much, until every mapping is granted that a client of the story requested and
 * did not delete. A client whose requests reached a dead process repeats them at growing intervals. */
void crash_serve_for(struct crash *c, uint64_t for_ms);

/* ---- one run of a story ---- */

struct crash_result {
    uint64_t actions;        /* of the story's first process, after crash_begin */
    uint64_t restarts;       /* processes that followed a crash */
    uint64_t second_actions; /* of the process after the first crash */
};

/* The options of that seed. */
void crash_home(struct world_options *options, uint64_t seed);
struct crash_result crash_run(const struct crash_story *story, const struct crash_plan *plan, bool trace);
