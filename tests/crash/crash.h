/* The daemon dies behind its n-th action, for every n, and a new one starts on the router and the gateway as
 * they are. Asserted, beside the invariants:
 *
 *   - while a client may rely on a mapping, its rule stands and does not change, not even for a moment;
 *   - whoever asks again keeps his router port and his external port;
 *   - what nobody renews is gone within its lease, on the router and at the gateway;
 *   - the owner's rules stay as they were. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "world.h"

/* How the process ends, as the router sees it. */
enum crash_way {
    CRASH_KILL,       /* the connections close; commands that the router has not begun are dropped */
    CRASH_KILL_LATE,  /* the connections close; commands that reached the router are carried out all the same
                       */
    CRASH_POWER_LOST, /* what is on the way is lost; the connections stay open at the router */
    CRASH_WAYS,
};

struct crash_plan {
    enum crash_way way;
    uint64_t first;   /* dies behind that action of the story; 0: never */
    uint64_t second;  /* and the next process behind that one of its own; 0: never */
    uint32_t down_ms; /* until the next process starts */
    uint64_t home;    /* seed of another router, gateway and links; 0: a quiet home */
};

struct crash;

struct crash_story {
    const char *name;
    void (*options)(struct world_options *options); /* NULL: a quiet home */
    void (*tell)(struct crash *c);
};

extern const struct crash_story crash_stories[];
extern const unsigned crash_stories_count;

/* ---- for the stories ---- */

struct world *crash_world(struct crash *c);
/* A good client, 192.168.88.x. */
struct lan_client *crash_client(struct crash *c, unsigned last_byte);
struct lan_mapping *crash_map(struct crash *c, struct lan_client *from, bool tcp, uint16_t port,
                              uint16_t suggested, uint32_t lifetime_s);
/* From now on each action counts: what is before it happens in every telling without a crash. */
void crash_begin(struct crash *c);
/* Time passes; a dead process is followed by a new one. */
void crash_run_for(struct crash *c, uint64_t for_ms);
/* SIGTERM: nothing is promised any more. */
void crash_stop(struct crash *c);
/* The gateway loses its table. In the quiet home it gives the same ports again. */
void crash_gateway_reboot(struct crash *c);
/* Time passes until every mapping that a client of the story asked for and did not delete is held, and at
 * least for so long; a client whose requests a dead process got repeats them ever more rarely. */
void crash_serve_for(struct crash *c, uint64_t for_ms);

/* ---- one telling ---- */

struct crash_told {
    uint64_t actions;        /* of the story's first process, behind crash_begin */
    uint64_t restarts;       /* processes that followed a crash */
    uint64_t second_actions; /* of the process behind the first crash */
};

/* The home of that seed. */
void crash_home(struct world_options *options, uint64_t seed);
struct crash_told crash_tell(const struct crash_story *story, const struct crash_plan *plan, bool trace);
