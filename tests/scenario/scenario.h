/* Stories: the inputs in C, what the daemon did in <name>.trace beside it. The trace is the oracle: it shows
 * order, timing and silence at once. Run with UPDATE=1 to write it anew, then read it. */
#pragma once

#include "world.h"

struct story {
    /* May change the world before it is made; NULL: a quiet home. */
    void (*options)(struct world_options *options);
    void (*tell)(struct world *w);
};

/* Each story's file defines it. */
extern const struct story story;

/* A line of the trace for the reader. */
void note(struct world *w, const char *text);
/* Starts the daemon and lets it come to rest (connected, announced, address known) without showing it. */
void settle(struct world *w);
/* Shows or hides what happens. */
void show(struct world *w, bool shown);
/* Lets so many seconds pass without showing them. */
void skip_s(struct world *w, uint64_t seconds);
/* 192.168.88.x */
struct lan_client *client(struct world *w, unsigned last_byte);
uint32_t lan_address(unsigned last_byte);
/* A good client that asks for a mapping now. */
struct lan_mapping *map(struct world *w, struct lan_client *from, bool tcp, uint16_t internal_port,
                        uint16_t suggested, uint32_t lifetime_s);
/* Fails the story if it does not hold. */
void expect_at(struct world *w, bool holds, const char *what, int line);
#define expect(w, condition) expect_at(w, condition, #condition, __LINE__)
/* The invariants at rest. */
void expect_rest(struct world *w);
/* The id of our rule that leads there; 0: none. */
uint32_t rule_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
/* Its dst-port; 0: there is no rule. */
uint16_t router_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
unsigned our_rules(const struct world *w);
/* The router model's clock comes to the present: before a fault that is counted from now. */
void router_now(struct world *w);

enum { UDP = false, TCP = true };
