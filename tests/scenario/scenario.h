/* A story is the input, in C, and <name>.trace beside it is what the daemon did. A trace shows order and
 * timing, and also that nothing happened. UPDATE=1 writes the trace anew; read the difference.
 *
 * A story is one file. map-and-renew.c ends with a `const struct story story_map_and_renew`, and the program
 * `scenario map-and-renew` plays it. */
#pragma once

#include "world.h"

struct story {
    /* Changes the options before the world is made. NULL: the defaults, without faults. */
    void (*options)(struct world_options *options);
    void (*tell)(struct world *w);
};

/* Adds a line to the trace, for the reader. */
void note(struct world *w, const char *text);
/* Starts the daemon and runs until it is connected, has announced itself and knows the address, without a
 * trace. */
void settle(struct world *w);
/* Turns the trace on or off. */
void show(struct world *w, bool shown);
/* Runs for so many seconds without a trace. */
void skip_s(struct world *w, uint64_t seconds);
/* 192.168.88.x */
struct lan_client *client(struct world *w, unsigned last_byte);
uint32_t lan_address(unsigned last_byte);
/* A client that behaves well and requests a mapping now. */
struct lan_mapping *map(struct world *w, struct lan_client *from, bool tcp, uint16_t internal_port,
                        uint16_t suggested, uint32_t lifetime_s);
/* Fails the story if it is not true. */
void expect_at(struct world *w, bool holds, const char *what, int line);
#define expect(w, condition) expect_at(w, condition, #condition, __LINE__)
/* Checks the invariants that are true when nothing is in work. */
void expect_rest(struct world *w);
/* ---- clients whose datagrams the story plays: they check nothing, and the trace shows what they receive
 * ---- */

void asks_map(struct world *w, unsigned last_byte, uint16_t source_port, bool tcp, uint16_t internal_port,
              uint16_t suggested, uint32_t lifetime_s);
void asks_delete(struct world *w, unsigned last_byte, uint16_t source_port, bool tcp, uint16_t internal_port,
                 uint16_t suggested);
void asks_address(struct world *w, unsigned last_byte, uint16_t source_port);
/* PCP (RFC 6887). The daemon reads its version only. MAP has 60 bytes, ANNOUNCE 24. */
void asks_pcp(struct world *w, unsigned last_byte, uint16_t source_port, bool announce);
/* The external port that the gateway has granted for that port of the client. 0: none. */
uint16_t external_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
/* The next renewal of that mapping's lease grants this external port. */
void gateway_next_port(struct world *w, unsigned last_byte, bool tcp, uint16_t port, uint16_t next_port);
/* For story.options: a gateway like ProtonVPN's. */
void like_proton(struct world_options *options);
/* Delays each reply of the gateway by so much. 0: no delay. */
void gateway_late(struct world *w, unsigned late_ms);

/* The id of the daemon's rule for that port of the client. 0: none. */
uint32_t rule_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
/* The dst-port of that rule. 0: there is no rule. */
uint16_t router_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port);
/* The interface of the daemon's TCP rule for that port of the client; "": there is no rule. */
const char *interface_of(struct world *w, unsigned last_byte, uint16_t port);
unsigned our_rules(const struct world *w);
/* A rule that an earlier run left behind. Its external port is the router port. */
void left_over_rule(struct world *w, bool tcp, uint16_t router_port, const char *address, uint16_t port,
                    unsigned lease_s);
/* How often rules were added, changed or removed. */
uint64_t router_writes(const struct world *w);
/* For story.options: the router has a second user, for a second daemon. */
void with_admin(struct world_options *options);
void start_second_as_admin(struct world *w, uint64_t seed);
bool second_stands_by(struct world *w);
/* Another program on the router undoes the rule for TCP port 7000 of client 10 for 20 s, of which the trace
 * shows three. `undo` is called every 10 ms with the id of the rule, and with the id that it was called with
 * before. 0: there is no rule. The daemon has to replace the rule about once a second, and the rule has to
 * stay when the other program has stopped. */
void other_program_undoes(struct world *w, void (*undo)(struct world *w, uint32_t id, uint32_t before));
/* Advances the router model's clock to the present, before a fault whose time counts from now. */
void router_now(struct world *w);

enum { UDP = false, TCP = true };
