/* The whole contract of the core: what can happen (struct event) and what is to be done (struct action).
 *
 * Events are borrowed for one call of proxy_step. Actions are valid until the next call and are carried out
 * strictly in order. Addresses and ports are in host byte order. Time is milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/span.h"

struct endpoint {
    uint32_t address;
    uint16_t port;
};

/* ---- events ---- */

enum event_type {
    EVENT_START,         /* the first event of a run: sockets are open, work begins */
    EVENT_DEADLINE,      /* the time that proxy_deadline_ms named has come */
    EVENT_LAN,           /* a datagram to our NAT-PMP port */
    EVENT_GATEWAY,       /* a datagram from the gateway (the socket is connected: the source was checked) */
    EVENT_GATEWAY_ERROR, /* the gateway's socket reported an error */
    EVENT_ROUTER_OPEN,   /* a connection that ACTION_ROUTER_OPEN asked for is established */
    EVENT_ROUTER_DATA,   /* bytes of a connection */
    EVENT_ROUTER_CLOSED, /* a connection failed or ended; not sent for what ACTION_ROUTER_CLOSE closed */
    EVENT_STOP,          /* SIGTERM or SIGINT: undo everything, then ACTION_EXIT */
};

struct event {
    enum event_type type;
    uint64_t now_ms;        /* never before the last event's */
    uint32_t gateway_local; /* our address towards the gateway; 0: not known, or the operator chose it */
    union {
        struct {
            struct endpoint from;
            uint32_t to; /* the address that was asked: the reply leaves from it */
            uint32_t
                interface; /* kernel index of the arrival interface; returned with the reply, never read */
            struct span bytes;
        } lan;
        struct span gateway;
        enum gateway_error gateway_error;
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
    ACTION_ANNOUNCE,     /* to 224.0.0.1:5350 on the listening link, from the NAT-PMP port (section 3.2.1) */
    ACTION_GATEWAY_SEND, /* a datagram to the gateway */
    ACTION_ROUTER_OPEN,  /* resolve the configured name and connect; one of OPEN and CLOSED will follow */
    ACTION_ROUTER_SEND,  /* bytes to an open connection, queued without limit by the driver */
    ACTION_ROUTER_CLOSE, /* close without further events of that connection; also while it is being opened */
    ACTION_LOG,          /* one line: level, component, message key=value ... */
    ACTION_EXIT,         /* the end of the program, exit status 0; nothing follows */
};

enum log_level {
    LOG_LEVEL_ERROR, /* you must act */
    LOG_LEVEL_WARN,  /* degraded and recovering */
    LOG_LEVEL_INFO,  /* a mapping changed */
    LOG_LEVEL_DEBUG, /* each message */
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
    };
};

struct actions {
    unsigned count;
    unsigned used;
    unsigned dropped_logs; /* lines that found no room */
    enum log_level log_level;
    struct action at[ACTIONS_MAX];
    uint8_t bytes[ACTION_BYTES_MAX];
};

/* Producers ask for room before they take work from a queue: one unit of work makes at most 32 actions with 8
 * KiB: the answers to all who wait for one mapping, for the end of all, and for the address. */
bool actions_room(const struct actions *out);
void actions_clear(struct actions *out, enum log_level log_level);
/* A fresh place for `capacity` bytes that the next action may refer to. Room was asked for: never NULL. */
uint8_t *actions_bytes(struct actions *out, size_t capacity);
/* Gives the unused tail of the last place back, so that it holds `len` bytes. */
struct span actions_trim(struct actions *out, uint8_t *place, size_t len);
void actions_push(struct actions *out, struct action action);
/* Formats only when the level is shown. Never fails: a line without room is counted. Values from the network
 * go through log_safe first. */
printf_(4, 5) void actions_log(struct actions *out, enum log_level level, const char *component,
                               const char *format, ...);

/* "STATE: CAUSE; retrying fix="REMEDY"", as an error or a warning. */
void actions_log_failure(struct actions *out, const char *component, const struct failure_text *t);

/* Text from outside made fit for a log line: printable ASCII, quotes and backslashes replaced, cut at 80
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
