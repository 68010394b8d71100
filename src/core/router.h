/* The router's side: sessions, the interface towards the gateway, a mirror of the NAT table by snapshot and
 * listen, and the three commands that change it. What a rule is for is not known here.
 *
 * Session 0 is the main one: everything that uses or learns item ids goes over it alone, so that an id can
 * never reach a router that has renumbered its items since. The others only add rules; they are opened when
 * many are wanted at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "core/nat_rule.h"
#include "core/router_rows.h"
#include "core/session.h"

/* A look at the router: from the interface to the snapshot. The first one after connecting makes the router
 * ready; it is repeated every ten minutes and whenever something happened that listen does not explain. */
enum router_stage {
    STAGE_IDLE,
    STAGE_INTERFACE, /* /ip/route/check */
    STAGE_ROUTES,    /* without it: routes and addresses, the longest match */
    STAGE_CONTEXT,   /* addresses and interface lists; listen begins */
    STAGE_SNAPSHOT,
};

enum router_outcome_type {
    ROUTER_RULE,          /* a rule of ours as it stands on the router now */
    ROUTER_RULE_FOREIGN,  /* listen: this id carries no mark of ours (any more) */
    ROUTER_RULE_GONE,     /* listen: this id was removed */
    ROUTER_RULE_DISABLED, /* listen: this id was disabled, the rest of the row is not told */
    ROUTER_RULE_CHANGED,  /* listen: this id was changed, the rest of the row is not told; a look follows */
    ROUTER_SNAPSHOT_DONE, /* what was not seen in it is not there */
    ROUTER_ADDED,
    ROUTER_REMOVED, /* or was gone already */
    ROUTER_SET_DONE,
    ROUTER_FAILED, /* the router refused the command */
    ROUTER_LOST,   /* the connection was lost before the answer: a look will show what happened */
};

struct router_outcome {
    enum router_outcome_type type;
    enum command_kind kind; /* FAILED, LOST: COMMAND_ADD, COMMAND_REMOVE or COMMAND_SET */
    enum ros_error error;   /* FAILED */
    uint16_t owner;         /* as given with the command */
    uint32_t id;
    struct nat_rule rule; /* RULE */
};

struct router_rule {
    enum natpmp_protocol protocol;
    uint16_t router_port;
    uint32_t client;
    uint16_t internal_port;
    uint16_t external_port; /* for the comment; 0: pending */
    uint32_t lease_s;       /* for the comment */
};

struct router {
    const char *user;
    const char *password;
    const char *configured_interface; /* empty: ask the router */
    uint32_t gateway;
    struct prng prng;

    struct session session[ROUTER_SESSIONS_MAX];
    bool ready; /* a look was completed on the present main connection */
    bool listening;
    bool listen_refused;
    bool test_policy_logged;
    uint8_t trouble; /* enum failure: what the operator was told last */
    char version[32];

    char checked_way[INTERFACE_NAME_MAX + 1]; /* what the router says of the configured interface */
    bool other_way_told;

    uint8_t stage;    /* enum router_stage */
    unsigned reading; /* commands of this stage that have not ended */
    bool stage_failed;
    struct route_choice way; /* its interface is the best match, or what the router or the owner said */
    struct nat_context context;
    struct nat_context next_context; /* what STAGE_CONTEXT reads */

    /* Ports that foreign rules take from us, by protocol; `building` grows while a snapshot runs. */
    struct portset taken[2];
    struct portset building[2];
    bool any_taken; /* else the sets are empty and were not even touched: they would be real memory */
    bool any_building;
    bool look_again;         /* what the running snapshot shows may be out of date */
    uint32_t snapshot;       /* number of the running or last one */
    uint32_t ids_valid_from; /* ids seen in earlier ones are void */
    uint64_t look_due_ms;
    uint64_t looked_ms; /* when the last snapshot began */

    /* ids of rules with our mark that belong to no mapping */
    uint32_t orphan[ROUTER_ORPHANS_MAX];
    unsigned orphans;
    unsigned orphan_failures; /* looks one after the other behind which the router refused to remove some */
    uint32_t orphan_snapshot; /* the last of them */
    /* ids that we removed: listen tells about them, too */
    uint32_t removed[ROUTER_ORPHANS_MAX];
    unsigned removed_next;

    /* the event that is being worked on */
    unsigned input_session;
    struct span input;
};

/* The strings are borrowed for the router's life. The memory must be zero. */
void router_init(struct router *r, const char *user, const char *password, const char *instance,
                 const char *configured_interface, uint32_t gateway, uint64_t seed);

/* Takes an EVENT_ROUTER_*; then router_next until it is false, within the same step. */
void router_event(struct router *r, const struct event *event, struct actions *out);
bool router_next(struct router *r, uint64_t now_ms, struct router_outcome *ret_outcome, struct actions *out);
/* Time-outs, connections, snapshots. Afterwards router_next again. */
void router_tick(struct router *r, uint64_t now_ms, struct actions *out);
uint64_t router_deadline_ms(const struct router *r);

/* The table is known: rules may be added, and ports judged. */
bool router_is_ready(const struct router *r);
/* A foreign rule could take this port from us. */
bool router_port_taken(const struct router *r, enum natpmp_protocol protocol, uint16_t port);
/* One of the router's own addresses, or the one that its API is reached by. */
bool router_has_address(const struct router *r, uint32_t address);

/* The three commands; false: no session can take one now, come again. `owner` comes back with the outcome.
 * Ids must have been seen in a snapshot from ids_valid_from on. */
bool router_add(struct router *r, uint16_t owner, const struct router_rule *rule, uint64_t now_ms,
                struct actions *out);
bool router_remove(struct router *r, uint16_t owner, uint32_t id, uint64_t now_ms, struct actions *out);
bool router_set_comment(struct router *r, uint16_t owner, uint32_t id, uint16_t external_port,
                        uint32_t lease_s, uint64_t now_ms, struct actions *out);
/* A rule of ours that belongs to nothing: it will be removed. */
void router_orphan(struct router *r, uint32_t id, uint64_t now_ms);
/* A look soon, at `at_ms` or before: something happened that listen does not explain. */
void router_look(struct router *r, uint64_t at_ms);
/* A foreign rule was changed or removed: the ports that it took are found by a look, not too often. */
void router_foreign_changed(struct router *r, uint64_t now_ms);
/* Work on the router is urgent: a waiting connection attempt is made now. */
void router_hurry(struct router *r, uint64_t now_ms);

/* ---- for router_look.c and router.c ---- */

void router_report(struct router *r, enum failure failure, struct span message, struct actions *out);
/* Unlike with router_look, what the running snapshot shows is good enough. */
void router_look_later(struct router *r, uint64_t at_ms);
void router_begin_look(struct router *r, uint64_t now_ms, struct actions *out);
/* One row or the end of a reading command. True if there is an outcome. */
bool router_look_row(struct router *r, const struct command *c, uint64_t now_ms,
                     struct router_outcome *ret_outcome);
bool router_look_done(struct router *r, const struct command *c, uint64_t now_ms,
                      struct router_outcome *ret_outcome, struct actions *out);
