/* What must hold after every step, whatever happens, seen from outside: datagrams at our port, log lines, and
 * the tables of the router model and the gateway model.
 *
 *  1. A success is sent only while the rule is on the router (enabled, right target, right interface) and the
 * lease is at the gateway with that external port.
 *  2. At rest our rules are the live mappings, and the gateway has no lease without a rule.
 *  3. A foreign rule is never changed or removed, and none that is not ours appears.
 *  4. No two rules of ours share (protocol, dst-port); the companion belongs to the same client; no two
 * promises share (protocol, external port), nor two clients the companion.
 *  5. A rule leads only to an address and port that asked for it.
 *  6. Deadlines and bounds: world.c.
 *  7. The epoch counts seconds and starts anew only for a loss that the core may have learnt of since it did
 * so before: LOSS_LEARNT_MS is the longest time in which a lease is not renewed.
 *  8. No password and no foreign comment in a log line or in a datagram.
 *  Held mappings: what its client did not renew stays at most as long as it asked for, and two hours; with
 * LEASE_HOLD=always it does stay, with its lease, while the gateway has a port for it.
 *  9. Every request of an allowed source gets one answer, at most 12 s after its first copy (and a slack for
 * the machine); nobody else gets any. Transient trouble is not answered before 12 s. A deletion is confirmed
 * only when no rule leads there any more.
 *
 * "At that moment" meets news that is still on its way. The grace is exact: what a fault took is held against
 * the core only from the moment at which it could know.
 *   - A rule taken or changed by hand: from GRACE_LISTEN_MS behind the edit (plus the latency of the
 * connections) while the API connections work; behind GRACE_RECONNECT_MS after the last trouble of the
 * connections otherwise, which covers detection by keep-alive, the longest back-off and a snapshot.
 *     Until then it may also take a rule for its own whose mark somebody has removed.
 *   - A lease that a reboot of the gateway took: from the first datagram of the gateway that reached the core
 * after the reboot and whose epoch fails the test of section 3.6, by more than late replies of the gateway
 * can be behind.
 *   - An external port that the gateway changed at a renewal, or a lease that a late copy of an older
 * deletion ended: until the first reply that was made after it has reached us; and again behind a reply with
 * the old port that was made at most GATEWAY_LATE_MS earlier than that, for requests carry no number and
 * replies overtake each other.
 *   - A lease that ran out within the last GATEWAY_LATE_MS: the core counts from the arrival of the reply.
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

/* Stands in the comment of every foreign rule of the tests. */
#define FOREIGN_COMMENT "FOREIGN"

struct world;

/* One entry for each (address, protocol, internal port) that was ever asked for, and one for each unanswered
 * request. */
struct inv_entry {
    uint64_t key; /* 0: free */
    uint64_t kind;
    /* What the clients asked and were told. */
    uint64_t asked_ms;
    uint64_t work_since_ms;     /* first copy of what is unanswered; 0: nothing is */
    uint64_t deleted_ms;        /* last request to delete */
    uint64_t promised_until_ms; /* 0: nothing is promised */
    uint64_t told_ms;
    uint64_t freed_ms; /* when the deletion was confirmed, if nothing had happened to its external port */
    uint64_t held_until_ms; /* a client that renews late may find it until then (LEASE_HOLD) */
    uint16_t external_port;
    bool doubtful; /* a renewal was refused or a deletion not confirmed: the rule may be there or not */
    unsigned waiters;
    /* An unanswered request. */
    uint64_t first_ms;   /* 0: it was answered */
    uint32_t lifetime_s; /* the longest asked; of a mapping: by all that wait for it */
    bool overtaken;      /* by a deletion or, a deletion, by a request behind it: no answer is due */
    unsigned more;       /* requests that came behind the overtaken one: each may have an answer of its own */
    uint64_t bytes_hash;
    size_t len;
};

struct inv_table {
    struct inv_entry *at;
    size_t count;
    size_t capacity; /* a power of two */
};

/* A rule with our mark. */
struct inv_rule {
    uint32_t id;
    bool tcp;
    bool enabled; /* and valid */
    bool sane;    /* every property is there and can be read */
    uint16_t router_port;
    uint32_t address;
    uint16_t port;
};

/* A rule that somebody took away or changed, and from when on the core must have noticed. */
struct inv_taken {
    uint32_t id;
    uint32_t address;
    bool tcp;
    uint16_t port;
    uint64_t known_ms;
};

enum {
    INV_RULES_MAX = 1024,
    INV_TAKEN_MAX = 64,
};

struct invariants {
    struct inv_table asks;
    struct inv_table pending;
    size_t pending_live;
    uint64_t pending_scan_ms;
    uint64_t stalled_until_ms;
    bool router_known; /* a connection was open once: the router's address is known */

    struct inv_rule rules[INV_RULES_MAX];
    unsigned rule_count;
    struct inv_rule rules_before[INV_RULES_MAX]; /* a hand edit */
    unsigned rule_count_before;
    struct inv_taken taken[INV_TAKEN_MAX];
    unsigned taken_next;
    uint64_t hand_known_ms; /* of all hand edits */
    uint64_t failed_commands;
    uint64_t
        router_trouble_ms; /* last time at which the API connections did not work; may be in the future */
    bool hand;
    uint64_t foreign_hash;
    unsigned foreign_count;
    unsigned excused_count; /* of rules that were ours until somebody took our mark off, a moment ago */

    bool adopting; /* the process has not seen the router's rules yet */
    bool gateway_heard;
    bool gateway_doubted;     /* the last one did not fit */
    uint32_t gateway_epoch_s; /* of the last datagram of the gateway that reached the core, and when */
    uint64_t gateway_epoch_ms;
    uint64_t gateway_refused_ms; /* a mapping, last time */
    bool has_epoch;
    int64_t epoch_origin_ms; /* the earliest that the datagrams since the last new epoch name ... */
    int64_t
        epoch_latest_ms;   /* ... and the latest: seconds are cut off, so that they differ, but by no more */
    uint64_t last_loss_ms; /* last time at which a promise was broken, or the core had to think so */
    uint64_t reset_ms;     /* when the first datagram with the last new epoch was sent */
    uint64_t losses;       /* of the gateway, as far as they are taken into account */
    uint64_t quiet_since_ms; /* the faults are off; 0: they are on */

    uint64_t successes;
    uint64_t errors;
    uint64_t deletions;
    uint64_t announcements;
};

void inv_init(struct world *w);
void inv_free(struct world *w);

/* Hooks of the world. */
void inv_started(struct world *w);
void inv_exited(struct world *w);
void inv_dead(struct world *w);
void inv_request(struct world *w, struct endpoint from, struct span datagram);
void inv_reply(struct world *w, struct endpoint to, struct span datagram);
void inv_announce(struct world *w, struct span datagram);
void inv_to_gateway(struct world *w, struct span datagram);
/* The gateway made it at said_ms. */
void inv_from_gateway(struct world *w, uint64_t said_ms, struct span datagram);
void inv_log(struct world *w, struct span text);
void inv_state_lost(struct world *w);
void inv_router_trouble(struct world *w);
void inv_router_trouble_over(struct world *w);
void inv_hand_begin(struct world *w);
void inv_hand_end(struct world *w);
void inv_nat_changed(struct world *w);
void inv_after_step(struct world *w);

/* Faults are off and time has passed. */
void inv_at_rest(struct world *w);
/* NULL: there is none. One that has just ended may still be on its way out. */
const struct gateway_lease *inv_lease_without_rule(const struct world *w);
/* Mappings that were promised and have not run out. */
unsigned inv_promises(const struct world *w);
/* The rule of ours that leads there, enabled or not; NULL: none. */
const struct inv_rule *inv_find_rule(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* May the core still believe in a rule that somebody took? */
bool inv_rule_is_excused(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* Calls `each` for every ask. */
void inv_each_ask(struct world *w, void (*each)(struct world *w, struct inv_entry *ask));
uint32_t inv_ask_address(const struct inv_entry *ask);
uint16_t inv_ask_port(const struct inv_entry *ask);
bool inv_ask_tcp(const struct inv_entry *ask);
struct inv_entry *inv_find_ask(const struct world *w, uint32_t address, bool tcp, uint16_t port);
/* That was asked for before the story began: a rule may lead there. */
void inv_asked_before(struct world *w, uint32_t address, bool tcp, uint16_t port);

/* ---- between the files of the invariants ---- */

void inv_check_secrets(struct world *w, const char *where, struct span bytes);
void inv_hand_unnoticed(struct world *w);
void inv_rules_init(struct world *w);
void inv_rules_read(struct world *w);
