/* The whole contract of the core: what can happen (struct event) and what to do about it (struct action).
 *
 * The core borrows an event for one call of proxy_step. Actions are valid until the next call, and the driver
 * carries them out strictly in order. Addresses and ports are in host byte order. Time is milliseconds of
 * CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/log_rate.h"
#include "base/span.h"

struct endpoint {
    uint32_t address;
    uint16_t port;
};

/* ---- events ---- */

enum event_type {
    EVENT_START,         /* the first event of a run: sockets are open, work begins */
    EVENT_DEADLINE,      /* the time of proxy_deadline_ms is reached */
    EVENT_LAN,           /* a datagram arrived at our NAT-PMP port */
    EVENT_GATEWAY,       /* a datagram from the gateway; the kernel checked its source */
    EVENT_GATEWAY_ERROR, /* the gateway's socket reported an error */
    EVENT_ROUTER_OPEN,   /* a connection that ACTION_ROUTER_OPEN requested is established */
    EVENT_ROUTER_DATA,   /* bytes arrived on a connection */
    EVENT_ROUTER_CLOSED, /* a connection failed or ended, but not by ACTION_ROUTER_CLOSE */
    EVENT_ASKED,         /* somebody reads the status: what has arrived at the mappings is to be known */
    EVENT_STOP,          /* SIGTERM or SIGINT: undo everything, then ACTION_EXIT */
};

struct event {
    enum event_type type;
    uint64_t now_ms;        /* never before the last event's */
    uint32_t gateway_local; /* our address towards the gateway; 0: unknown, or the operator set it */
    union {
        struct {
            struct endpoint from;
            uint32_t to;        /* destination of the request, and the source of the reply */
            uint32_t interface; /* kernel index of the interface; the reply carries it */
            struct span bytes;
        } lan;
        struct span gateway;
        enum gateway_trouble gateway_error;
        struct {
            unsigned session;     /* 0 .. ROUTER_SESSIONS_MAX - 1 */
            uint32_t peer;        /* OPEN: the router's address as connected to */
            uint32_t local;       /* OPEN: our address of that connection */
            enum failure failure; /* CLOSED: one of FAILURES_OF_CONNECTION */
            struct span bytes;
        } router;
    };
};

/* ---- actions ---- */

enum action_type {
    ACTION_LAN_SEND,     /* a reply */
    ACTION_ANNOUNCE,     /* to 224.0.0.1:5350 on the listening link (RFC 6886 section 3.2.1) */
    ACTION_GATEWAY_SEND, /* a datagram to the gateway */
    ACTION_ROUTER_OPEN,  /* resolve the configured name and connect; EVENT_ROUTER_OPEN or _CLOSED follows */
    ACTION_ROUTER_SEND,  /* bytes for an open connection; the driver queues them without limit */
    ACTION_ROUTER_CLOSE, /* close a connection, even one that is not open yet; no event of it follows */
    ACTION_LOG,          /* one line: level, component, message key=value ... */
    ACTION_NOTICE,       /* something changed, for those who watch; nothing depends on it */
    ACTION_EXIT,         /* end the program with exit status 0; no action follows */
};

enum log_level {
    LOG_LEVEL_ERROR, /* the operator must act */
    LOG_LEVEL_WARN,  /* the program works in part and recovers by itself */
    LOG_LEVEL_INFO,  /* a mapping changed */
    LOG_LEVEL_DEBUG, /* a message was sent or received */
};

/* What changed. The first four are about a mapping, or all of them, and about the external address. */
enum notice_kind {
    NOTICE_MAPPED,    /* rule and lease are there */
    NOTICE_CHANGED,   /* the mapping has another external port */
    NOTICE_ENDED,     /* the mapping is not wanted any more; client 0: no mapping is */
    NOTICE_ADDRESS,   /* the external address is another one, or not known any more */
    NOTICE_TROUBLE,   /* `part` does not work, or for another reason than before */
    NOTICE_RECOVERED, /* `part` works */
    NOTICES,
};

enum notice_part {
    NOTICE_ROUTER,
    NOTICE_GATEWAY,
    NOTICE_PARTS,
};

struct notice {
    uint64_t number; /* 0 for the first notice of a run, then one more each */
    uint32_t client;
    uint32_t external_address; /* 0: not known */
    uint16_t internal_port;
    uint16_t router_port;
    uint16_t external_port; /* ENDED: the last one */
    uint16_t before;        /* CHANGED: the external port before */
    uint8_t kind;           /* enum notice_kind */
    uint8_t protocol;       /* enum natpmp_protocol */
    uint8_t part;           /* enum notice_part */
    bool standing_by;       /* TROUBLE of the router: another daemon with this INSTANCE serves */
    uint32_t trouble;       /* TROUBLE: enum failure or enum gateway_trouble */
};

struct action {
    enum action_type type;
    union {
        struct {
            struct endpoint to;
            uint32_t from;      /* source address; 0: any */
            uint32_t interface; /* as in the event; 0: any */
            struct span bytes;
        } lan;
        struct span announce;
        struct span gateway;
        struct {
            unsigned session;
            struct span bytes;
        } router;
        struct {
            enum log_level level;
            const char *component; /* static text */
            struct span text;      /* printable ASCII, no newline */
        } log;
        struct notice notice;
    };
};

struct actions {
    unsigned count;
    unsigned used;
    unsigned dropped_logs; /* lines for which there was no room */
    enum log_level log_level;
    struct log_rates *log_rates; /* NULL: every line is written */
    uint64_t now_ms;
    struct action at[ACTIONS_MAX];
    uint8_t bytes[ACTION_BYTES_MAX];
};

/* Check for room before you take work from a queue. One unit of work makes at most 32 actions with 8 KiB: the
 * pending replies of one mapping, of one deletion of all mappings, and of the external address. */
bool actions_room(const struct actions *out);
void actions_clear(struct actions *out, enum log_level log_level);
/* Limits the lines of each kind from now on. The rates outlive the actions. */
void actions_limit_logs(struct actions *out, struct log_rates *rates, uint64_t now_ms);
/* Reserves `capacity` bytes for the next action. Never NULL, because the caller checked for room. */
uint8_t *actions_bytes(struct actions *out, size_t capacity);
/* Shortens the last reservation to `len` bytes. */
struct span actions_trim(struct actions *out, uint8_t *place, size_t len);
void actions_push(struct actions *out, struct action action);
/* Formats the line only if its level is enabled. It never fails: a line that has no room, or not yet its
 * turn, is held or counted. Pass values from the network through log_safe. */
printf_(4, 5) void actions_log(struct actions *out, enum log_level level, const char *component,
                               const char *format, ...);
/* The same for a line that says in which state the component is. All such lines of a component are one kind:
 * the log shows the state in which it is now, LOG_INTERVAL_S later at the most. */
printf_(4, 5) void actions_log_state(struct actions *out, enum log_level level, const char *component,
                                     const char *format, ...);
/* Writes the held lines that have their turn by at_ms. */
void actions_log_held(struct actions *out, uint64_t at_ms);

/* Logs the state STATE: CAUSE; retrying fix="REMEDY" as an error or a warning. */
void actions_log_failure(struct actions *out, const char *component, const struct failure_text *t);

/* Text from outside, made safe for a log line: printable ASCII, without quotes and backslashes, at most 80
 * characters. */
struct log_safe {
    char text[84];
};
struct log_safe log_safe(struct span text);
/* Dotted quad for %s. */
struct address_text {
    char text[16];
};
struct address_text address_text(uint32_t address);
