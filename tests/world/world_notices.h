/* Watches the daemon by its notices alone, and checks that what they told is what is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct notice;
struct world;

enum {
    NOTICED_MAX = 4096, /* mappings */
};

struct world_noticed {
    uint32_t client; /* 0: free */
    uint16_t internal_port;
    uint16_t external_port;
    uint8_t protocol;
};

struct world_notices {
    struct world_noticed at[NOTICED_MAX];
    unsigned used; /* entries that were ever used */
    unsigned count;
    uint64_t number; /* of the next notice */
    uint32_t address;
    bool router_works;
    bool gateway_works;
    bool shown; /* the trace shows the notices, even while it shows nothing else */
};

/* A new process tells everything anew. */
void world_notices_begin(struct world *w);
void world_notice(struct world *w, const struct notice *notice);
/* What the notices told is what the status says. */
void world_notices_check(struct world *w);
