#include "core/on_router.h"

#include <assert.h>

#include "core/adoption.h"
#include "core/port.h"
#include "core/standby.h"
#include "core/statics.h"
#include "core/strategy.h"
#include "core/target.h"

static const char component[] = "mapping";

enum {
    /* Rows from before the way moved may arrive so long after that. */
    MOVED_MS = 5000,
    /* RouterOS may not report that a rule is valid again. */
    INVALID_MS = 60 * 1000,
};

/* ---- the rules in the router's table ---- */

static bool id_is_valid(const struct proxy *p, uint16_t m)
{
    return m != 0 && rule_id_is_valid(&p->tables.mapping[m], p->router.ids_valid_from);
}

/* Returns the mapping whose rule has this id, if the id was learned on the present connection; 0: none. */
static uint16_t find_rule(const struct proxy *p, uint32_t id)
{
    uint16_t m = mapping_find_rule(&p->tables, id);
    return id_is_valid(p, m) ? m : 0;
}

/* RouterOS would refuse another rule for an interface that does not exist, or make it invalid, too. So the
 * daemon waits until the rule is valid again, or the way to the gateway has another interface. */
static void report_invalid(struct proxy *p, uint16_t m, bool was_invalid, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (!mapping->rule.invalid || was_invalid)
        return;
    router_way_sign(&p->router, step->now_ms);
    rule_wait(&p->tables, m, step->now_ms);
    if (mapping->wanted)
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the router says that the rule is invalid, so it forwards nothing; double-natpmp waits "
                    "until it is valid %s fix=\"" FAILURE_SHOW_INVALID "\"",
                    mapping_text(&p->tables, m).text);
}

static void note_rule(struct proxy *p, uint16_t m, const struct nat_rule *row, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    bool was_invalid = mapping_at(t, m)->rule.invalid;
    /* RouterOS may number its items anew at a reboot. A mapping that had this id before the connection was
     * lost must not be found by it any more. */
    uint16_t stale = mapping_find_rule(t, row->id);
    if (stale != 0 && stale != m && !id_is_valid(p, stale))
        rule_on_id_void(t, stale);
    rule_on_row(t, m, row, p->router.snapshot);
    report_invalid(p, m, was_invalid, step);
    mapping_touch(t, m);
}

/* A daemon that stops makes no claim. */
static void note_strange_rule(struct proxy *p, const struct step *step)
{
    if (!p->stopping)
        router_suspect(&p->router, step->now_ms);
}

static void drop_rule(struct proxy *p, const struct nat_rule *row, const char *why, const struct step *step)
{
    /* A rule that the router refuses to remove appears in each resync. Only the first time is worth a
     * warning. */
    enum log_level level = p->router.orphan_failures == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    actions_log(step->out, level, component,
                "removing a rule with the mark of this instance: %s id=*%X router=%u client=%s", why,
                (unsigned)row->id, (unsigned)row->router_port, address_text(row->client).text);
    note_strange_rule(p, step);
    router_orphan(&p->router, row->id, step->now_ms);
}

/* Keeps a rule of an earlier run, or removes it if no mapping can have it. */
static void adopt(struct proxy *p, const struct nat_rule *row, const struct step *step)
{
    const char *why = NULL;
    uint16_t m = adoption_find(p, row, step, &why);
    if (m == 0) {
        drop_rule(p, row, why, step);
        return;
    }
    note_strange_rule(p, step);
    note_rule(p, m, row, step);
    adoption_begin(p, m, row, step);
}

/* Rows of the listen and of a snapshot may still have the interface from before. */
static bool way_moved(const struct proxy *p, const struct step *step)
{
    return p->router.moved_ms != 0 && step->now_ms < p->router.moved_ms + MOVED_MS;
}

/* True: the log says that the next rule waits. */
static bool note_undone(struct proxy *p, uint16_t m, const struct step *step)
{
    unsigned pause_s = rule_on_undone(&p->tables, m, step->now_ms);
    if (pause_s == 0)
        return false;
    actions_log(
        step->out, LOG_LEVEL_WARN, component,
        "somebody removes or changes the rule again and again; the mapping does not work, the next rule is "
        "added in %u s %s fix=\"find the script or program that "
        "does it, and remove the rules that it left under another comment\"",
        pause_s, mapping_text(&p->tables, m).text);
    return true;
}

/* Somebody changed or disabled the rule: it is replaced, but not at the speed of the network if that happens
 * each time. */
static void report_spoiled(struct proxy *p, uint16_t m, bool was_wrong, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (!mapping->rule.wrong || was_wrong || mapping->rule.invalid)
        return;
    if (mapping->rule.outdated && way_moved(p, step))
        return; /* the log has said it */
    if (mapping->rule.outdated) {
        actions_log(step->out, LOG_LEVEL_INFO, component,
                    "the tunnel's address on the router changed; double-natpmp replaces the rule %s",
                    mapping_text(&p->tables, m).text);
        return;
    }
    if (mapping->wanted && !note_undone(p, m, step))
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "somebody changed the rule on the router; double-natpmp replaces it %s",
                    mapping_text(&p->tables, m).text);
}

/* Handles a row whose id is the id of this mapping's rule. */
static void known_rule(struct proxy *p, uint16_t m, const struct nat_rule *row, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->rule.state != RULE_PRESENT) {
        /* the answer to the command decides */
        rule_on_row_early(&p->tables, m, 0, row->invalid, p->router.snapshot);
        return;
    }
    bool was_wrong = mapping->rule.wrong;
    bool was_outdated = mapping->rule.outdated || way_moved(p, step);
    note_rule(p, m, row, step);
    if (row->elsewhere && !row->invalid && !was_outdated)
        rule_replace(&p->tables, m); /* somebody changed the interface */
    report_spoiled(p, m, was_wrong, step);
}

/* Handles a row that says only that the rule was disabled. */
static void disabled_rule(struct proxy *p, uint16_t m, const struct step *step)
{
    bool was_wrong = mapping_at(&p->tables, m)->rule.wrong;
    rule_replace(&p->tables, m);
    mapping_touch(&p->tables, m);
    report_spoiled(p, m, was_wrong, step);
}

/* The outdated rule was being replaced when the connection ended: the new one is there, and the old one is
 * left. */
static void take_replacement(struct proxy *p, uint16_t m, const struct nat_rule *row, const struct step *step)
{
    router_orphan(&p->router, mapping_at(&p->tables, m)->rule.id, step->now_ms);
    note_rule(p, m, row, step);
}

/* Handles a row that is a rule for this mapping's port, but has an unknown id. */
static void found_rule(struct proxy *p, uint16_t m, const struct nat_rule *row, const struct step *step)
{
    switch ((enum rule_state)mapping_at(&p->tables, m)->rule.state) {
    case RULE_ABSENT:
    case RULE_UNSURE:
        router_rule_is_made(&p->router, step->out);
        mapping_wake(&p->tables, m);
        note_rule(p, m, row, step);
        return;
    case RULE_ADDING:
        if (row->id == mapping_at(&p->tables, m)->rule.replaced)
            return; /* a snapshot shows the outdated rule */
        /* Listen may report the new rule before the answer to the add. If listen then reports a second rule,
         * only the answer shows which one was added, and the resync removes the other. */
        if (!id_is_valid(p, m))
            rule_on_row_early(&p->tables, m, row->id, row->invalid, p->router.snapshot);
        else
            router_resync(&p->router, step->now_ms);
        return;
    case RULE_PRESENT:
        if (!id_is_valid(p, m)) {
            note_rule(p, m, row, step);
            return;
        }
        if (mapping_at(&p->tables, m)->rule.wrong && row->as_wanted) {
            take_replacement(p, m, row, step);
            return;
        }
        break;
    case RULE_REMOVING:
        break;
    }
    drop_rule(p, row, "another rule is for the same mapping", step);
}

/* ---- the place of the rules in the table ---- */

/* Our rules are put to the front together, after a snapshot. */
static bool may_move_to_front(struct proxy *p, bool doubtful, const struct step *step)
{
    static const struct bucket_limit limit = {FRONT_BURST, FRONT_INTERVAL_S * 1000000U};
    unsigned place = (unsigned)p->router.next_place;
    if (p->front_snapshot == p->router.snapshot)
        return true;
    if (bucket_due_ms(&p->front_budget, limit, 1) > step->now_ms) {
        if (!p->front_given_up)
            actions_log(step->out, LOG_LEVEL_WARN, component,
                        "another rule is put before those of double-natpmp again and again and takes their "
                        "connections; retrying in %u min rule=*%X "
                        "fix=\"/ip/firewall/nat/print where .id=*%X; find out what adds or moves that rule\"",
                        FRONT_INTERVAL_S / 60U, place, place);
        p->front_given_up = true;
        return false;
    }
    bucket_take(&p->front_budget, limit, step->now_ms);
    p->front_snapshot = p->router.snapshot;
    p->front_given_up = false;
    actions_log(step->out, LOG_LEVEL_WARN, component,
                "another rule stands before the rules of double-natpmp and %s their connections; "
                "double-natpmp puts its rules in front rule=*%X",
                doubtful ? "may take" : "takes", place);
    return true;
}

/* Another port would be no better: all that are free are in doubt. */
static bool only_doubt_is_left(const struct proxy *p, uint16_t m)
{
    uint16_t port = port_free_from(&p->tables, &p->router, m, PORT_DYNAMIC_FIRST);
    return port == 0 || router_port_doubted(&p->router, mapping_protocol(&p->tables.mapping[m]), port);
}

/* Our rule cannot be put before the one that takes its connections. */
static void leave_port(struct proxy *p, uint16_t m, const struct router_outcome *o, const struct step *step)
{
    bool moves = o->port_named && p->strategy->moves;
    bool barred = p->router.bar[o->rule.protocol] != 0;
    /* Connections may arrive as well, and then nothing is to be done. */
    if (o->doubtful && (!moves || only_doubt_is_left(p, m)))
        return;
    actions_log(step->out, LOG_LEVEL_WARN, component,
                "another rule %s the connections of a mapping, and none can be put before it; %s %s",
                o->doubtful ? "may take" : "takes",
                moves && !barred ? "another port is used if one is free" : "they do not arrive",
                mapping_text(&p->tables, m).text);
    if (moves)
        mapping_set_moving(&p->tables, m, true);
    else
        rule_set_hidden(&p->tables, m, !o->doubtful);
}

static bool place_matters(const struct mapping *mapping)
{
    return mapping->rule.state == RULE_PRESENT && !mapping->rule.wrong && mapping_is_wanted_here(mapping);
}

/* A snapshot has shown where the rule stands. */
static void note_place(struct proxy *p, const struct router_outcome *o, const struct step *step)
{
    uint16_t m = o->place != PLACE_GOOD || p->tables.hidden > 0 ? find_rule(p, o->rule.id) : 0;
    const struct mapping *mapping = &p->tables.mapping[m];
    if (m == 0 || !place_matters(mapping))
        return;
    rule_set_blocked(&p->tables, m, o->place == PLACE_BLOCKED && !o->port_named);
    rule_set_hidden(&p->tables, m, false);
    if (o->place == PLACE_BEHIND && may_move_to_front(p, o->doubtful, step))
        rule_on_behind(&p->tables, m);
    else if (o->port_named || o->place == PLACE_BLOCKED)
        leave_port(p, m, o, step);
    else if (o->place == PLACE_BEHIND)
        rule_set_hidden(&p->tables, m, !o->doubtful);
    mapping_touch(&p->tables, m);
}

/* Only the end of the snapshot shows where a jump leads that stands before our rule. */
static void leave_barred(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    struct router_outcome o = {.rule.protocol = mapping_protocol(mapping), .port_named = true};
    enum cover cover = taken_ports_barred(&p->router.taken_ports[o.rule.protocol], mapping->router_port);
    rule_set_blocked(&p->tables, m, false);
    o.doubtful = cover == COVER_MAYBE;
    if (cover != COVER_NONE && place_matters(mapping))
        leave_port(p, m, &o, step);
}

/* ---- rows ---- */

static void take_rule(struct proxy *p, const struct nat_rule *row, const struct step *step)
{
    uint16_t m = find_rule(p, row->id);
    if (m != 0) {
        known_rule(p, m, row, step);
        return;
    }
    if (!row->sound) {
        drop_rule(p, row, "it is not complete", step);
        return;
    }
    m = mapping_find_router_port(&p->tables, row->protocol, row->router_port);
    if (m != 0 && rule_matches(&p->tables, m, row))
        found_rule(p, m, row, step);
    else if (p->adopting)
        adopt(p, row, step);
    else
        drop_rule(p, row, "no mapping needs it", step);
}

/* The rule was removed, or it has lost our mark. In the second case somebody else uses the rule now, and the
 * daemon must not change it any more. */
static void lose_rule(struct proxy *p, uint32_t id, bool removed, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = find_rule(p, id);
    if (!removed) {
        router_spare(&p->router, id);
        rule_spare(t, id);
    }
    if (m == 0) {
        if (removed)
            router_foreign_changed(&p->router, step->now_ms);
        return;
    }
    const struct mapping *mapping = mapping_at(t, m);
    if (mapping->rule.state == RULE_ADDING) {
        rule_on_id_void(t, m);
        router_resync(&p->router, step->now_ms); /* the answer to the add will say that the rule exists */
    }
    if (mapping->rule.state != RULE_PRESENT)
        return;
    rule_on_gone(t, m);
    mapping_touch(t, m);
    if (mapping->wanted && !note_undone(p, m, step))
        actions_log(step->out, LOG_LEVEL_WARN, component, "somebody %s; double-natpmp adds another one %s",
                    removed ? "removed the rule on the router"
                            : "changed the comment of the rule, which is foreign now",
                    mapping_text(t, m).text);
}

/* A rule that the snapshot does not contain does not exist, and the daemon adds it again (section 3.7
 * [N-06]). */
static void sweep(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint32_t snapshot = p->router.snapshot;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        uint16_t m = (uint16_t)i;
        const struct mapping *mapping = mapping_at(t, m);
        if (mapping->rule.blocked)
            leave_barred(p, m, step);
        bool present = mapping->rule.state == RULE_PRESENT && mapping->rule.seen != snapshot;
        bool unsure = mapping->rule.state == RULE_UNSURE && mapping->rule.seen < snapshot;
        bool missing = present || unsure;
        if (mapping->client == 0 || (!missing && mapping->router_port != 0 && !mapping->moving))
            continue;
        if (present && mapping->wanted)
            actions_log(step->out, LOG_LEVEL_WARN, component,
                        "the rule is missing on the router; double-natpmp adds it again %s",
                        mapping_text(t, m).text);
        if (missing)
            rule_on_gone(t, m);
        mapping_touch(t, m);
    }
}

/* A counter of a rule that is no mapping's is not of interest. */
static void take_counters(struct proxy *p, const struct router_outcome *o)
{
    uint16_t m = o->counters.known ? find_rule(p, o->id) : 0;
    if (m != 0)
        arrivals_on_counted(&p->tables, m, &o->counters, p->router.counters.read_ms);
}

static void snapshot_done(struct proxy *p, const struct step *step)
{
    target_expel(p, step);
    statics_begin(p, step);
    sweep(p, step);
    adoption_end(p, step);
    if (p->tables.invalid > 0)
        router_resync_later(&p->router, step->now_ms + INVALID_MS);
}

/* Rules follow the way, each new one first, so that at no time a packet finds none. Those that wait for the
 * way go on. */
static void way_changed(struct proxy *p, bool moved)
{
    struct mapping_tables *t = &p->tables;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        uint16_t m = (uint16_t)i;
        if (mapping_at(t, m)->client == 0)
            continue;
        if (moved)
            rule_on_way_moved(t, m);
        mapping_touch(t, m);
    }
}

/* ---- answers to our commands ---- */

static void added(struct proxy *p, uint16_t m, uint32_t id, const struct step *step)
{
    const struct rule *rule = &mapping_at(&p->tables, m)->rule;
    if (id == 0 && id_is_valid(p, m))
        id = rule->id; /* the answer names none, but a row of listen has shown the rule */
    if (rule->id != 0 && rule->id != id)
        router_orphan(&p->router, rule->id, step->now_ms);
    if (id == 0 && rule->replaced != 0) /* the next snapshot shows both, and which of them is the new one */
        rule_wait(&p->tables, m, step->now_ms);
    else if (rule->replaced != 0 && rule->seen >= p->router.ids_valid_from)
        router_orphan(&p->router, rule->replaced, step->now_ms);
    rule_on_added(&p->tables, m, id, p->router.snapshot, step->now_ms);
    if (id == 0)
        router_resync(&p->router, step->now_ms);
    /* A rule that took the port meanwhile may stand before ours. */
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (router_port_taken(&p->router, mapping_protocol(mapping), mapping->router_port))
        router_foreign_changed(&p->router, step->now_ms);
}

/* These errors come before the router carries anything out. Others may come behind it, for instance of an
 * action that took too long. */
static bool is_refusal(enum ros_error error)
{
    return error == ROS_ERROR_PERMISSION || error == ROS_ERROR_INPUT ||
           error == ROS_ERROR_UNKNOWN_PARAMETER || error == ROS_ERROR_NO_COMMAND;
}

static void command_failed(struct proxy *p, const struct router_outcome *o, const struct step *step)
{
    const struct rule *rule = &mapping_at(&p->tables, o->owner)->rule;
    bool listened = o->kind == COMMAND_ADD && rule->id != 0;
    bool moved = o->kind == COMMAND_ADD && rule->wrong; /* the rule that it replaces may be right now */
    if (is_refusal(o->error) && !listened && !moved) {
        rule_on_failed(&p->tables, o->owner, o->kind, step->now_ms);
    } else {
        rule_on_failed_unsure(&p->tables, o->owner, o->kind, p->router.snapshot, step->now_ms);
        router_resync(&p->router, step->now_ms);
    }
    if (o->kind == COMMAND_ADD && o->error == ROS_ERROR_PERMISSION)
        job_refuse(&p->tables, o->owner, NATPMP_NOT_AUTHORIZED);
    /* The interface or the rule has changed since the last resync. */
    if (o->error == ROS_ERROR_INPUT || o->error == ROS_ERROR_NO_SUCH_ITEM)
        router_resync(&p->router, step->now_ms);
    if (o->error == ROS_ERROR_INPUT)
        router_way_sign(&p->router, step->now_ms);
}

static void command_ended(struct proxy *p, const struct router_outcome *o, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = o->owner;
    if (m == 0)
        return; /* the removal of an orphan; if it failed, a later resync finds the rule again */
    assert(mapping_at(t, m)->client != 0);
    if (o->type == ROUTER_ADDED)
        added(p, m, o->id, step);
    else if (o->type == ROUTER_REMOVED)
        rule_on_gone(t, m);
    else if (o->type == ROUTER_SET_DONE)
        rule_on_comment_set(t, m);
    else if (o->type == ROUTER_FAILED)
        command_failed(p, o, step);
    else
        rule_on_lost(t, m, o->kind, p->router.snapshot);
    mapping_touch(t, m);
}

void on_router(struct proxy *p, const struct step *step)
{
    struct router_outcome o;
    while (router_next(&p->router, &o, step)) {
        uint16_t m = find_rule(p, o.id);
        if (p->standing_by && o.type != ROUTER_SERVE)
            continue; /* the rules are the other daemon's */
        switch (o.type) {
        case ROUTER_RULE:
            take_rule(p, &o.rule, step);
            note_place(p, &o, step);
            take_counters(p, &o);
            break;
        case ROUTER_COUNTED:
            take_counters(p, &o);
            break;
        case ROUTER_RULE_FOREIGN:
            lose_rule(p, o.id, false, step);
            break;
        case ROUTER_RULE_GONE:
            lose_rule(p, o.id, true, step);
            break;
        case ROUTER_RULE_DISABLED:
            if (m != 0)
                disabled_rule(p, m, step);
            break;
        case ROUTER_RULE_CHANGED:
            if (m != 0)
                rule_on_changed(&p->tables, m);
            break;
        case ROUTER_SNAPSHOT_DONE:
            snapshot_done(p, step);
            break;
        case ROUTER_WAY_FOUND:
        case ROUTER_WAY_MOVED:
            way_changed(p, o.type == ROUTER_WAY_MOVED);
            break;
        case ROUTER_ADDED:
        case ROUTER_REMOVED:
        case ROUTER_SET_DONE:
        case ROUTER_FAILED:
        case ROUTER_LOST:
            command_ended(p, &o, step);
            break;
        case ROUTER_STAND_BY:
            standby_begin(p, step);
            break;
        case ROUTER_SERVE:
            standby_end(p, step);
            break;
        }
    }
}
