/* The router's part of a mapping: its dst-nat rule and the rule's comment, as far as the daemon knows them.
 * Only rule.c writes it. Times are milliseconds of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"

struct mapping;
struct mapping_tables;
struct nat_rule;

enum rule_state {
    RULE_ABSENT,
    RULE_ADDING, /* the add command is in flight */
    RULE_PRESENT,
    RULE_REMOVING,
    RULE_UNSURE, /* the answer to a command was lost or an error; the next snapshot shows whether the rule
                    exists */
};

/* The contents of the rule's comment. The next run of the daemon knows nothing else of the lease. */
struct rule_comment {
    uint16_t external_port; /* 0: pending */
    uint32_t lease_s;
};

struct rule {
    uint64_t added_ms; /* when the router confirmed the add */
    uint64_t retry_ms; /* no command to the router before */
    uint32_t id;       /* PRESENT, REMOVING: RouterOS item id; ADDING: the id that listen reported, or 0 */
    uint32_t replaced; /* ADDING: the id of the outdated rule that goes when the new one is there; 0: none */
    uint32_t seen;     /* number of the running or last snapshot when the rule was last seen */
    struct rule_comment comment; /* as on the router, or as in the command in flight */
    uint32_t comment_sure_s;     /* lease in the comment; the lower one while a set is in flight */
    uint8_t state;               /* enum rule_state */
    uint8_t failures;
    uint8_t remakes;   /* how often in a row the rule was removed or changed just after it was added */
    bool wrong : 1;    /* present, but different from what we want: the daemon replaces it */
    bool outdated : 1; /* wrong in nothing but interface or address: the new rule is added before it goes */
    bool invalid : 1;  /* RouterOS says that it forwards nothing, and another one would be no better */
    bool hidden : 1;   /* another rule is sure to take its connections, and it may not be put in front now */
    bool blocked : 1;  /* in the running snapshot: what stands before it names no port and cannot be passed */
    bool comment_setting : 1; /* a set command for the comment is in flight */
    bool comment_stale : 1;   /* the text on the router is unknown or has an old form */
};

enum rule_want {
    RULE_WANTS_NOTHING,
    RULE_WANTS_ADD,
    RULE_WANTS_COMMENT,
    RULE_WANTS_REMOVE,
};

/* The next command to send to the router for this mapping. */
enum rule_want rule_wants(const struct mapping *mapping, uint64_t now_ms);
/* The time at which rule_wants changes although nothing else happens; UINT64_MAX: never. */
uint64_t rule_due_ms(const struct mapping *mapping, uint64_t now_ms);
/* True if the rule is on the router and forwards to the client. */
bool rule_forwards(const struct mapping *mapping);
/* The comment that the rule should have now. */
struct rule_comment rule_comment_wanted(const struct mapping *mapping);
/* True if the row has this mapping's protocol, router port, client and internal port. */
bool rule_matches(const struct mapping_tables *t, uint16_t m, const struct nat_rule *row);
/* True if the mapping knows the rule's id from the snapshot ids_valid_from or a later one. An older id may
 * belong to another rule now. */
bool rule_id_is_valid(const struct mapping *mapping, uint32_t ids_valid_from);
/* The time in seconds for which a daemon that finds this row after a start keeps the rule. */
uint32_t rule_adopted_lease_s(const struct nat_rule *row);

/* What the snapshot has shown before the rule. */
void rule_set_hidden(struct mapping_tables *t, uint16_t m, bool hidden);
void rule_set_blocked(struct mapping_tables *t, uint16_t m, bool blocked);

/* ---- what was sent ---- */

void rule_on_add_sent(struct mapping_tables *t, uint16_t m);
void rule_on_comment_sent(struct mapping_tables *t, uint16_t m);
void rule_on_remove_sent(struct mapping_tables *t, uint16_t m);

/* ---- what the router answered ---- */

/* The router added the rule. id 0: the router's answer did not contain the id, and a snapshot has to find the
 * rule. */
void rule_on_added(struct mapping_tables *t, uint16_t m, uint32_t id, uint32_t snapshot, uint64_t now_ms);
void rule_on_comment_set(struct mapping_tables *t, uint16_t m);
/* The router refused a command (COMMAND_ADD, COMMAND_SET or COMMAND_REMOVE); it is repeated later. */
void rule_on_failed(struct mapping_tables *t, uint16_t m, enum command_kind command, uint64_t now_ms);
/* The same, but the router may have carried the command out nevertheless: the next snapshot shows it. */
void rule_on_failed_unsure(struct mapping_tables *t, uint16_t m, enum command_kind command, uint32_t snapshot,
                           uint64_t now_ms);
/* The mapping had ended and is wanted again while the router cannot be asked: the rule that stayed for want
 * of an answer may be gone, and the next snapshot shows it. True: there is such a rule. */
bool rule_on_wanted_blindly(struct mapping_tables *t, uint16_t m, uint32_t snapshot);
/* The connection was lost before the answer to the command arrived. */
void rule_on_lost(struct mapping_tables *t, uint16_t m, enum command_kind command, uint32_t snapshot);

/* ---- what the router's table shows ---- */

/* The rule is on the router, with the contents of this row. */
void rule_on_row(struct mapping_tables *t, uint16_t m, const struct nat_rule *row, uint32_t snapshot);
/* A row showed the rule while a command is in flight, whose answer decides about the state. id 0: the id does
 * not change. */
void rule_on_row_early(struct mapping_tables *t, uint16_t m, uint32_t id, bool invalid, uint32_t snapshot);
/* The known id does not belong to a rule of this mapping any more. */
void rule_on_id_void(struct mapping_tables *t, uint16_t m);
/* The rule is not on the router. */
void rule_on_gone(struct mapping_tables *t, uint16_t m);
/* Somebody removed or changed the rule. If that happens repeatedly just after an add, the next add waits.
 * Returns for how many seconds. */
unsigned rule_on_undone(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* Somebody changed the rule, and the row that shows the change is partial. */
void rule_on_changed(struct mapping_tables *t, uint16_t m);

/* ---- what is to be done ---- */

/* The way to the gateway has another interface: the rule is outdated. */
void rule_on_way_moved(struct mapping_tables *t, uint16_t m);
/* Another rule stands before it: it is outdated, too, because a new one is put in front. */
void rule_on_behind(struct mapping_tables *t, uint16_t m);
/* Somebody else uses the rule with that id now: if it is being replaced, it is not removed. */
void rule_spare(struct mapping_tables *t, uint32_t id);
/* The rule is disabled or has the wrong router port: if it is present, the daemon replaces it. */
void rule_replace(struct mapping_tables *t, uint16_t m);
/* The next command waits a moment: what is wrong may be over by then, or another rule may be wanted. */
void rule_wait(struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The next command need not wait for the delay that an earlier failure set. */
void rule_hurry(struct mapping_tables *t, uint16_t m);
