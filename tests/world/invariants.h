/* What must be true after every step, whatever happens, as seen from outside: by the datagrams at the
 * daemon's port, its log lines, and the tables of the router model and the gateway model.
 *
 *  1. A success is sent only while the rule is on the router (enabled, right target, right interface) and the
 *     lease is at the gateway with that external port, and what comes from the tunnel to the rule's port
 *     reaches the client: no rule before it takes the packet. The rule's interface is the one at which the
 *     gateway's packets arrive.
 *  2. At rest the daemon's rules are the active mappings, and the gateway has no lease without a rule.
 *  3. The daemon never changes, removes or adds a foreign rule.
 *  4. No two rules of the daemon have the same (protocol, dst-port), and the companion belongs to the same
 *     client. No two clients are advertised the same (protocol, external port) or its companion.
 *  5. A rule leads only to an address and port that requested it.
 *  6. Deadlines and bounds: see world.c.
 *  7. The epoch counts seconds. It is reset only for a loss that the core may have learnt of since the last
 *     reset. LOSS_LEARNT_MS is the longest time in which a lease is not renewed.
 *  8. No log line and no datagram contains a password or a foreign comment.
 *  9. Every request of an allowed source gets one answer, at most 12 s after its first datagram (plus some
 *     slack for the machine). Other sources get no answer. A transient error is not sent before 12 s. A
 *     deletion is confirmed only when no rule leads to that port any more.
 * 10. A mapping that is kept alive stays at most for the lifetime that its client requested, and for two
 * hours. With LEASE_HOLD=always it does stay, with its lease, while the gateway has a port for it.
 * 11. Of one kind, at most INV_LOG_LINES log lines come in a minute, whatever happens. Debug lines do not
 * count.
 * 12. What a peer sends that has been sending since before a rule was there reaches the rule's client
 * (world_peers.c).
 *
 * The core learns of faults with a delay. Each rule below says from when on a fault counts against the core:
 *   - A rule that was taken or changed by hand: GRACE_LISTEN_MS after the change (plus the latency of the
 *     connections) while the API connections work, otherwise GRACE_RECONNECT_MS after the last fault of the
 *     connections, which covers detection by keep-alive, the longest back-off and a snapshot. Until then the
 *     core may also take a rule for its own whose mark somebody has removed.
 *   - A way to the gateway, or an address of the tunnel, that moved: 10 s after the router could report it,
 * or 60 s if the router reports nothing, such as for a routing rule, or has refused to listen;
 *     GRACE_RECONNECT_MS after the last fault of the connections if that is later. Until then a rule may be
 * for the interface or the address from before.
 *   - Two rules of one mapping that differ in interface or address alone, or that have foreign rules between
 *     them, because a rule is replaced: for 5 s, and for GRACE_RECONNECT_MS after the last fault of the
 *     connections.
 *   - A foreign rule that was put before the daemon's: FOREIGN_MS, because the daemon reads the table again
 * at most every 15 s.
 *   - A lease that a reboot of the gateway took: from the first datagram of the gateway that reached the core
 *     after the reboot and whose epoch fails the test of section 3.6, by more than late replies of the
 *     gateway can be behind. If the gateway had begun less than two seconds before the reboot, the epoch
 *     passes that test, and only a changed port shows the loss.
 *   - An external port that the gateway changed at a renewal, or a lease that a late retransmission of an
 * older deletion ended: until the first reply that was sent after it has reached the core. It also does not
 * count after a reply with the old port that was sent at most GATEWAY_LATE_MS earlier than that reply,
 * because requests carry no number and replies overtake each other.
 *   - A lease that ended within the last GATEWAY_LATE_MS, because the core counts from the arrival of the
 * reply.
 *   - A lease whose grant the core received more than two seconds after the gateway had sent it: for
 *     LATE_EXCUSE_MS after the arrival, because a gateway whose clock was set back sends the same. The
 *     lifetime that a client is advertised then is too long by as much as the grant was late, at the most.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/event.h"

enum {
    GRACE_LISTEN_MS = 250,
    GRACE_RECONNECT_MS = 90000,
    ANSWER_MS = 12000,
    ANSWER_SLACK_MS = 300,
};

/* Is in the comment of every foreign rule of the tests. */
#define FOREIGN_COMMENT "FOREIGN"

struct gateway_lease;
struct world;

/* One entry for each (address, protocol, internal port) that was ever requested, and one for each unanswered
 * request. */
struct inv_entry {
    uint64_t key; /* 0: free */
    uint64_t kind;
    /* What the clients requested and were advertised. */
    uint64_t asked_ms;
    uint64_t work_since_ms;     /* first datagram of the unanswered request; 0: none */
    uint64_t deleted_ms;        /* last deletion by the client */
    uint64_t promised_until_ms; /* end of the advertised lifetime; 0: none */
    uint64_t advertised_ms;
    uint64_t freed_ms; /* when the deletion was confirmed, if the external port was unchanged until then */
    uint64_t held_until_ms; /* a client that renews late may find its mapping until then (LEASE_HOLD) */
    uint16_t external_port;
    bool doubtful; /* a renewal was refused or a deletion not confirmed: the rule may exist or not */
    unsigned pending_replies;
    /* An unanswered request. */
    uint64_t first_ms;   /* 0: it was answered */
    uint32_t lifetime_s; /* the longest requested; for a mapping: by all pending requests */
    bool overtaken;      /* by a deletion, or for a deletion by a later request: no answer is required */
    unsigned more;       /* requests that came after the overtaken one: each may get an answer of its own */
    uint64_t bytes_hash;
    size_t len;
};

struct inv_table {
    struct inv_entry *at;
    size_t count;
    size_t capacity; /* a power of two */
};

/* A rule with the daemon's mark. */
struct inv_rule {
    uint64_t place; /* a hash of its interface and of the router's address */
    uint32_t id;
    unsigned foreign_before; /* so many foreign rules stand before it */
    bool tcp;
    bool enabled; /* and valid */
    bool sane;    /* every property exists and can be parsed */
    uint16_t router_port;
    uint32_t address;
    uint16_t port;
};

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

/* A lease that the gateway lost, and whether the core must have learnt of that. */
struct inv_lost {
    bool tcp;
    bool by_reboot;
    bool unseen; /* the gateway's epoch was hardly above zero, so it is the same after the reboot */
    uint16_t internal_port; /* 0: a free entry */
    uint16_t external_port;
    uint64_t ends_ms;
    uint64_t lost_ms;
    bool known;
    uint64_t known_by_ms; /* when the datagram was sent that made it known */
};

/* A grant that arrived late. */
struct inv_late {
    bool tcp;
    uint16_t internal_port;
    uint16_t external_port;
    uint64_t arrived_ms; /* 0: none */
    uint64_t late_ms;    /* more than two seconds */
};

enum {
    INV_RULES_MAX = 2048, /* while rules are replaced, there are two of each */
    INV_TAKEN_MAX = 64,
    INV_PAIRS_MAX = 1024,
    INV_LATE_MAX = 256,
    INV_LOST_MAX = 512,
    /* By the test of section 3.6 the core cannot tell a reply that is 2 s old from a new one, because epochs
     * are whole seconds. */
    GATEWAY_LATE_MS = 3000,
    /* A burst of 10, then one in 10 s. */
    INV_LOG_LINES = 16,
    INV_LOG_KINDS = 128,
};

/* Log lines whose text is the same up to the first key. */
struct inv_log_kind {
    uint64_t hash;
    uint64_t lines;
    uint64_t at_ms[INV_LOG_LINES]; /* of the last ones: a ring */
};

struct invariants {
    struct inv_table asks;
    struct inv_table pending;
    size_t pending_live;
    uint64_t pending_scan_ms;
    uint64_t stalled_until_ms;

    struct inv_rule rules[INV_RULES_MAX];
    unsigned rule_count;
    struct inv_rule rules_before[INV_RULES_MAX]; /* a hand edit */
    unsigned rule_count_before;
    struct inv_taken taken[INV_TAKEN_MAX];
    unsigned taken_next;
    struct inv_pair pair[INV_PAIRS_MAX];
    unsigned pair_next;
    uint64_t hand_known_ms; /* of all hand edits */
    uint64_t failed_commands;
    uint64_t
        router_trouble_ms; /* last time at which the API connections did not work; may be in the future */
    bool hand;
    uint64_t foreign_hash;
    unsigned foreign_count;
    unsigned claims; /* see claim.h */
    unsigned
        excused_count; /* rules that were the daemon's until somebody edited the mark away a moment ago */

    bool listen_refused;   /* the router may have refused to report what moves the way, on this connection */
    uint64_t way_known_ms; /* by then the rules must have followed the last move of the way */

    bool adopting; /* the process has not seen the router's rules yet */
    bool gateway_heard;
    bool gateway_doubted;     /* the epoch of the last datagram did not fit */
    uint32_t gateway_epoch_s; /* the last datagram of the gateway that reached the core, and when */
    uint64_t gateway_epoch_ms;
    struct inv_lost lost[INV_LOST_MAX];
    unsigned lost_next;
    struct inv_late late[INV_LATE_MAX];
    unsigned late_next;
    uint64_t gateway_refused_ms; /* when the gateway last refused a mapping */
    bool has_epoch;
    int64_t epoch_origin_ms; /* the earliest origin that the datagrams since the last reset give ... */
    int64_t
        epoch_latest_ms; /* ... and the latest: seconds are rounded down, so they differ, but by no more */
    uint64_t
        last_loss_ms;  /* last time at which an advertised mapping was lost, or the core had to assume so */
    uint64_t reset_ms; /* when the first datagram after the last reset was sent */
    uint64_t losses;   /* of the gateway, as far as they are counted */
    uint64_t quiet_since_ms; /* the faults are off; 0: they are on */

    struct inv_log_kind log_kind[INV_LOG_KINDS];
    unsigned log_kinds;

    uint64_t successes;
    uint64_t errors;
    uint64_t deletions;
    uint64_t announcements;
};

void inv_init(struct world *w);
void inv_free(struct world *w);

/* Calls from the world. */
void inv_started(struct world *w);
/* Another daemon serves from now on. */
void inv_process_changed(struct world *w);
void inv_exited(struct world *w);
void inv_dead(struct world *w);
void inv_request(struct world *w, struct endpoint from, struct span datagram);
void inv_reply(struct world *w, struct endpoint to, struct span datagram);
void inv_announce(struct world *w, struct span datagram);
void inv_to_gateway(struct world *w, struct span datagram);
/* The gateway sent it at said_ms. */
void inv_from_gateway(struct world *w, uint64_t said_ms, struct span datagram);
/* The gateway lost a lease at lost_ms, or granted another external port for it. */
void inv_lease_lost(struct world *w, const struct gateway_lease *lease, uint64_t lost_ms, bool by_reboot);
void inv_log(struct world *w, enum log_level level, struct span text);
/* A notice tells that a mapping forwards. */
void inv_noticed(struct world *w, const struct notice *notice);
void inv_state_lost(struct world *w);
/* Something outside the daemon moves the way to the gateway, or the tunnel's address. `has_sign`: the router
 * reports it. */
void inv_way_moves(struct world *w, bool has_sign);
/* A process begins, without connections. */
void inv_router_begins(struct world *w);
void inv_router_trouble(struct world *w);
void inv_router_trouble_over(struct world *w);
void inv_hand_begin(struct world *w);
void inv_hand_end(struct world *w);
void inv_nat_changed(struct world *w);
void inv_after_step(struct world *w);

/* Checks the state at rest: faults are off and time has passed. */
void inv_at_rest(struct world *w);
/* NULL: there is none. The result may be a rule that was removed a moment ago. */
const struct gateway_lease *inv_lease_without_rule(const struct world *w);
/* The daemon's rule for that mapping, enabled or not. NULL: none. */
const struct inv_rule *inv_find_rule(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* True if the core may still rely on a rule that somebody took away. */
bool inv_rule_is_excused(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* Calls `each` for every request. */
void inv_each_ask(struct world *w, void (*each)(struct world *w, struct inv_entry *ask));
uint32_t inv_ask_address(const struct inv_entry *ask);
uint16_t inv_ask_port(const struct inv_entry *ask);
bool inv_ask_tcp(const struct inv_entry *ask);
struct inv_entry *inv_find_ask(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* Was requested before the story began, so a rule may exist for it. */
void inv_asked_before(struct world *w, uint32_t address, bool tcp, uint16_t port);

/* ---- between the files of the invariants ---- */

/* The gateway had a lease of that port, it has not ended for longer than a reply can be late, and the core
 * cannot know yet that it is gone. */
bool inv_lease_is_excused(const struct world *w, bool tcp, uint16_t internal_port, uint16_t external_port);
/* By how much a grant of that external port was late that arrived a moment ago; 0: there was none. */
uint64_t inv_grant_late_ms(const struct world *w, bool tcp, uint16_t internal_port, uint16_t external_port);
/* The configuration has a static mapping for it. */
bool inv_is_static(const struct world *w, uint32_t address, bool tcp, uint16_t port);
void inv_check_secrets(struct world *w, const char *where, struct span bytes);
void inv_hand_unnoticed(struct world *w);
void inv_rules_init(struct world *w);
void inv_rules_read(struct world *w);
/* What comes from the tunnel to the rule's port must reach its client. */
void inv_check_reach(struct world *w, const struct inv_rule *rule);
void inv_check_way(struct world *w, const struct inv_rule *rule);
/* The router's first address on that interface; false: there is none. */
bool inv_interface_address(const struct world *w, const char *interface, uint32_t *ret_address);
