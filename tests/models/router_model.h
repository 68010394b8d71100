/* A MikroTik router as seen through its API, in virtual time: sessions, login, the NAT table with listen,
 * routes, interfaces, and every fault that a home router shows. The simulation calls it directly, and routerd
 * adds sockets and nftables.
 *
 * Time is an argument and never goes back. Functions without a time act at the time of the last call that had
 * one. What they cause (listen events, closed sessions) is delivered by the next router_model_run, and
 * router_model_next_ms says so. The model calls callbacks only from router_model_connect, _input and _run. A
 * callback may read the model but not change it. Memory is bounded, whatever a peer sends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum {
    ROUTER_MODEL_USERS_MAX = 8,
    ROUTER_MODEL_TEXT_MAX = 64,
    ROUTER_MODEL_SLOW_MAX = 8,
};

#define ROUTER_MODEL_HANGS UINT32_MAX

/* The policies of a user's group, as in /user/group. `write` does not include `read`. */
enum router_model_policy {
    ROUTER_MODEL_READ = 1,  /* print, listen */
    ROUTER_MODEL_WRITE = 2, /* add, set, remove, move ... */
    ROUTER_MODEL_TEST = 4,  /* /ip/route/check */
    ROUTER_MODEL_API = 8,   /* without it the login fails like one with a wrong password */
    ROUTER_MODEL_MORE = 16, /* ftp, policy, sensitive and the others, which only scripts need */
    ROUTER_MODEL_ALL = 31,
};

/* What /user/active/print shows to a user. */
enum router_model_active {
    ROUTER_MODEL_ACTIVE_ALL,
    ROUTER_MODEL_ACTIVE_OWN,  /* the session that asks, and no other */
    ROUTER_MODEL_ACTIVE_NONE, /* no row, not even of the session that asks */
    ROUTER_MODEL_ACTIVE_REFUSED,
};

struct router_model_user {
    char name[ROUTER_MODEL_TEXT_MAX]; /* empty: no user */
    char password[ROUTER_MODEL_TEXT_MAX];
    unsigned policies;
    enum router_model_active active;
};

/* What a peer sees of /ip/service. */
enum router_model_access {
    ROUTER_MODEL_OPEN,
    ROUTER_MODEL_REFUSED,      /* service disabled: connection refused */
    ROUTER_MODEL_SILENT,       /* not in the service's address list: accepted, but never answered */
    ROUTER_MODEL_ACCEPT_CLOSE, /* not in the list, the other way in which routers show it: accepted and closed
                                */
};

enum router_model_login {
    ROUTER_MODEL_LOGIN_CHALLENGE, /* before 6.43 */
    ROUTER_MODEL_LOGIN_BOTH,      /* 6.43 and 6.44 */
    ROUTER_MODEL_LOGIN_PLAIN, /* 6.45.1 and later: the router sends a challenge and refuses the answer to it
                               */
};

enum router_model_no_route {
    ROUTER_MODEL_NO_ROUTE_STATUS, /* a row with a status other than ok and no interface */
    ROUTER_MODEL_NO_ROUTE_TRAP,
    ROUTER_MODEL_NO_ROUTE_EMPTY, /* no row */
};

/* The nexthop of /ip/route/check for a route whose gateway is an interface. */
enum router_model_nexthop {
    ROUTER_MODEL_NEXTHOP_ABSENT,
    ROUTER_MODEL_NEXTHOP_DESTINATION,
    ROUTER_MODEL_NEXTHOP_ZERO,
};

/* The listen event of a session's own change comes before the command's !done or after it. */
enum router_model_own_event {
    ROUTER_MODEL_EVENT_BEFORE,
    ROUTER_MODEL_EVENT_AFTER,
    ROUTER_MODEL_EVENT_EITHER, /* random for each change */
};

/* The properties `packets` and `bytes` of a NAT rule. */
enum router_model_stats {
    ROUTER_MODEL_STATS_SHOWN,   /* in each row, unless .proplist leaves them out */
    ROUTER_MODEL_STATS_ASKED,   /* only if the print has the argument `stats` */
    ROUTER_MODEL_STATS_REFUSED, /* as SHOWN, but the argument is unknown */
    ROUTER_MODEL_STATS_ABSENT,
};

enum router_model_idle {
    ROUTER_MODEL_IDLE_KEEP,
    ROUTER_MODEL_IDLE_CLOSE,  /* an orderly close after idle_ms without input */
    ROUTER_MODEL_IDLE_FORGET, /* a firewall on the way has forgotten the connection: input is lost, and no
                                 answer comes */
};

struct router_model_options {
    char version[32]; /* as /system/resource prints it, for instance "7.18.2 (stable)" */
    struct router_model_user users[ROUTER_MODEL_USERS_MAX];

    /* Set from the version by router_model_defaults; may be changed afterwards. */
    bool empty_reply;       /* !empty before the !done of a print without rows (7.18 and later) */
    bool route_check;       /* /ip/route/check exists (6.x, 7.18 and later) */
    bool nat_pmp;           /* /ip/nat-pmp exists (7.13 and later) */
    bool service_rows;      /* /ip/service lists the live connections, too (7.19 and later) */
    bool error_numbers;     /* "no such item (4)" rather than "no such item" */
    bool dead_is_yes;       /* .dead=yes rather than .dead=true */
    bool unknown_is_named;  /* "unknown parameter foo" rather than "unknown parameter" */
    bool argument_is_named; /* "... any value of in-interface" rather than "... of interface" */
    enum router_model_login login;
    char api_from[ROUTER_MODEL_TEXT_MAX]; /* the addresses for which the service api is; the model does not
                                              enforce it */
    unsigned max_sessions; /* 0: no limit (before 7.16); a connection beyond it is accepted and closed */

    bool tag_last;        /* .tag at the end of a sentence instead of after the reply word */
    bool add_is_nameless; /* the answer to an addition has no id */
    bool close_after_failed_login;
    enum router_model_access access;

    uint32_t latency_min_ms; /* from the arrival of a command to its execution and answer */
    uint32_t latency_max_ms;
    bool out_of_order;          /* commands of one session may overtake each other */
    bool orphan_commands;       /* commands received before a disconnect are still executed */
    uint32_t chunk_bytes;       /* 0: output in one piece; else at most so many bytes at a time ... */
    uint32_t chunk_interval_ms; /* ... and so long between the pieces */
    uint32_t rows_per_ms;       /* 0: a print is instant; else the table may change while it runs */

    uint32_t listen_delay_min_ms;
    uint32_t listen_delay_max_ms;
    enum router_model_own_event own_event; /* matters while the listen delay is 0 */
    bool listen_partial_rows;              /* after a set, only .id and the changed properties */
    uint32_t
        counter_interval_ms; /* not 0: packets count on a rule at this interval, and listeners get an event */

    enum router_model_stats stats;

    bool untracked;    /* the connection table stays empty */
    bool ports_joined; /* of a connection: address:port in one word, as older versions print it */
    bool untranslated; /* no src-nat for what leaves the router */
    bool flows_stick;  /* a connection keeps its src-nat although the packets go another way now */

    enum router_model_no_route no_route;
    enum router_model_nexthop nexthop;

    bool uptime_stands; /* /system/resource shows the same uptime always */

    uint32_t first_id;       /* of the NAT table; ids grow */
    bool renumber_on_reboot; /* and every id belongs to another rule */
    uint32_t nat_rules_max;

    enum router_model_idle idle;
    uint32_t idle_ms;
};

/* A router of that version ("6.49.10", "7.12", "7.16.2", "7.18", "7.24" ...; empty: 7.18), with one user
 * admin without a password and with all policies, without delays and without faults. */
struct router_model_options router_model_defaults(const char *version);

struct router_model_flow {
    uint32_t source;
    uint32_t destination;
    uint16_t source_port;
    uint16_t destination_port;
    bool tcp;
};

struct router_model_callbacks {
    void *ctx;
    /* Bytes to the peer of a session, in order. */
    void (*send)(void *ctx, int session, struct span bytes);
    /* The session has ended from the router's side: with FIN, or with RST. Not called for
     * router_model_disconnect. */
    void (*closed)(void *ctx, int session, bool reset);
    /* The NAT table has changed, whatever made the change. May be NULL. Packet counters do not count as a
     * change. */
    void (*nat_changed)(void *ctx);
    /* A session has removed that connection from the table. May be NULL. */
    void (*connection_removed)(void *ctx, const struct router_model_flow *flow);
};

struct router_model;

struct router_model *router_model_new(const struct router_model_options *options,
                                      const struct router_model_callbacks *callbacks, uint64_t seed);
void router_model_free(struct router_model *m);
/* The present options. A change has an effect from now on (latency, chunks, users ... but not first_id). */
struct router_model_options *router_model_options(struct router_model *m);

/* ---- connections ---- */

/* Returns a session, which is never 0 and never used twice, or -1: refused. A connection that the router
 * accepts only to close it is a session, too, and `closed` follows. */
int router_model_connect(struct router_model *m, uint64_t now_ms);
/* Where the connection comes from, as /user/active shows it. */
void router_model_peer(struct router_model *m, int session, const char *address);
void router_model_input(struct router_model *m, int session, uint64_t now_ms, struct span bytes);
/* The peer has closed. */
void router_model_disconnect(struct router_model *m, int session);
/* When router_model_run has something to do; UINT64_MAX: never. */
uint64_t router_model_next_ms(const struct router_model *m);
void router_model_run(struct router_model *m, uint64_t now_ms);
/* True if a connection would be refused now. */
bool router_model_refuses(const struct router_model *m);
/* True if input waits because too many commands of the session are running. Real sockets stop reading
 * then. */
size_t router_model_waiting_input(const struct router_model *m, int session);
unsigned router_model_sessions(const struct router_model *m);
/* True if the session has not ended on the router's side, in whatever way. */
bool router_model_session_lives(const struct router_model *m, int session);

/* ---- faults ---- */

/* The router is down for down_ms: sessions end, connections are refused, and rules stay, except dynamic ones,
 * but what they have counted begins again at 0.
 * Without `reset` the sessions end without a packet: their input is lost while the router is down and is
 * answered with RST afterwards. */
void router_model_reboot(struct router_model *m, uint32_t down_ms, bool reset);

enum router_model_drop {
    ROUTER_MODEL_DROP_BEFORE, /* the command is not executed */
    ROUTER_MODEL_DROP_AFTER,  /* executed, no answer */
    ROUTER_MODEL_DROP_AMID,   /* executed, half of the answer */
    ROUTER_MODEL_DROP_DONE,   /* executed and answered */
};

struct router_model_drop_fault {
    enum router_model_drop drop;
    char command[ROUTER_MODEL_TEXT_MAX]; /* "/ip/firewall/nat/add"; empty: any but /login */
    unsigned skip;                       /* so many matching commands pass first */
    bool reset;                          /* RST rather than FIN */
    bool silent;                         /* neither: the connection is dead, and nothing reports it */
};

/* The session that sends the matching command ends at that point. There is one such fault at a time, and a
 * new one replaces it. */
void router_model_drop_at(struct router_model *m, const struct router_model_drop_fault *fault);
/* Session 0: all of them. */
void router_model_drop_session(struct router_model *m, int session, bool reset);
/* Connections are accepted but not answered. With `executes` commands are executed all the same, and their
 * answers come at the end. Without it they wait. */
void router_model_mute(struct router_model *m, uint64_t until_ms, bool executes);
/* The next command of that path ("/ip/firewall/nat/add") is answered with a trap of this text and not
 * executed. */
void router_model_fail_next(struct router_model *m, const char *command, const char *message);
/* The same, but it is executed all the same: an action that timed out on the router. */
void router_model_fail_behind(struct router_model *m, const char *command, const char *message);
/* From now on that command ("/ip/firewall/nat/print", "/login"; empty: each) is executed and answered so much
 * later, while others of its session overtake it. ROUTER_MODEL_HANGS: never answered. 0 ms: as it was. At
 * most ROUTER_MODEL_SLOW_MAX of them; the last one for a command counts. */
void router_model_slow(struct router_model *m, const char *command, uint32_t for_ms);
/* From now on, also for sessions that are logged in. */
void router_model_set_policies(struct router_model *m, const char *user, unsigned policies);
void router_model_set_password(struct router_model *m, const char *user, const char *password);
/* Disabling the service does not end established sessions. */
void router_model_set_access(struct router_model *m, enum router_model_access access);

/* ---- the NAT table, as a person at WinBox sees and changes it ---- */

struct router_model_rule;

/* In table order; NULL starts, NULL ends. */
const struct router_model_rule *router_model_rule_next(const struct router_model *m,
                                                       const struct router_model_rule *previous);
const struct router_model_rule *router_model_rule_find(const struct router_model *m, uint32_t id);
/* The first rule with exactly this comment. */
const struct router_model_rule *router_model_rule_by_comment(const struct router_model *m,
                                                             const char *comment);
unsigned router_model_rule_count(const struct router_model *m);
uint32_t router_model_rule_id(const struct router_model_rule *rule);
bool router_model_rule_dynamic(const struct router_model_rule *rule);
bool router_model_rule_disabled(const struct router_model_rule *rule);
/* True if its interface or list does not exist or is disabled, or if its action does not belong to its
 * chain. */
bool router_model_rule_invalid(const struct router_model *m, const struct router_model_rule *rule);
/* A property by its API name; false if the rule does not have it. The span is valid until the rule
 * changes. */
bool router_model_rule_get(const struct router_model_rule *rule, const char *name, struct span *ret_value);
/* The properties that the rule has, one with each call. *index is 0 at first. False: there is no other one.
 */
bool router_model_rule_next_property(const struct router_model_rule *rule, unsigned *index,
                                     const char **ret_name, struct span *ret_value);
/* The text of a property as a C string, "" if absent: for tests that compare. */
const char *router_model_rule_text(const struct router_model_rule *rule, const char *name);

/* `attributes`: name=value words, a value with blanks in double quotes, for instance
 *     chain=dstnat action=dst-nat protocol=tcp dst-port=80 comment="web server"
 * Checked like API input. The id, or 0: then router_model_error says in the router's words why not. */
uint32_t router_model_rule_add(struct router_model *m, const char *attributes, bool dynamic);
bool router_model_rule_set(struct router_model *m, uint32_t id, const char *attributes);
bool router_model_rule_unset(struct router_model *m, uint32_t id, const char *name);
bool router_model_rule_remove(struct router_model *m, uint32_t id);
/* Moves it before that rule; 0: to the end. */
bool router_model_rule_move(struct router_model *m, uint32_t id, uint32_t before_id);
/* Counts packets on a rule, as traffic does. Listeners get events only if counter_interval_ms is set. */
void router_model_rule_traffic(struct router_model *m, uint32_t id, uint64_t bytes, uint64_t packets);
/* Somebody resets the counters of all rules. */
void router_model_reset_counters(struct router_model *m);
const char *router_model_error(const struct router_model *m);

/* ---- packets ---- */

/* The first packet of a connection, as it comes in. */
struct router_model_packet {
    const char *interface;
    bool tcp;
    uint32_t source;
    uint16_t source_port;
    uint32_t destination;
    uint16_t destination_port;
    const char *mark; /* of the connection, the packet and its routing; NULL: none */
    bool lucky; /* it meets the conditions that the model does not evaluate: a time, a limit, a content */
};

/* What the chain dstnat makes of it. */
struct router_model_fate {
    bool translated;
    uint32_t address; /* where it goes: unchanged if it was not translated */
    uint16_t port;
    uint32_t rule; /* the last rule that matched; 0: none */
    /* Of a packet of a connection that the router knows, when that began; it decided then where they go. 0:
     * of a first packet. */
    uint64_t since_ms;
};

struct router_model_fate router_model_arrive(const struct router_model *m,
                                             const struct router_model_packet *packet);
/* The packet comes in, and the connection table remembers its connection: packets of one that it knows go
 * where the first one went, whatever rules there are now. */
struct router_model_fate router_model_receive(struct router_model *m, uint64_t now_ms,
                                              const struct router_model_packet *packet);

/* ---- the rest of the configuration; false: no room, or the name does not exist ---- */

bool router_model_interface_add(struct router_model *m, const char *name, const char *type);
/* Rules that name it become invalid and show its internal id. */
bool router_model_interface_remove(struct router_model *m, const char *name);
/* Rules follow the new name. */
bool router_model_interface_rename(struct router_model *m, const char *name, const char *new_name);
bool router_model_interface_enable(struct router_model *m, const char *name, bool enabled);
/* In print order; NULL after the last one. */
const char *router_model_interface(const struct router_model *m, unsigned index);
const char *router_model_interface_type(const struct router_model *m, unsigned index);

/* "192.168.88.1/24"; also makes the connected route. */
bool router_model_address_add(struct router_model *m, const char *address, const char *interface);
bool router_model_address_remove(struct router_model *m, const char *address);
/* Connections that it is translated to go on. */
bool router_model_address_disable(struct router_model *m, const char *address);
/* The address of that number on the interface; "": there is none. */
const char *router_model_address(const struct router_model *m, unsigned index, const char *interface);

struct router_model_route {
    char destination[ROUTER_MODEL_TEXT_MAX];   /* "0.0.0.0/0" */
    char gateway[ROUTER_MODEL_TEXT_MAX];       /* "10.2.0.1", "wg0", "10.2.0.1%wg0" */
    char interface[ROUTER_MODEL_TEXT_MAX];     /* the interface; empty: the address of `gateway` decides */
    char routing_table[ROUTER_MODEL_TEXT_MAX]; /* empty: main */
    unsigned distance;
    bool inactive;
};
bool router_model_route_add(struct router_model *m, const struct router_model_route *route);
/* All routes of that destination in that table ("main"). */
bool router_model_route_remove(struct router_model *m, const char *destination, const char *routing_table);

/* Removes all rows of /routing/rule. */
void router_model_routing_rules_clear(struct router_model *m);

/* Lists all, none, dynamic and static exist from the start. include and exclude: comma lists of lists, or "".
 */
bool router_model_list_add(struct router_model *m, const char *name, const char *include,
                           const char *exclude);
bool router_model_list_remove(struct router_model *m, const char *name);
bool router_model_member_add(struct router_model *m, const char *list, const char *interface);
bool router_model_member_remove(struct router_model *m, const char *list, const char *interface);
/* With include and exclude resolved. */
bool router_model_list_holds(const struct router_model *m, const char *list, const char *interface);

/* The service of /ip/service listens on that port, and is enabled. */
void router_model_service_move(struct router_model *m, const char *name, const char *port);

/* A row at the end of a table: "filter", "mangle", "raw", "routing-rule", "address-list", "wireguard" or
 * "script"; attributes as for router_model_rule_add. The tables can be printed; the model applies only the
 * address lists, to the chain dstnat, and the routing rules for addresses (router_model_way). */
bool router_model_row_add(struct router_model *m, const char *table, const char *attributes);

/* Scripts are rows of the table "script". They do nothing but count their runs. */
bool router_model_script_remove(struct router_model *m, const char *name);
unsigned router_model_script_runs(const struct router_model *m, const char *name);

/* Adds what a file of tests/cases describes. False: see router_model_error. */
bool router_model_case_load(struct router_model *m, const char *path);
/* The version that such a file names. False: the file cannot be read. */
bool router_model_case_version(const char *path, char ret_version[ROUTER_MODEL_TEXT_MAX]);

/* ---- packets ---- */

/* The interface by which a packet leaves, as rules and tables lead it; NULL: there is no route. */
const char *router_model_way(const struct router_model *m, uint32_t source, uint32_t destination);

/* A UDP packet comes from its source. The connection table remembers it. Returns the interface by which it
 * leaves; NULL: there is no route. */
const char *router_model_sends(struct router_model *m, uint64_t now_ms, const struct router_model_flow *flow);
/* The interface by which the packets of that connection leave; "": there is none. An answer that comes in
 * elsewhere is not to the address that the connection has, and belongs to no connection. */
const char *router_model_connection_interface(struct router_model *m, const struct router_model_flow *flow);
/* An answer to it arrives. */
void router_model_replies(struct router_model *m, uint64_t now_ms, const struct router_model_flow *flow);

/* Connections that the model did not see itself: those that are not added between the two calls are over. */
struct router_model_end {
    uint32_t address;
    uint16_t port;
};
void router_model_connections_begin(struct router_model *m);
/* `answers`: from where its answers come; they go to the address `answers_to`. */
void router_model_connection_add(struct router_model *m, uint64_t now_ms,
                                 const struct router_model_flow *flow, struct router_model_end answers,
                                 uint32_t answers_to, bool replied, uint32_t left_s);
void router_model_connections_end(struct router_model *m);

void router_model_set_nat_pmp(struct router_model *m, bool enabled);

/* ---- for assertions ---- */

struct router_model_counters {
    uint64_t connections; /* accepted */
    uint64_t logins;
    uint64_t failed_logins;
    uint64_t commands; /* executed, without /login */
    uint64_t adds;     /* of NAT rules, by sessions */
    uint64_t sets;
    uint64_t removes;
    uint64_t connection_removes;  /* of entries of the connection table */
    uint64_t connection_refusals; /* of commands for that table, without "no such item" */
    uint64_t prints;              /* of the NAT table */
    uint64_t traps;
    uint64_t failed; /* by router_model_fail_next */
};
const struct router_model_counters *router_model_counters(const struct router_model *m);
