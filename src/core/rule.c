#include "core/rule.h"

#include <assert.h>

#include "core/mapping.h"
#include "core/nat_rule.h"
#include "core/step.h"

enum {
    /* The lease of an adopted rule whose comment does not contain one: most clients request this lifetime. */
    ADOPTED_LEASE_S = 3600,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30 * 1000,
    /* A rule that is removed or changed within this time after each add, more than RULE_REMAKES_MAX times in
     * a row, is added again only after a delay, because something on the router works against it. */
    REMAKE_MS = 3 * 1000,
    REMAKE_PAUSE_FIRST_MS = 4 * 1000,
};

static struct rule *rule_of(struct mapping_tables *t, uint16_t m)
{
    return &mapping_at(t, m)->rule;
}

static void set_invalid(struct mapping_tables *t, uint16_t m, bool invalid)
{
    struct rule *rule = rule_of(t, m);
    t->invalid = (uint16_t)(t->invalid + invalid - rule->invalid);
    rule->invalid = invalid;
}

void rule_set_hidden(struct mapping_tables *t, uint16_t m, bool hidden)
{
    struct rule *rule = rule_of(t, m);
    t->hidden = (uint16_t)(t->hidden + hidden - rule->hidden);
    rule->hidden = hidden;
}

/* Only this function changes the state and the id, so that the index by_rule is always right. id 0: none. */
static void set_state(struct mapping_tables *t, uint16_t m, enum rule_state state, uint32_t id)
{
    struct rule *rule = rule_of(t, m);
    if (state == RULE_PRESENT || state == RULE_REMOVING)
        assert(id != 0);
    rule->state = (uint8_t)state;
    if (state != RULE_ADDING)
        rule->replaced = 0;
    if (state == RULE_ABSENT || state == RULE_UNSURE)
        set_invalid(t, m, false);
    if (state != RULE_PRESENT)
        rule_set_hidden(t, m, false);
    if (state == RULE_ABSENT || state == RULE_ADDING) {
        rule->wrong = false;
        rule->outdated = false;
        rule->comment_stale = false;
    }
    if (rule->id == id)
        return;
    mapping_index_rule(t, m, id);
    rule->id = id;
}

/* ---- what ought to be ---- */

static bool comment_is_outdated(const struct mapping *mapping)
{
    const struct rule *rule = &mapping->rule;
    const struct lease *lease = &mapping->lease;
    if (rule->comment_stale)
        return true;
    if (lease->ended)
        return rule->comment.external_port != 0; /* a script of the router may read it */
    if (lease->state != LEASE_GRANTED)
        return false;
    /* The comment must not contain less than the lease, nor much more. It need not be exact, which saves a
     * command to the router at each renewal. */
    return rule->comment.external_port != lease->external_port || lease->granted_s > rule->comment.lease_s ||
           lease->granted_s < rule->comment.lease_s / 2;
}

/* No add before, whatever a client requests. */
static uint64_t remake_ms(const struct rule *rule)
{
    if (rule->remakes <= RULE_REMAKES_MAX)
        return 0;
    return rule->added_ms + backoff_ms(REMAKE_PAUSE_FIRST_MS, UINT64_C(1000) * RULE_REMAKE_PAUSE_MAX_S,
                                       rule->remakes - RULE_REMAKES_MAX - 1U);
}

enum rule_want rule_wants(const struct mapping *mapping, uint64_t now_ms)
{
    const struct rule *rule = &mapping->rule;
    bool wanted = mapping_is_wanted_here(mapping);
    if (rule->retry_ms > now_ms)
        return RULE_WANTS_NOTHING;
    if (rule->state == RULE_ABSENT)
        return wanted && mapping->router_port != 0 && remake_ms(rule) <= now_ms ? RULE_WANTS_ADD
                                                                                : RULE_WANTS_NOTHING;
    if (rule->state != RULE_PRESENT || rule->comment_setting)
        return RULE_WANTS_NOTHING;
    if (wanted && rule->outdated)
        return RULE_WANTS_ADD; /* what the router then shows under the old id is removed as a second one */
    if (!wanted || rule->wrong)
        return RULE_WANTS_REMOVE;
    return comment_is_outdated(mapping) ? RULE_WANTS_COMMENT : RULE_WANTS_NOTHING;
}

uint64_t rule_due_ms(const struct mapping *mapping, uint64_t now_ms)
{
    uint64_t due_ms = sooner_ms(UINT64_MAX, mapping->rule.retry_ms, now_ms);
    bool waits = mapping->rule.state == RULE_ABSENT && mapping_is_wanted_here(mapping);
    return waits ? sooner_ms(due_ms, remake_ms(&mapping->rule), now_ms) : due_ms;
}

bool rule_forwards(const struct mapping *mapping)
{
    const struct rule *rule = &mapping->rule;
    return rule->state == RULE_PRESENT && !rule->wrong && !rule->invalid && !rule->hidden;
}

struct rule_comment rule_comment_wanted(const struct mapping *mapping)
{
    const struct lease *lease = &mapping->lease;
    return (struct rule_comment){
        .external_port = lease_port(lease),
        .lease_s = lease->state == LEASE_GRANTED ? lease->granted_s : mapping->job.asked_s,
    };
}

bool rule_matches(const struct mapping_tables *t, uint16_t m, const struct nat_rule *row)
{
    const struct mapping *mapping = &t->mapping[m];
    return mapping->protocol == (unsigned)row->protocol && mapping->router_port == row->router_port &&
           mapping->internal_port == row->internal_port && mapping_address(t, m) == row->client;
}

bool rule_id_is_valid(const struct mapping *mapping, uint32_t ids_valid_from)
{
    return mapping->rule.id != 0 && mapping->rule.seen >= ids_valid_from;
}

uint32_t rule_adopted_lease_s(const struct nat_rule *row)
{
    uint32_t lease_s = row->lease_s != 0 ? row->lease_s : ADOPTED_LEASE_S;
    return lease_s < LIFETIME_MAX_S ? lease_s : LIFETIME_MAX_S;
}

/* ---- what was sent ---- */

void rule_on_add_sent(struct mapping_tables *t, uint16_t m)
{
    struct rule *rule = rule_of(t, m);
    rule->comment = rule_comment_wanted(mapping_at(t, m));
    rule->replaced = rule->id;
    set_state(t, m, RULE_ADDING, 0);
}

void rule_on_comment_sent(struct mapping_tables *t, uint16_t m)
{
    struct rule *rule = rule_of(t, m);
    rule->comment = rule_comment_wanted(mapping_at(t, m));
    if (rule->comment.lease_s < rule->comment_sure_s)
        rule->comment_sure_s = rule->comment.lease_s;
    rule->comment_stale = false;
    rule->comment_setting = true;
}

void rule_on_remove_sent(struct mapping_tables *t, uint16_t m)
{
    set_state(t, m, RULE_REMOVING, rule_of(t, m)->id);
}

/* ---- what the router answered ---- */

void rule_on_added(struct mapping_tables *t, uint16_t m, uint32_t id, uint32_t snapshot, uint64_t now_ms)
{
    struct rule *rule = rule_of(t, m);
    assert(rule->state == RULE_ADDING);
    rule->seen = snapshot;
    rule->failures = 0;
    rule->added_ms = now_ms;
    rule->comment_sure_s = rule->comment.lease_s;
    /* While others are invalid, a rule without a row that says otherwise is likely to be invalid, too. */
    if (rule->id == 0)
        set_invalid(t, m, t->invalid > rule->invalid);
    set_state(t, m, id != 0 ? RULE_PRESENT : RULE_UNSURE, id);
    if (id != 0)
        mapping_note_fresh(t, m);
}

void rule_on_comment_set(struct mapping_tables *t, uint16_t m)
{
    struct rule *rule = rule_of(t, m);
    rule->comment_setting = false;
    rule->comment_sure_s = rule->comment.lease_s;
}

static void comment_is_unknown(struct rule *rule)
{
    rule->comment_setting = false;
    rule->comment_stale = true;
}

static void try_later(struct rule *rule, uint64_t now_ms)
{
    rule->retry_ms = next_try_ms(&rule->failures, RETRY_FIRST_MS, RETRY_MAX_MS, now_ms);
}

/* The rule that was to be replaced is still there. */
static void keep_outdated(struct mapping_tables *t, uint16_t m)
{
    struct rule *rule = rule_of(t, m);
    set_state(t, m, RULE_PRESENT, rule->replaced);
    rule->wrong = true;
    rule->outdated = true;
}

void rule_on_failed(struct mapping_tables *t, uint16_t m, enum command_kind command, uint64_t now_ms)
{
    struct rule *rule = rule_of(t, m);
    try_later(rule, now_ms);
    if (command == COMMAND_SET)
        comment_is_unknown(rule);
    else if (command == COMMAND_REMOVE)
        set_state(t, m, RULE_PRESENT, rule->id);
    else if (rule->replaced != 0)
        keep_outdated(t, m);
    else
        set_state(t, m, RULE_ABSENT, 0);
}

void rule_on_lost(struct mapping_tables *t, uint16_t m, enum command_kind command, uint32_t snapshot)
{
    if (command == COMMAND_SET) {
        comment_is_unknown(rule_of(t, m));
        return;
    }
    rule_of(t, m)->seen = snapshot;
    set_state(t, m, RULE_UNSURE, 0);
}

bool rule_on_wanted_blindly(struct mapping_tables *t, uint16_t m, uint32_t snapshot)
{
    if (rule_of(t, m)->state != RULE_PRESENT)
        return false;
    rule_on_lost(t, m, COMMAND_REMOVE, snapshot);
    return true;
}

void rule_on_failed_unsure(struct mapping_tables *t, uint16_t m, enum command_kind command, uint32_t snapshot,
                           uint64_t now_ms)
{
    try_later(rule_of(t, m), now_ms);
    rule_on_lost(t, m, command, snapshot);
}

/* ---- what the router's table shows ---- */

void rule_on_row(struct mapping_tables *t, uint16_t m, const struct nat_rule *row, uint32_t snapshot)
{
    struct rule *rule = rule_of(t, m);
    bool same = rule->id == row->id;
    /* An earlier run may have ended before it looked for older connections, and then the mapping had no
     * external port yet, or this one may not know that its addition succeeded. */
    if (!same && (row->external_port == 0 || rule->state != RULE_ABSENT))
        mapping_note_fresh(t, m);
    set_state(t, m, RULE_PRESENT, row->id);
    rule->seen = snapshot;
    rule->wrong = !row->as_wanted || !rule_matches(t, m, row);
    rule->outdated = row->outdated && rule_matches(t, m, row);
    set_invalid(t, m, row->invalid);
    if (rule->comment_setting && same)
        return;
    rule->comment = (struct rule_comment){.external_port = row->external_port, .lease_s = row->lease_s};
    rule->comment_sure_s = rule_adopted_lease_s(row);
    rule->comment_stale = !row->comment_current;
}

void rule_on_row_early(struct mapping_tables *t, uint16_t m, uint32_t id, bool invalid, uint32_t snapshot)
{
    struct rule *rule = rule_of(t, m);
    set_invalid(t, m, invalid);
    if (id != 0)
        set_state(t, m, (enum rule_state)rule->state, id);
    rule->seen = snapshot;
}

void rule_on_id_void(struct mapping_tables *t, uint16_t m)
{
    /* An add is in flight on another connection, and its answer will arrive. */
    bool adding = rule_of(t, m)->state == RULE_ADDING;
    set_state(t, m, adding ? RULE_ADDING : RULE_UNSURE, 0);
}

void rule_on_gone(struct mapping_tables *t, uint16_t m)
{
    set_state(t, m, RULE_ABSENT, 0);
}

/* Two programs that undo each other's work must not send commands without a pause. Neither must the daemon
 * alone if the router prints a rule in an unknown form. */
unsigned rule_on_undone(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    struct rule *rule = rule_of(t, m);
    if (rule->added_ms + REMAKE_MS <= now_ms)
        rule->remakes = 0;
    else if (rule->remakes < UINT8_MAX)
        rule->remakes++;
    return remake_ms(rule) > now_ms ? (unsigned)((remake_ms(rule) - now_ms + 999) / 1000) : 0;
}

/* The daemon advertises no success for a rule that it knows only in part. */
void rule_on_changed(struct mapping_tables *t, uint16_t m)
{
    if (rule_of(t, m)->state == RULE_PRESENT)
        set_state(t, m, RULE_UNSURE, 0);
}

/* ---- what is to be done ---- */

void rule_spare(struct mapping_tables *t, uint32_t id)
{
    for (unsigned m = 1; m <= t->used_mappings; m++)
        if (t->mapping[m].rule.replaced == id && t->mapping[m].client != 0)
            rule_of(t, (uint16_t)m)->replaced = 0;
}

void rule_on_way_moved(struct mapping_tables *t, uint16_t m)
{
    struct rule *rule = rule_of(t, m);
    if (rule->state != RULE_PRESENT && rule->state != RULE_ADDING)
        return;
    rule->wrong = true;
    rule->outdated = true;
}

void rule_on_behind(struct mapping_tables *t, uint16_t m)
{
    assert(rule_of(t, m)->state == RULE_PRESENT);
    rule_on_way_moved(t, m);
}

void rule_set_blocked(struct mapping_tables *t, uint16_t m, bool blocked)
{
    rule_of(t, m)->blocked = blocked;
}

void rule_wait(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    rule_of(t, m)->retry_ms = now_ms + RETRY_FIRST_MS;
}

void rule_replace(struct mapping_tables *t, uint16_t m)
{
    rule_of(t, m)->wrong = rule_of(t, m)->state == RULE_PRESENT;
    rule_of(t, m)->outdated = false;
}

void rule_hurry(struct mapping_tables *t, uint16_t m)
{
    rule_of(t, m)->retry_ms = 0;
}
