/* The router's side: API sessions, the interface towards the gateway, a mirror of the NAT table from
 * snapshots and listen, and the three commands that change a rule. This module does not know what a rule is
 * for.
 *
 * Session 0 is the main one. Only this session learns and uses item ids: RouterOS may number its items anew
 * when it reboots, and a reboot ends the connection and thereby the validity of its ids. The other sessions
 * only add rules, and are opened when many rules are needed at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "core/address_list.h"
#include "core/claim.h"
#include "core/taken_ports.h"
#include "core/nat_rule.h"
#include "core/router_way.h"
#include "core/session.h"

/* The stages of a resync, a full read of the router's tables. The first resync of a connection makes the
 * router ready. A resync follows every ten minutes, and after each event that listen does not explain. A look
 * at the way to the gateway (router_way.h) has the same stages, but ends before the snapshot if nothing has
 * changed. */
enum router_stage {
    STAGE_IDLE,
    STAGE_FLOW,    /* our connection to the gateway */
    STAGE_OWNER,   /* whose address its answers come to */
    STAGE_CHECK,   /* if that decides nothing: /ip/route/check, and which interfaces are tunnels */
    STAGE_ROUTES,  /* if that decides nothing: the longest match of routes and addresses */
    STAGE_CONTEXT, /* addresses, interface lists, and the interface's type if it matters; listen starts */
    STAGE_ADDRESS_LISTS, /* if rules name some */
    STAGE_SNAPSHOT,
};

enum router_outcome_type {
    ROUTER_RULE,          /* a rule of ours, as it is on the router now */
    ROUTER_COUNTED,       /* the counters of the rule with this id */
    ROUTER_RULE_FOREIGN,  /* listen: the rule with this id does not carry our mark, or lost it */
    ROUTER_RULE_GONE,     /* listen: the rule with this id was removed */
    ROUTER_RULE_DISABLED, /* listen: the rule with this id was disabled; the row has no more attributes */
    ROUTER_RULE_CHANGED, /* listen: the rule with this id was changed; the row is partial, a resync follows */
    ROUTER_SNAPSHOT_DONE, /* rules that it did not show do not exist */
    ROUTER_WAY_FOUND,     /* the way to the gateway is known again: rules can be added */
    ROUTER_WAY_MOVED,     /* it has another interface: rules are to follow */
    ROUTER_ADDED,
    ROUTER_REMOVED, /* or did not exist any more */
    ROUTER_SET_DONE,
    ROUTER_FAILED,   /* the router refused the command */
    ROUTER_LOST,     /* the connection ended before the answer: a resync will show the result */
    ROUTER_STAND_BY, /* another daemon with our INSTANCE serves */
    ROUTER_SERVE,    /* it has gone, and the router is read from the beginning */
};

/* Where a rule of ours stands in a snapshot. */
enum rule_place {
    PLACE_GOOD,
    PLACE_BEHIND,  /* a rule before it, which ours can be put before, may take its packets */
    PLACE_BLOCKED, /* the same, but ours cannot be put before it: it is dynamic */
};

struct router_outcome {
    enum router_outcome_type type;
    enum command_kind kind; /* FAILED, LOST: COMMAND_ADD, COMMAND_REMOVE or COMMAND_SET */
    enum ros_error error;   /* FAILED */
    uint16_t owner;         /* as passed with the command */
    uint32_t id;
    struct nat_rule rule;         /* RULE */
    struct nat_counters counters; /* RULE, COUNTED */
    enum rule_place place;        /* RULE */
    bool port_named;              /* RULE, not in a good place: the other rule names its port */
    bool doubtful; /* RULE, not in a good place: it cannot be known whether the other takes them */
};

/* A router that is ready to work answers each command sooner. */
enum { UNANSWERED_MS = 10 * 1000 };

struct router_rule {
    enum natpmp_protocol protocol;
    uint16_t router_port;
    uint32_t client;
    uint16_t internal_port;
    uint16_t external_port; /* for the comment; 0: pending */
    uint32_t lease_s;       /* for the comment */
};

enum twin_turn {
    TWIN_STAYS,
    TWIN_STANDS_BY,
    TWIN_SERVES,
};

/* What is known about another daemon with our INSTANCE (router_twin.c). Only that file writes it. */
struct twin {
    struct claim own;
    uint64_t started_ms; /* when this process started */
    uint32_t older_s;    /* it counts as older by so much */
    uint32_t local;      /* our address of the main connection */
    bool standing_by;
    bool trying;  /* to serve again: nobody may contradict our claim */
    uint8_t turn; /* enum twin_turn: an outcome that router_next has not returned yet */

    struct claim other; /* of the daemon for which we stand by */
    uint32_t other_id;  /* of the rule that is its claim; 0: it is gone, as far as is known */
    uint32_t other_address;
    uint64_t missing_ms; /* since when its session is missing; 0: it is not */
    bool list_tells;     /* the list of sessions shows whether it is there, as far as is known */
    bool awaits_claim;   /* our connection is new: the other one is expected to make a claim */
    uint8_t tries;       /* to serve, although the list shows the other one */

    struct claim seen; /* to be compared with ours, whose id is not known yet */
    uint32_t seen_id;  /* of the last claim of another run */

    /* the reading of /user/active in progress, or the last one */
    bool reading;
    bool read;      /* once on this connection */
    uint32_t guess; /* the session that we took for ours then, even if it turned out that it may not be */
    bool sessions_known;  /* the router showed ours at least */
    unsigned rows;        /* API sessions */
    unsigned rows_here;   /* of these from our address */
    uint32_t newest;      /* of those of our user; 0: there is none */
    uint32_t newest_here; /* of those of our user, from our address */
    bool other_is_active;
    unsigned others; /* that are not ours */

    uint32_t dead_id; /* a claim to be removed, of a run that has died; 0: none */

    bool claiming;       /* the addition of our claim is in flight */
    uint32_t claim_id;   /* of our claim, until it is removed */
    uint32_t last_id;    /* the same, but it remains until the connection ends */
    uint64_t claimed_ms; /* when we made a claim; 0: never */
    uint8_t signs;       /* claims in a row because of rules that somebody else made */
    uint64_t settled_ms; /* no rule may be changed before */
    uint64_t settle_due_ms;
    uint64_t read_due_ms;
    uint64_t claim_due_ms;
    uint64_t unclaim_due_ms;
    uint64_t serve_due_ms;
};

/* The script on the router that is run when something has changed (router_script.c). Only that file writes
 * it. */
struct change_script {
    const char *name; /* borrowed; NULL: there is none */
    bool wanted;      /* something changed since the last run began */
    bool running;
    uint8_t failed;  /* enum ros_error of the last run that ended, plus 1; 0: it did not fail */
    bool cut_off;    /* the connection ended during the last run */
    uint64_t due_ms; /* while wanted: no run before */
    uint64_t ran_ms; /* when the last run began; 0: none has */
};

/* A rule that is new, and where what comes to its port must go. */
struct entry_target {
    uint16_t owner; /* as in router_add */
    uint16_t router_port;
    uint16_t internal_port;
    uint8_t protocol; /* enum natpmp_protocol */
    uint32_t client;
};

/* Entries of the connection table that are older than a rule of ours (router_entries.c). Only that file
 * writes it. */
struct old_entries {
    unsigned targets; /* whose entries are being removed; 0: nothing is in work */
    struct entry_target target[ENTRY_QUERIES_MAX];
    bool printing;
    bool refused;       /* on this connection */
    bool left;          /* the targets must be asked for again */
    uint16_t more_port; /* for which there are more than there was room for; 0: there are not */
    unsigned rounds;
    unsigned removing; /* commands in flight */
    unsigned ids;
    uint32_t id[ENTRY_REMOVALS_MAX]; /* to be removed */
};

/* The reading of our rules' counters (router_counters.c). Only that file writes it. */
struct counters {
    bool reading;      /* a print of them is in flight, and its rows count */
    bool plain;        /* the router does not know the argument `stats` */
    bool in_snapshot;  /* the running or last snapshot shows them */
    uint32_t number;   /* of the last print; rows of earlier ones do not count */
    uint64_t begun_ms; /* when the last reading began, the one in flight included; 0: there was none */
    uint64_t read_ms;  /* when the last one that was complete began */
};

struct router {
    struct prng prng;

    struct session session[ROUTER_SESSIONS_MAX];
    bool ready; /* a resync was completed on the present main connection */
    bool listening;
    bool listen_refused;
    uint8_t trouble;         /* enum failure: what was logged last */
    uint64_t ready_until_ms; /* while it is not ready; 0: it never was */
    bool refused_add;        /* and no rule was made since then */
    char version[32];

    uint8_t stage;    /* enum router_stage */
    unsigned reading; /* commands of this stage in flight */
    bool stage_failed;
    bool snapshot_wanted;
    struct router_way way;
    struct nat_context context;
    struct nat_context next_context; /* STAGE_CONTEXT collects it */
    uint64_t facts;                  /* a hash of the rows that made the context ... */
    uint64_t next_facts;             /* ... and of those that make the next one */
    uint64_t moved_ms;               /* when the way moved last; 0: never */

    /* Ports on which the router itself listens, and what a running resync has read. */
    uint16_t listens_on[ROUTER_LISTENS_MAX];
    uint16_t next_listens_on[ROUTER_LISTENS_MAX];
    unsigned listens;
    unsigned next_listens;

    /* By protocol: the ports that foreign rules take, from the last snapshot, and what a running one has
     * found so far. */
    struct taken_set taken[2];
    struct taken_ports taken_ports[2];
    uint32_t bar[2]; /* by protocol: the rule of the last snapshot that takes all ports; 0: none */
    bool any_taken;  /* false: the sets are empty and untouched, so that their pages stay unused */
    /* The first static rule of the chain dstnat that is not ours: ours are added before it. 0: there is none.
     */
    uint32_t place;
    uint32_t next_place;    /* what a running snapshot has found */
    uint32_t refused_place; /* the router did not accept it, so ours are added at the end */
    bool place_lost;        /* it is gone: nothing is added until a snapshot has shown another one */
    unsigned others;        /* rules of other instances in the running or last snapshot */
    char other_instance[INSTANCE_NAME_MAX + 1]; /* of the first of them */
    bool others_reported;
    bool limit_reported; /* the log has said that the table is larger than what is followed */
    struct named_lists lists;
    struct address_lists lists_state; /* what `lists` covers, for taken_ports */
    bool type_matters;                /* a rule is for a kind of interfaces, such as all-ppp */
    bool resync_again;                /* the running snapshot may be out of date */
    uint32_t snapshot;                /* number of the running or last one */
    uint32_t ids_valid_from;          /* ids of earlier ones are invalid */
    uint64_t resync_due_ms;
    uint64_t resynced_ms; /* when the last snapshot began */

    /* ids of orphans: rules with our mark that belong to no mapping */
    uint32_t orphan[ROUTER_ORPHANS_MAX];
    unsigned orphans;
    bool unread;              /* there may be more of them: the next snapshot shows that */
    unsigned orphan_failures; /* consecutive resyncs after which the router refused to remove some */
    uint32_t orphan_snapshot; /* the number of the last of them */
    /* ids that we removed: listen reports them, too */
    uint32_t removed[ROUTER_ORPHANS_MAX];
    unsigned removed_next;

    struct twin twin;
    struct change_script script;
    struct old_entries entries;
    struct counters counters;

    /* the event in progress */
    unsigned input_session;
    struct span input;
};

/* The strings must live as long as the router. The memory must be zero. */
void router_init(struct router *r, const char *user, const char *password, const char *instance,
                 const char *configured_interface, uint32_t gateway, uint64_t seed);

/* When the process started. */
void router_start(struct router *r, uint64_t now_ms);
/* Another daemon serves: the answers to our commands do not matter any more. */
void router_disown(struct router *r);
/* Begins as after a new connection: the rules that the next snapshot shows are of an earlier run. */
void router_begin_anew(struct router *r, uint64_t now_ms);
/* The daemon for which this one stands by; 0: not known. */
bool router_stands_by(const struct router *r, uint32_t *ret_address);

/* Takes an EVENT_ROUTER_*. Then call router_next until it returns false, within the same step. */
void router_event(struct router *r, const struct event *event, const struct step *step);
bool router_next(struct router *r, struct router_outcome *ret_outcome, const struct step *step);
/* Handles the time-outs, connections and resyncs that are due. Call router_next again afterwards. */
void router_tick(struct router *r, const struct step *step);
uint64_t router_deadline_ms(const struct router *r);

/* The NAT table is known: rules can be added, and router_port_taken is reliable. */
bool router_is_ready(const struct router *r);
/* It has not answered for a minute: whether the rules are still there is not known. */
bool router_is_away(const struct router *r, uint64_t now_ms);
/* A foreign rule may take this port from us. */
bool router_port_taken(const struct router *r, enum natpmp_protocol protocol, uint16_t port);
/* It cannot be known whether a foreign rule takes this port from us. */
bool router_port_doubted(const struct router *r, enum natpmp_protocol protocol, uint16_t port);
/* The router itself listens on this port, of whatever protocol. */
bool router_listens_on(const struct router *r, uint16_t port);
/* One of the router's addresses, or the address of its API. */
bool router_has_address(const struct router *r, uint32_t address);

/* The address of the API; 0: no connection was made yet. */
uint32_t router_address(const struct router *r);
/* The first or last address of one of the router's networks: of a broadcast, or of nobody. */
bool router_is_broadcast(const struct router *r, uint32_t address);

/* The three commands. A rule is for the interface of the context. False: no session can take one now; try
 * again later. The outcome carries `owner`. Ids must be from the snapshot ids_valid_from or a later one. */
bool router_add(struct router *r, uint16_t owner, const struct router_rule *rule, const struct step *step);
bool router_remove(struct router *r, uint16_t owner, uint32_t id, const struct step *step);
bool router_set_comment(struct router *r, uint16_t owner, uint32_t id, uint16_t external_port,
                        uint32_t lease_s, const struct step *step);
/* A rule of ours that belongs to no mapping: it will be removed. */
void router_orphan(struct router *r, uint32_t id, uint64_t now_ms);
/* A rule with our mark that this process did not make: of an earlier run, or of another daemon. */
void router_suspect(struct router *r, uint64_t now_ms);
/* The daemon stops: our claim is removed at once. True: it is still there. */
bool router_finish_claim(struct router *r, uint64_t now_ms);
/* The rule is somebody else's now: it will not be removed. */
void router_spare(struct router *r, uint32_t id);
/* Requests a resync at `at_ms` or earlier, because something happened that listen does not explain. */
void router_resync(struct router *r, uint64_t at_ms);
/* A foreign rule was changed or removed: a resync finds out which ports it took. At most every 15 s. */
void router_foreign_changed(struct router *r, uint64_t now_ms);
/* The router has no rules with our mark but those of mappings. */
bool router_is_tidy(const struct router *r);
/* A change on the router is urgent: the next connection attempt does not wait for the back-off. */
void router_hurry(struct router *r, uint64_t now_ms);
/* The script to run when something has changed; empty: none. The string must live as long as the router. */
void router_set_script(struct router *r, const char *name);
/* A mapping or the external address has changed: the script runs, at most once in five seconds. */
void router_want_script(struct router *r, uint64_t now_ms);
/* Reads the counters of our rules, if that was not done in the last ten seconds and is possible now. */
void router_count(struct router *r, const struct step *step);
/* The daemon stops: the script runs at once if something changed. True: it is to run, or runs. */
bool router_finish_script(struct router *r, uint64_t now_ms);

/* For how many rules the entries can be asked for now. */
unsigned router_entries_room(const struct router *r);
/* Removes the entries for the ports of these rules that lead elsewhere. */
void router_entries_read(struct router *r, const struct entry_target *targets, unsigned count,
                         const struct step *step);
/* Returns the rules for which that did not succeed, because the connection ended or the router refused. */
unsigned router_entries_left(struct router *r, struct entry_target targets[ENTRY_QUERIES_MAX]);

/* ---- between the files of the router ---- */

/* The session that reads and listens. The others carry only changes. */
static inline struct session *main_session(struct router *r)
{
    return &r->session[0];
}

/* Begins a command that belongs to the stage, with its attribute .proplist. */
struct writer router_begin_read(struct router *r, enum command_kind kind, const char *path,
                                const char *proplist, const struct step *step);
void router_read(struct router *r, enum command_kind kind, const char *path, const char *proplist,
                 const struct step *step);
void router_read_addresses(struct router *r, const struct step *step);
/* The look at the way has ended with that interface: reads what concerns it. */
void router_read_context(struct router *r, const char *interface, const struct step *step);

/* The rule before which ours are added is gone: a resync finds another one. */
void router_place_lost(struct router *r, uint64_t now_ms);
/* The router's table shows a rule of ours whose addition failed. */
void router_rule_is_made(struct router *r, struct actions *out);
void router_report(struct router *r, enum failure failure, struct span message, struct actions *out);
/* Requests a resync like router_resync, but the running one is good enough. */
void router_resync_later(struct router *r, uint64_t at_ms);
/* `looks`: it begins with a look at the way to the gateway. */
void router_begin_resync(struct router *r, bool looks, const struct step *step);
/* One row, or the end, of a command that belongs to the resync. True: *ret_outcome is set. */
bool router_resync_row(struct router *r, const struct command *c, uint64_t now_ms,
                       struct router_outcome *ret_outcome);
bool router_resync_done(struct router *r, const struct command *c, struct router_outcome *ret_outcome,
                        const struct step *step);
/* A command of the stage has ended; after the last one the next stage begins. True: *ret_outcome is set. */
bool router_stage_answered(struct router *r, struct router_outcome *ret_outcome, const struct step *step);

/* One row, or the end, of any command that is no change. True: *ret_outcome is set. */
bool router_answer_row(struct router *r, const struct command *c, uint64_t now_ms,
                       struct router_outcome *ret_outcome);
bool router_answer_done(struct router *r, const struct command *c, struct router_outcome *ret_outcome,
                        const struct step *step);
/* The router does not answer a command that the daemon can do without. */
void router_answer_given_up(struct router *r, const struct command *c, const struct step *step);

void router_entries_row(struct router *r, const struct ros_sentence *row);
void router_entries_done(struct router *r, const struct command *c, const struct step *step);
/* The main connection ended. */
void router_entries_down(struct router *r);
/* True if router_entries_tick can go on with its work. */
bool router_entries_wait(const struct router *r);
void router_entries_tick(struct router *r, const struct step *step);

void router_script_done(struct router *r, const struct command *c, const struct step *step);
void router_script_given_up(struct router *r, const struct step *step);
/* The connection on which the script was run has ended. */
void router_script_lost(struct router *r, uint64_t now_ms);
void router_script_tick(struct router *r, const struct step *step);
uint64_t router_script_due_ms(const struct router *r);

/* A row of COMMAND_COUNTERS. True: *ret_outcome is set. */
bool router_counters_row(const struct router *r, const struct command *c, const struct ros_sentence *row,
                         struct router_outcome *ret_outcome);
void router_counters_done(struct router *r, const struct command *c, const struct step *step);
/* The router does not answer, or the connection has ended. */
void router_counters_lost(struct router *r);
/* A snapshot shows the counters as well, on most routers. */
void router_counters_snapshot_begins(struct router *r);
void router_counters_snapshot_row(struct router *r, const struct ros_sentence *row,
                                  struct router_outcome *outcome);
void router_counters_snapshot_done(struct router *r);

/* listen reports the removal of this rule, too: it was ours. */
void router_note_removed(struct router *r, uint32_t id);
/* The rule still exists: if somebody else removes it, listen must report that. */
void router_forget_removal(struct router *r, uint32_t id);
bool router_has_removed(const struct router *r, uint32_t id);
void router_twin_init(struct twin *t, uint64_t seed);
void router_twin_connected(struct router *r, const struct step *step);
void router_twin_row(struct router *r, const struct command *c, uint64_t now_ms);
void router_twin_done(struct router *r, const struct command *c, uint64_t now_ms);
/* True: the row of the NAT table is a claim of this instance. is_new: listen reports it. */
bool router_twin_claim(struct router *r, const struct ros_sentence *row, uint32_t id, bool is_new,
                       uint64_t now_ms);
bool router_twin_may_write(const struct router *r, uint64_t now_ms);
void router_twin_tick(struct router *r, const struct step *step);
uint64_t router_twin_due_ms(const struct router *r);
