/* One connection to the RouterOS API. This module opens and ends it, logs in with both forms of the login,
 * tags the commands in flight, and watches their time-outs.
 *
 * A slow board may need many seconds for one command, or for each. The session is patient with both: while a
 * command is in flight and nothing arrives, it asks for the router's name, and as long as the router answers
 * anything, the command may take a minute. How long the router may be silent depends on how slow it was so
 * far: an answer that came just in time doubles that patience, as a time-out does, and each minute in which
 * the router was quick halves it.
 *
 * The owner sends a command with session_begin and session_end; session_next returns the rows and the ends of
 * commands. A connection that fails loses its commands: session_take_lost returns them one by one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "core/step.h"
#include "wire/routeros.h"

enum command_kind {
    COMMAND_LOGIN,
    COMMAND_RESOURCE,
    COMMAND_FLOW,       /* our connection to the gateway */
    COMMAND_FLOW_AGAIN, /* the same with more patience, after it was given up once */
    COMMAND_TUNNELS,
    COMMAND_ROUTE_CHECK,
    COMMAND_ROUTES,
    COMMAND_INTERFACE,
    COMMAND_ADDRESSES,
    COMMAND_LISTS,
    COMMAND_MEMBERS,
    COMMAND_LISTENERS, /* services and WireGuard interfaces */
    COMMAND_LISTEN,
    COMMAND_LISTEN_WAY,    /* for what may move the way to the gateway: addresses, routes, list members */
    COMMAND_ADDRESS_LISTS, /* members of those that rules name */
    COMMAND_SNAPSHOT,
    COMMAND_ADD,
    COMMAND_REMOVE,
    COMMAND_SET,
    COMMAND_COUNTERS, /* of our rules */
    COMMAND_SESSIONS, /* /user/active/print */
    COMMAND_CLAIM,
    COMMAND_UNCLAIM,
    COMMAND_SCRIPT,  /* /system/script/run */
    COMMAND_ENTRIES, /* connections that are older than a rule of ours */
    COMMAND_FORGET,  /* removes one of them */
    COMMAND_KEEP_ALIVE,
};

struct command {
    bool used;
    bool failed; /* a !trap arrived; the !done will follow */
    uint8_t kind;
    uint8_t error; /* enum ros_error of the first !trap */
    uint32_t tag;
    uint32_t cookie; /* chosen by the owner */
    uint32_t id;     /* of an addition: the new item, from `ret` of its !done; of a removal: the item */
    uint64_t sent_ms;
    uint64_t heard_ms;       /* when its last row came, or else sent_ms */
    const char *path;        /* a literal, for the log */
    struct log_safe message; /* of the first !trap */
};

enum session_state {
    SESSION_CLOSED,
    SESSION_OPENING,
    SESSION_LOGIN,
    SESSION_READY,
    SESSION_BROKEN, /* closed, but session_take_lost has not returned all commands yet */
};

struct session {
    const char *user; /* borrowed for the session's life, as the password */
    const char *password;
    uint8_t number;     /* of the connection, for actions */
    uint8_t state;      /* enum session_state */
    uint8_t failure;    /* enum failure: why the last connection ended or could not be opened */
    bool challenged;    /* the second step of the old login is in flight */
    uint16_t in_flight; /* commands without listen */
    uint32_t next_tag;
    uint32_t peer;
    uint64_t opened_ms;
    uint64_t ready_ms; /* when the login succeeded */
    uint64_t heard_ms;
    uint64_t busy_ms;     /* since when commands are in flight */
    uint64_t used_ms;     /* when the last command was sent */
    uint64_t retry_ms;    /* no new attempt before */
    uint64_t trusted_ms;  /* session_wait has nothing to do before */
    uint64_t judged_ms;   /* when the patience was last compared with ... */
    uint32_t slowest_ms;  /* ... the longest silence since then */
    uint32_t patience_ms; /* how long the router may be silent while commands are in flight */
    uint32_t backoff_ms;
    struct command command[ROUTER_COMMANDS_MAX];
    struct ros_reader reader;
};

/* The memory must be zero. */
void session_init(struct session *s, unsigned number, const char *user, const char *password);
void session_open(struct session *s, const struct step *step);
/* The connection is open: sends the login. */
void session_opened(struct session *s, uint32_t peer, const struct step *step);
/* The driver reports that the connection failed or ended. */
void session_closed(struct session *s, enum failure failure, uint64_t now_ms, struct prng *prng);
/* Closes the connection; the state is the same as after a failure. */
void session_break(struct session *s, enum failure failure, struct prng *prng, const struct step *step);
/* Closes a connection that is not needed, without back-off. No command may be in flight. */
void session_close(struct session *s, struct actions *out);

/* True if one more command that changes a rule may be sent. A few slots are reserved for reading. */
bool session_free(const struct session *s);
/* Begins the sentence of a command: write its attributes, then call session_end. It must be READY. */
struct writer session_begin(struct session *s, enum command_kind kind, uint32_t cookie, const char *path,
                            const struct step *step);
/* The same for a removal of that item. */
struct writer session_begin_removal(struct session *s, uint32_t cookie, uint32_t id, const char *path,
                                    const struct step *step);
void session_end(struct session *s, struct writer *w, struct actions *out);

enum session_reply {
    SESSION_NOTHING, /* the input is used up */
    SESSION_UP,      /* logged in */
    SESSION_ROW,     /* *ret_command and session->reader.sentence */
    SESSION_DONE,    /* *ret_command has ended; see failed and error */
    SESSION_FAILED,  /* the stream is unusable: the owner must call session_break */
};

/* Consumes *input up to the next reply that concerns the owner. *ret_command is a copy. */
enum session_reply session_next(struct session *s, struct span *input, struct command *ret_command,
                                const struct step *step);
/* Returns one command that was lost with the connection. False: none is left; the session is CLOSED. */
bool session_take_lost(struct session *s, struct command *ret_command);

/* The cookies of the commands in flight become 0. */
void session_disown(struct session *s);

/* The command that has waited longest for its answer, or for the next row of it; NULL: none waits. */
const struct command *session_waits_for(const struct session *s);
/* When session_wait has something to do; UINT64_MAX: never. */
uint64_t session_due_ms(const struct session *s);

enum session_wait {
    SESSION_WAITS,
    /* *ret_command took too long and has ended as failed. Its answer is dropped if it still comes. Call
       again. */
    SESSION_GIVES_UP,
    SESSION_TIMES_OUT, /* the owner must call session_break with session_timeout */
};

/* What the passing of time means for the session. Most calls cost one comparison. */
enum session_wait session_wait(struct session *s, struct command *ret_command, const struct step *step);
/* What it was that did not come. */
enum failure session_timeout(const struct session *s);
