/* The half of a mapping on the router: its dst-nat rule, and the rule's comment, as far as they are known.
 * Written only by rule.c. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"

struct mapping;
struct mapping_tables;
struct nat_rule;

enum rule_state {
    RULE_ABSENT,
    RULE_ADDING, /* the command is on its way */
    RULE_PRESENT,
    RULE_REMOVING,
    RULE_UNSURE, /* the answer to a command was lost, or was an error: a snapshot settles it */
};

/* What the comment says of the lease; it is all that the next run of the program knows. */
struct rule_comment {
    uint16_t external_port; /* 0: pending */
    uint32_t lease_s;
};

struct rule {
    uint64_t added_ms;           /* when the router said that it was added */
    uint64_t retry_ms;           /* the router gets no command before */
    uint32_t id;                 /* PRESENT, REMOVING; ADDING: what listen has shown already, or 0 */
    uint32_t seen;               /* number of the snapshot in which, or after which, it was last seen */
    struct rule_comment comment; /* what the comment says, or will say when the command is done */
    uint32_t comment_sure_s;     /* the lease that it says at least, whatever becomes of the command */
    uint8_t state;               /* enum rule_state */
    uint8_t failures;
    uint8_t remakes;          /* in a row, of a rule that had just been added */
    bool wrong : 1;           /* present, but not as it ought to be: it is replaced */
    bool comment_setting : 1; /* a set command is on its way */
    bool comment_stale : 1;   /* the comment is not ours of today, whatever the fields above say */
};

enum rule_want {
    RULE_WANTS_NOTHING,
    RULE_WANTS_ADD,
    RULE_WANTS_COMMENT,
    RULE_WANTS_REMOVE,
};

/* The command that brings the router closer to what ought to be. */
enum rule_want rule_wants(const struct mapping *mapping, uint64_t now_ms);
/* When time alone changes that; UINT64_MAX: never. */
uint64_t rule_due_ms(const struct mapping *mapping, uint64_t now_ms);
/* It forwards to the client. */
bool rule_holds(const struct mapping *mapping);
/* What its comment ought to say now. */
struct rule_comment rule_comment_wanted(const struct mapping *mapping);
/* The row is of this mapping: protocol, ports and client are the same. */
bool rule_matches(const struct mapping_tables *t, uint16_t m, const struct nat_rule *row);
/* The id was learned on the present connection; one of before may name another rule by now. */
bool rule_id_is_valid(const struct mapping *mapping, uint32_t ids_valid_from);
/* For how long a run that finds this row adopts it, in seconds. */
uint32_t rule_adopted_lease_s(const struct nat_rule *row);

/* ---- what was sent ---- */

void rule_on_add_sent(struct mapping_tables *t, uint16_t m);
void rule_on_comment_sent(struct mapping_tables *t, uint16_t m);
void rule_on_remove_sent(struct mapping_tables *t, uint16_t m);

/* ---- what the router answered ---- */

/* id 0: the router did not name it, and a snapshot has to find it. */
void rule_on_added(struct mapping_tables *t, uint16_t m, uint32_t id, uint32_t snapshot, uint64_t now_ms);
void rule_on_comment_set(struct mapping_tables *t, uint16_t m);
/* The router refused a command (COMMAND_ADD, SET or REMOVE): it is tried again later. */
void rule_on_failed(struct mapping_tables *t, uint16_t m, enum command_kind command, uint64_t now_ms);
/* The same, but the router may have carried it out all the same: a snapshot settles it. */
void rule_on_failed_unsure(struct mapping_tables *t, uint16_t m, enum command_kind command, uint32_t snapshot,
                           uint64_t now_ms);
/* The connection was lost before the answer to it. */
void rule_on_lost(struct mapping_tables *t, uint16_t m, enum command_kind command, uint32_t snapshot);

/* ---- what the router's table shows ---- */

/* The rule stands there as the row says. */
void rule_on_row(struct mapping_tables *t, uint16_t m, const struct nat_rule *row, uint32_t snapshot);
/* It was seen while a command is on its way: the answer decides. id 0: as it was. */
void rule_on_row_early(struct mapping_tables *t, uint16_t m, uint32_t id, uint32_t snapshot);
/* The id that was known names no rule of this mapping any more. */
void rule_on_id_void(struct mapping_tables *t, uint16_t m);
/* It is not there, or not any more. */
void rule_on_gone(struct mapping_tables *t, uint16_t m);
/* Somebody undid it: one that never lasts is not made anew at once. */
void rule_on_undone(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* It was changed, and the rest of the row is not known. */
void rule_on_changed(struct mapping_tables *t, uint16_t m);

/* ---- what is to be done ---- */

/* It was disabled, or stands on the wrong router port: it is replaced if it is there. */
void rule_replace(struct mapping_tables *t, uint16_t m);
/* Whatever failed before, the next command may go out now. */
void rule_hurry(struct mapping_tables *t, uint16_t m);
