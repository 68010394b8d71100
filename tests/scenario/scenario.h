/* Stories: the inputs in C, what the daemon did in <name>.trace beside it. The trace is the oracle: it shows
 * order, timing and silence at once. Run with UPDATE=1 to write it anew, then read it.
 *
 * A story is one file. map-and-renew.c ends with a `const struct story story_map_and_renew`, and the program
 * `scenario map-and-renew` plays it. */
#pragma once

#include "world.h"

struct story {
    /* May change the world before it is made; NULL: a quiet home. */
    void (*options)(struct world_options *options);
    void (*tell)(struct world *w);
};

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
/* ---- programs whose every datagram the story plays itself: they check nothing, the trace shows what they
 * hear ---- */

void asks_map(struct world *w, unsigned last_byte, uint16_t source_port, bool tcp, uint16_t internal_port,
              uint16_t suggested, uint32_t lifetime_s);
void asks_delete(struct world *w, unsigned last_byte, uint16_t source_port, bool tcp, uint16_t internal_port,
                 uint16_t suggested);
void asks_address(struct world *w, unsigned last_byte, uint16_t source_port);
/* PCP (RFC 6887), of which the daemon reads the version only: MAP has 60 bytes, ANNOUNCE 24. */
void asks_pcp(struct world *w, unsigned last_byte, uint16_t source_port, bool announce);
/* The external port that the gateway gives to that port of the client; 0: none. */
uint16_t external_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
/* For story.options: a gateway like ProtonVPN's. */
void like_proton(struct world_options *options);
/* Each reply of the gateway comes so much later; 0: as ever. */
void gateway_late(struct world *w, unsigned late_ms);

/* The id of our rule that leads there; 0: none. */
uint32_t rule_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
/* Its dst-port; 0: there is no rule. */
uint16_t router_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
unsigned our_rules(const struct world *w);
/* The router model's clock comes to the present: before a fault that is counted from now. */
void router_now(struct world *w);

enum { UDP = false, TCP = true };
