/* One connection to the RouterOS API: its life, the login in both forms, tagged commands in flight, and
 * silence.
 *
 * The owner asks for a command with session_begin and session_end; rows and ends of commands come out of
 * session_next. A connection that fails loses its commands: session_take_lost hands them back one by one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "core/event.h"
#include "wire/routeros.h"

enum command_kind {
    COMMAND_LOGIN,
    COMMAND_RESOURCE,
    COMMAND_ROUTE_CHECK,
    COMMAND_ROUTES,
    COMMAND_ADDRESSES,
    COMMAND_LISTS,
    COMMAND_MEMBERS,
    COMMAND_LISTEN,
    COMMAND_SNAPSHOT,
    COMMAND_ADD,
    COMMAND_REMOVE,
    COMMAND_SET,
    COMMAND_KEEP_ALIVE,
};

struct command {
    bool used;
    bool failed; /* a !trap came; the !done is still to come */
    uint8_t kind;
    uint8_t error; /* enum ros_error of the first !trap */
    uint32_t tag;
    uint32_t cookie; /* the owner's */
    uint32_t id;     /* of ret in !done: the new item; of a removal: the item */
    uint64_t sent_ms;
    struct log_safe message; /* of the first !trap */
};

enum session_state {
    SESSION_CLOSED,
    SESSION_OPENING,
    SESSION_LOGIN,
    SESSION_READY,
    SESSION_BROKEN, /* closed; lost commands are still to be taken */
};

struct session {
    uint8_t number;     /* of the connection, for actions */
    uint8_t state;      /* enum session_state */
    uint8_t failure;    /* enum failure: why the last connection ended or could not be made */
    bool challenged;    /* the old login's second step is under way */
    uint16_t in_flight; /* commands but for listen */
    uint32_t next_tag;
    uint32_t peer;
    uint64_t opened_ms;
    uint64_t ready_ms; /* of the login */
    uint64_t heard_ms;
    uint64_t used_ms;    /* when the last command was sent */
    uint64_t retry_ms;   /* not to be opened before */
    uint64_t trusted_ms; /* not too silent before */
    uint32_t backoff_ms;
    struct command command[ROUTER_COMMANDS_MAX];
    struct ros_reader reader;
};

/* The memory must be zero. */
void session_init(struct session *s, unsigned number);
void session_open(struct session *s, uint64_t now_ms, struct actions *out);
/* The connection is there: sends the login. */
void session_opened(struct session *s, const char *user, const char *password, uint32_t peer, uint64_t now_ms,
                    struct actions *out);
/* It failed by itself. */
void session_closed(struct session *s, enum failure failure, uint64_t now_ms, struct prng *prng);
/* We end it: the action, and the same state as if it had failed. */
void session_break(struct session *s, enum failure failure, uint64_t now_ms, struct prng *prng,
                   struct actions *out);
/* We end it because it is not needed: no back-off. Nothing may be in flight. */
void session_close(struct session *s, struct actions *out);

/* True if another command that changes a rule may be sent; a few slots are kept for reading. */
bool session_free(const struct session *s);
/* Begins a command sentence; write its attribute words, then session_end. The session must be ready. */
struct writer session_begin(struct session *s, enum command_kind kind, uint32_t cookie, const char *path,
                            uint64_t now_ms, struct actions *out);
/* The same for a removal of that item. */
struct writer session_begin_removal(struct session *s, uint32_t cookie, uint32_t id, const char *path,
                                    uint64_t now_ms, struct actions *out);
void session_end(struct session *s, struct writer *w, struct actions *out);

enum session_reply {
    SESSION_NOTHING, /* the input is used up */
    SESSION_UP,      /* logged in */
    SESSION_ROW,     /* *ret_command and session->reader.sentence */
    SESSION_DONE,    /* *ret_command has ended, well or with failed and error */
    SESSION_FAILED,  /* the stream cannot go on: the owner breaks the session */
};

/* Takes from *input until something is worth telling. *ret_command is a copy. */
enum session_reply session_next(struct session *s, const char *user, const char *password, struct span *input,
                                uint64_t now_ms, struct command *ret_command, struct actions *out);
/* One command that was lost with the connection; false and CLOSED after the last one. */
bool session_take_lost(struct session *s, struct command *ret_command);

/* When the session is too silent to be trusted; UINT64_MAX: never. */
uint64_t session_silent_ms(const struct session *s);
/* Is it so now? Costs nothing most times. */
bool session_is_silent(struct session *s, uint64_t now_ms);
