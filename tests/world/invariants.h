/* What must be true after every step, whatever happens, as seen from outside. The book (book.h) judges the
 * daemon's datagrams by those of the clients and the gateway and by the rules on the router. The rest is
 * here:
 *
 *  1. At rest the daemon's rules are the active mappings, and the gateway has no lease without a rule.
 *  2. The daemon never changes, removes or adds a foreign rule.
 *  3. No two rules of the daemon have the same (protocol, dst-port), and the companion belongs to the same
 *     client. A rule leads only to an address and port that requested it.
 *  4. Deadlines and bounds: see world.c. What the daemon sends and logs in a minute: see budgets.h.
 *  5. No log line and no datagram contains a password or a foreign comment.
 *  6. When a success is sent, what comes from the tunnel to the rule's port reaches the client: no rule
 * before it takes the packet. The rule's interface is the one at which the gateway's packets arrive.
 *  7. Of one kind, at most INV_LOG_LINES log lines come in a minute, whatever happens. Debug lines do not
 *     count.
 *  8. What a peer sends that has been sending since before a rule was there reaches the rule's client
 * (world_peers.c).
 *
 * The core learns of faults of the router with a delay. A rule that was taken or changed by hand counts
 * against the core GRACE_LISTEN_MS after the change (plus the latency of the connections) while the API
 * connections work, otherwise GRACE_RECONNECT_MS after the last fault of the connections, which covers
 * detection by keep-alive, the longest back-off and a snapshot. Until then the core may also take a rule for
 * its own whose mark somebody has removed.
 *   - A way to the gateway, or an address of the tunnel, that moved: 10 s after the router could report it,
 * or 60 s if the router reports nothing, such as for a routing rule, or has refused to listen;
 *     GRACE_RECONNECT_MS after the last fault of the connections if that is later. Until then a rule may be
 * for the interface or the address from before.
 *   - Two rules of one mapping that differ in interface or address alone, or that have foreign rules between
 *     them, because a rule is replaced: for 5 s, and for GRACE_RECONNECT_MS after the last fault of the
 *     connections.
 *   - A foreign rule that was put before the daemon's: FOREIGN_MS, because the daemon reads the table again
 * at most every 15 s. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "book.h"
#include "core/event.h"

enum {
    GRACE_LISTEN_MS = 250,
    GRACE_RECONNECT_MS = 90000,
};

/* Is in the comment of every foreign rule of the tests. */
#define FOREIGN_COMMENT "FOREIGN"

struct world;

/* Two rules of one mapping, for different interfaces or addresses of the router, or with foreign rules
 * between them. */
struct inv_pair {
    uint32_t a;
    uint32_t b;
    uint64_t since_ms;
};

/* A rule that somebody took away or changed, and the time from which on the core must have noticed. */
struct inv_taken {
    uint32_t id;
    uint32_t address;
    bool tcp;
    uint16_t port;
    uint64_t known_ms;
};

enum {
    INV_RULES_MAX = 2048, /* while rules are replaced, there are two of each */
    INV_TAKEN_MAX = 64,
    INV_PAIRS_MAX = 1024,
    /* A burst of 10, then one in 10 s. */
    INV_LOG_LINES = 16,
    INV_LOG_KINDS = 256,
};

/* Log lines whose text is the same up to the first key. */
struct inv_log_kind {
    uint64_t hash;
    uint64_t lines;
    uint64_t at_ms[INV_LOG_LINES]; /* of the last ones: a ring */
};

struct invariants {
    struct book_rule rules[INV_RULES_MAX];
    unsigned rule_count;
    struct book_rule rules_before[INV_RULES_MAX]; /* a hand edit */
    unsigned rule_count_before;
    struct inv_taken taken[INV_TAKEN_MAX];
    unsigned taken_next;
    struct inv_pair pair[INV_PAIRS_MAX];
    unsigned pair_next;
    uint64_t hand_known_ms; /* of all hand edits */
    bool restart_unseen;    /* the gateway restarted twice within seconds: no epoch shows the second time */
    uint64_t failed_commands;
    uint64_t
        router_trouble_ms;   /* last time at which the API connections did not work; may be in the future */
    uint64_t slow_until_ms;  /* the router may execute a slow command until then */
    uint64_t fault_until_ms; /* a fault of the router that ends by itself goes on until then */
    bool hand;
    uint64_t foreign_hash;
    unsigned foreign_count;
    unsigned claims; /* see claim.h */
    unsigned
        excused_count; /* rules that were the daemon's until somebody edited the mark away a moment ago */

    uint64_t refusals_before; /* commands for the connection table that the router had refused when the main
                                 connection began */
    bool listen_refused;   /* the router may have refused to report what moves the way, on this connection */
    uint64_t way_known_ms; /* by then the rules must have followed the last move of the way */

    uint64_t stalled_until_ms;
    struct inv_log_kind log_kind[INV_LOG_KINDS];
    unsigned log_kinds;
    uint64_t quiet_since_ms; /* the faults are off; 0: they are on */
};

void inv_init(struct world *w);
void inv_free(struct world *w);

/* Calls from the world. */
void inv_started(struct world *w);
/* Another daemon serves from now on. */
void inv_process_changed(struct world *w);
void inv_dead(struct world *w);
void inv_request(struct world *w, struct endpoint from, struct span datagram);
void inv_reply(struct world *w, struct endpoint to, struct span datagram);
void inv_announce(struct world *w, struct span datagram);
void inv_to_gateway(struct world *w, struct span datagram);
void inv_from_gateway(struct world *w, struct span datagram);
void inv_log(struct world *w, enum log_level level, struct span text);
/* A notice tells that a mapping forwards. */
void inv_noticed(struct world *w, const struct notice *notice);
/* Something outside the daemon moves the way to the gateway, or the tunnel's address. `has_sign`: the router
 * reports it. */
void inv_way_moves(struct world *w, bool has_sign);
/* There is no way to the gateway until then at most: on a new connection the daemon reads no rules. */
void inv_way_is_lost(struct world *w, uint64_t until_ms);
void inv_way_is_back(struct world *w);
/* The ids may belong to other rules. */
void inv_router_restarted(struct world *w);
/* A process begins, without connections. */
void inv_router_begins(struct world *w);
void inv_router_trouble(struct world *w);
void inv_router_trouble_until(struct world *w, uint64_t until_ms);
/* A fault that ends by itself ... */
void inv_router_fault(struct world *w, uint64_t until_ms);
/* ... and one whose end was not known when it began has ended. Others may go on. */
void inv_router_trouble_over(struct world *w);
void inv_hand_begin(struct world *w);
void inv_hand_end(struct world *w);
void inv_nat_changed(struct world *w);
void inv_before_step(struct world *w);
void inv_after_step(struct world *w);

/* Checks the state at rest: faults are off and time has passed. */
void inv_at_rest(struct world *w);
/* NULL: there is none. The result may be a rule that was removed a moment ago. */
const struct gateway_lease *inv_lease_without_rule(const struct world *w);
/* The daemon's rule for that mapping, enabled or not. NULL: none. */
const struct book_rule *inv_find_rule(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* True if the core may still rely on a rule that somebody took away. */
bool inv_rule_is_excused(const struct world *w, uint32_t address, bool tcp, uint16_t port);

/* What comes from the tunnel to the rule's port must reach its client. */
void inv_check_reach(struct world *w, const struct book_rule *rule);
bool inv_is_hidden(const struct world *w, const struct book_rule *rule);
/* The gateway's packets do not arrive at the rule's interface ... */
bool inv_is_elsewhere(const struct world *w, uint32_t rule);
/* ... but must. */
void inv_check_way(struct world *w, const struct book_rule *rule);

/* ---- between the files of the invariants ---- */

/* The configuration has a static mapping for it. */
bool inv_is_static(const struct world *w, uint32_t address, bool tcp, uint16_t port);
void inv_check_secrets(struct world *w, const char *where, struct span bytes);
void inv_hand_unnoticed(struct world *w);
void inv_rules_init(struct world *w);
/* One of the router's addresses. */
bool inv_is_routers(const struct world *w, uint32_t address);
void inv_rules_read(struct world *w);
/* A dynamic rule takes what comes from the tunnel, whatever the port: no rule can be put before it. */
bool inv_is_barred(const struct world *w, bool tcp);
/* The router's first address on that interface; false: there is none. */
bool inv_interface_address(const struct world *w, const char *interface, uint32_t *ret_address);
