/* What the mangle rules make of a packet: its marks. They decide which routing table is used and which
 * packets fasttrack leaves alone.
 *
 * A rule that covers a part of the packets, or of which it is unknown what it covers, makes two outcomes of
 * one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/firewall.h"

enum {
    MARK_NAME_MAX = 63,
    /* With PCC over four lines there are five. */
    OUTCOMES_MAX = 16,
};

struct outcome {
    char connection_mark[MARK_NAME_MAX + 1]; /* empty: none, also below */
    char routing_mark[MARK_NAME_MAX + 1];
    uint32_t router; /* the rule that set the routing mark; 0: none */
    uint32_t marker; /* the rule that set the connection mark */
    uint32_t marked; /* the rule that set the first one, if another one has replaced that; 0: none */
    uint32_t ender;  /* the rule that ended the last chain, so that no other one sees the packet */
    bool partly;     /* a rule that covers a part of the packets decided */
    bool unsure;     /* a rule of which it is unknown what it covers decided */
};

struct outcomes {
    unsigned count;
    bool incomplete; /* there are more, or a rule does what we do not know */
    struct outcome at[OUTCOMES_MAX];
};

/* Follows the packet through a chain of the mangle table, from each outcome of the chains before. */
void marks_follow(const struct survey *s, const char *chain, const struct packet *packet,
                  const struct outcomes *before, struct outcomes *ret_after);
/* The outcome of a packet that no rule has seen yet, of a connection with that mark (empty: none). */
struct outcomes marks_none(const char *connection_mark);
