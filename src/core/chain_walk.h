/* Which rules of a firewall table decide over a class of packets: the walk through its chains, with jumps and
 * returns.
 *
 * The rules are added once, in the order of the table, and the table is not kept. Between two jumps of a
 * chain all that counts of its rules is what they do and how much of the class they cover, so the walk keeps
 * the first of each kind. Its memory depends on the number of chains and jumps, and not on that of the
 * rules. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/cover.h"

enum firewall_action {
    FIREWALL_ACCEPT, /* the packet passes this table */
    FIREWALL_DROP,
    FIREWALL_TRANSLATE,
    FIREWALL_ACTIONS,
};

struct ruling {
    bool found;
    uint32_t id; /* 0: no rule in particular, but the walk is incomplete, so any may be the one */
    enum firewall_action action;
};

struct verdict {
    struct ruling sure; /* the first rule that decides over the whole class; none: the chain accepts */
    /* By action: the first rule before `sure` that may cover the class, and the first that covers a part of
     * it. */
    struct ruling maybe[FIREWALL_ACTIONS];
    struct ruling part[FIREWALL_ACTIONS];
};

/* One thing that a chain does with the class. */
struct walk_step {
    uint32_t id;
    uint16_t next;   /* of the same chain; 0: this is the last one */
    uint16_t target; /* of a jump: the number of a chain */
    uint8_t kind;    /* enum walk_kind, in chain_walk.c */
    uint8_t cover;   /* enum cover */
};

struct walk_chain {
    uint8_t name[CHAIN_NAME_MAX];
    uint8_t name_len;
    bool ended; /* a rule decided over the whole class, or returned it: what follows has no effect */
    uint16_t first;
    uint16_t last;
    uint16_t last_jump; /* the steps behind it are all different */
    uint8_t entered;    /* during a walk: one bit for each cover with which it came here */
};

struct chain_walk {
    uint32_t until; /* a rule with this id counts as covering everything; 0: none */
    unsigned chains;
    unsigned steps;
    bool incomplete; /* there was not enough room for all rules */
    struct walk_chain chain[WALK_CHAINS_MAX];
    struct walk_step step[WALK_STEPS_MAX + 1];
};

/* Memory that was not initialized is enough: this sets what is read. */
void chain_walk_init(struct chain_walk *w, uint32_t until);
/* Adds the next row of the table, which covers so much of the class. Returns how much of what comes to its
 * chain the rule acts on: nothing if it is disabled or invalid, if it only counts or logs, or if an earlier
 * rule of the chain decided. *ret_chain: the number of its chain; WALK_CHAINS_MAX: there was no room for it.
 */
enum cover chain_walk_add(struct chain_walk *w, const struct ros_sentence *row, enum cover cover,
                          unsigned *ret_chain);
/* Follows the class from the beginning of that chain. */
void chain_walk_judge(struct chain_walk *w, const char *chain, struct verdict *ret_verdict);
/* How much of the class the last walk has brought to the beginning of a chain. */
enum cover chain_walk_reached(const struct chain_walk *w, unsigned chain);
enum cover chain_walk_reached_name(const struct chain_walk *w, struct span name);
/* True if the row is in force and decides or leads elsewhere, in a chain that destination NAT can use. */
bool chain_walk_row_acts(const struct ros_sentence *row);
