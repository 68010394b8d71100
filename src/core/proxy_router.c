/* What the router's table shows, and how its answers change what we know of the rules. */
#include "core/proxy_parts.h"

#include <assert.h>

enum {
    /* For a rule whose comment does not say: the lifetime that most clients ask for. */
    ADOPTED_LEASE_S = 3600,
    PENDING_DELAY_MS = 1000,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30 * 1000,
    /* A rule that again and again does not last so long is not made anew at once: something is against it. */
    REMAKE_MS = 3 * 1000,
    REMAKES_MAX = 3,
};

static const char component[] = "mapping";

/* ---- rules as they stand on the router ---- */

static bool is_rule_of(const struct proxy *p, uint16_t m, const struct nat_rule *rule)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    return mapping->protocol == (unsigned)rule->protocol && mapping->router_port == rule->router_port &&
           mapping->internal_port == rule->internal_port && mapping_address(&p->tables, m) == rule->client;
}

/* Ids of before the last reconnect may name other rules by now. */
static bool id_is_valid(const struct proxy *p, const struct mapping *mapping)
{
    return mapping->rule_id != 0 && mapping->rule_seen >= p->router.ids_valid_from;
}

/* The router dealt its ids anew: a mapping that held this one before the reconnect must not be found by it.
 */
static void forget_stale_id(struct proxy *p, uint16_t m, uint32_t id)
{
    uint16_t stale = mapping_find_rule(&p->tables, id);
    if (stale == 0 || stale == m || id_is_valid(p, mapping_at(&p->tables, stale)))
        return;
    bool adding =
        mapping_at(&p->tables, stale)->rule == RULE_ADDING; /* on another connection: its answer comes */
    mapping_set_rule(&p->tables, stale, adding ? RULE_ADDING : RULE_UNSURE, 0);
}

/* For how long the next run would adopt it. */
static uint32_t lease_of(const struct nat_rule *rule)
{
    uint32_t lease_s = rule->lease_s != 0 ? rule->lease_s : ADOPTED_LEASE_S;
    return lease_s < LIFETIME_MAX_S ? lease_s : LIFETIME_MAX_S;
}

static void note_rule(struct proxy *p, uint16_t m, const struct nat_rule *rule)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    forget_stale_id(p, m, rule->id);
    mapping_set_rule(&p->tables, m, RULE_PRESENT, rule->id);
    mapping->rule_seen = p->router.snapshot;
    mapping->rule_wrong = !rule->as_wanted || !is_rule_of(p, m, rule);
    if (!mapping->comment_setting) {
        mapping->comment_port = rule->external_port;
        mapping->comment_lease_s = rule->lease_s;
        mapping->comment_sure_s = lease_of(rule);
        mapping->comment_stale = !rule->comment_current;
    }
    mapping_touch(&p->tables, m);
}

static void drop_rule(struct proxy *p, const struct nat_rule *rule, const char *why, struct actions *out)
{
    /* What the router refused to remove is found again and again. */
    enum log_level level = p->router.orphan_failures == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    actions_log(out, level, component, "a rule with our mark is removed: %s id=*%X router=%u client=%s", why,
                (unsigned)rule->id, (unsigned)rule->router_port, address_text(rule->client).text);
    router_orphan(&p->router, rule->id, p->now_ms);
}

/* A rule of an earlier run: it goes on until its lease is over, unless the client renews it. How much of the
 * lease is left is not known, so it gets all of it. */
static void adopt(struct proxy *p, const struct nat_rule *rule, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = mapping_find(t, rule->client, rule->protocol, rule->internal_port);
    bool other_port = m != 0 && mapping_at(t, m)->router_port != 0;
    if (other_port || !mapping_port_free(t, rule->client, rule->protocol, rule->router_port)) {
        drop_rule(p, rule, "there is another one for the same port", out);
        return;
    }
    if (m == 0)
        m = mapping_new(t, rule->client, rule->protocol, rule->internal_port);
    if (m == 0) {
        drop_rule(p, rule, "there is no room for it", out);
        return;
    }
    struct mapping *mapping = mapping_at(t, m);
    uint32_t lease_s = lease_of(rule);
    uint64_t ends_ms = p->now_ms + (uint64_t)lease_s * 1000;
    mapping_set_router_port(t, m, rule->router_port);
    mapping->asked_s = mapping->asked_s != 0 ? mapping->asked_s : lease_s;
    mapping_set_lease(t, m, LEASE_UNSURE);
    mapping->lease_ends_ms = ends_ms;
    mapping->told_port = rule->external_port;
    if (mapping->work != WORK_MAP) /* if the port is not known, the rule's is the best guess */
        mapping->suggested_port = rule->router_port;
    if (rule->external_port != 0 && mapping_find_external_port(t, rule->protocol, rule->external_port) == 0)
        mapping_set_external_port(t, m, rule->external_port);
    note_rule(p, m, rule);
    /* At the end it is undone with the others. */
    if (p->stopping || proxy_begin_held_delete(p, m))
        return;
    mapping_set_wanted(t, m, true);
    mapping->ends_ms = ends_ms;
    mapping->told_until_ms = ends_ms;
    mapping->adopted = true;
    proxy_recover(p, m);
    /* Those first whose external port is known: a new one for the others must not be it. */
    if (rule->external_port == 0)
        mapping_set_ask_retry(&p->tables, mapping, p->now_ms + PENDING_DELAY_MS);
    p->adopted++;
    actions_log(out, LOG_LEVEL_INFO, component, "adopted %s external=%u lifetime=%u", proxy_text(p, m).text,
                (unsigned)rule->external_port, (unsigned)lease_s);
}

/* Two programs that undo each other's work, or a router that prints a rule in a form that we do not know,
 * must not become a loop at the speed of the network. */
static void count_remake(struct proxy *p, struct mapping *mapping)
{
    if (mapping->rule_made_ms + REMAKE_MS <= p->now_ms)
        mapping->remakes = 0;
    else if (mapping->remakes < REMAKES_MAX)
        mapping->remakes++;
    else
        mapping_set_rule_retry(&p->tables, mapping, p->now_ms + RETRY_FIRST_MS);
}

/* The row shows the rule that this mapping holds by its id. */
static void known_rule(struct proxy *p, uint16_t m, const struct nat_rule *rule, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->rule != RULE_PRESENT) {
        mapping->rule_seen = p->router.snapshot; /* ADDING, REMOVING: its answer decides */
        return;
    }
    bool was_wrong = mapping->rule_wrong;
    note_rule(p, m, rule);
    if (mapping->rule_wrong && !was_wrong)
        count_remake(p, mapping);
    if (mapping->rule_wrong && !was_wrong && mapping->wanted)
        actions_log(out, LOG_LEVEL_WARN, component, "the rule was changed on the router; it is put back %s",
                    proxy_text(p, m).text);
}

/* The row shows a rule for the mapping's port under an id that was not known. */
static void found_rule(struct proxy *p, uint16_t m, const struct nat_rule *rule, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    switch ((enum rule_state)mapping->rule) {
    case RULE_ABSENT:
    case RULE_UNSURE:
        mapping_wake(&p->tables, m);
        note_rule(p, m, rule);
        return;
    case RULE_ADDING:
        if (!id_is_valid(p, mapping)) {
            mapping_set_rule(&p->tables, m, RULE_ADDING, rule->id); /* listen was faster than the answer */
            mapping->rule_seen = p->router.snapshot;
            return;
        }
        /* Two rules, and only the answer tells which of them was added: the look behind it drops the other.
         */
        router_look(&p->router, p->now_ms);
        return;
    case RULE_PRESENT:
        if (!id_is_valid(p, mapping)) {
            note_rule(p, m, rule);
            return;
        }
        break;
    case RULE_REMOVING:
        break;
    }
    drop_rule(p, rule, "there is another one for the same mapping", out);
}

static void take_rule(struct proxy *p, const struct nat_rule *rule, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = mapping_find_rule(t, rule->id);
    if (m != 0 && id_is_valid(p, mapping_at(t, m))) {
        known_rule(p, m, rule, out);
        return;
    }
    if (!rule->sound) {
        drop_rule(p, rule, "it makes no sense", out);
        return;
    }
    m = mapping_find_router_port(t, rule->protocol, rule->router_port);
    if (m != 0 && is_rule_of(p, m, rule))
        found_rule(p, m, rule, out);
    else if (p->adopting)
        adopt(p, rule, out);
    else
        drop_rule(p, rule, "it belongs to no mapping", out);
}

/* The id is gone, or its rule has lost our mark: then somebody took it over, and it is no longer ours to
 * touch. */
static void lose_rule(struct proxy *p, uint32_t id, bool removed, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = mapping_find_rule(t, id);
    if (m == 0 || !id_is_valid(p, mapping_at(t, m))) {
        if (removed)
            router_foreign_changed(&p->router, p->now_ms);
        return;
    }
    struct mapping *mapping = mapping_at(t, m);
    if (mapping->rule == RULE_ADDING) {
        mapping_set_rule(t, m, RULE_ADDING, 0);
        router_look(&p->router, p->now_ms); /* the answer to come will say that it is there */
    }
    if (mapping->rule != RULE_PRESENT)
        return;
    mapping_set_rule(t, m, RULE_ABSENT, 0);
    count_remake(p, mapping);
    mapping_touch(t, m);
    if (mapping->wanted)
        actions_log(out, LOG_LEVEL_WARN, component, "the rule was %s on the router; it is made again %s",
                    removed ? "removed" : "given another comment", proxy_text(p, m).text);
}

static void disabled_rule(struct proxy *p, uint32_t id)
{
    uint16_t m = mapping_find_rule(&p->tables, id);
    if (m == 0 || !id_is_valid(p, mapping_at(&p->tables, m)))
        return;
    mapping_at(&p->tables, m)->rule_wrong = mapping_at(&p->tables, m)->rule == RULE_PRESENT;
    mapping_touch(&p->tables, m);
}

/* No success is told on a rule of which only a part is known. */
static void changed_rule(struct proxy *p, uint32_t id)
{
    uint16_t m = mapping_find_rule(&p->tables, id);
    if (m == 0 || !id_is_valid(p, mapping_at(&p->tables, m)))
        return;
    if (mapping_at(&p->tables, m)->rule == RULE_PRESENT)
        mapping_set_rule(&p->tables, m, RULE_UNSURE, 0);
}

/* What the snapshot did not show is not there, and is made again (section 3.7 [N-06]). */
static void sweep(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint32_t snapshot = p->router.snapshot;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        uint16_t m = (uint16_t)i;
        struct mapping *mapping = mapping_at(t, m);
        bool missing = (mapping->rule == RULE_PRESENT && mapping->rule_seen != snapshot) ||
                       (mapping->rule == RULE_UNSURE && mapping->rule_seen < snapshot);
        if (mapping->client == 0 || (!missing && mapping->router_port != 0))
            continue;
        if (missing && mapping->rule == RULE_PRESENT && mapping->wanted)
            actions_log(out, LOG_LEVEL_WARN, component, "the rule is not on the router; it is made again %s",
                        proxy_text(p, m).text);
        if (missing)
            mapping_set_rule(t, m, RULE_ABSENT, 0);
        mapping_touch(t, m);
    }
}

static void snapshot_done(struct proxy *p, struct actions *out)
{
    sweep(p, out);
    if (!p->adopting)
        return;
    p->adopting = false;
    if (p->adopted > 0)
        actions_log(out, LOG_LEVEL_INFO, component, "rules of an earlier run were adopted rules=%u",
                    p->adopted);
}

/* ---- answers to our commands ---- */

static void added(struct proxy *p, uint16_t m, uint32_t id)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->rule_id != 0 && mapping->rule_id != id)
        router_orphan(&p->router, mapping->rule_id, p->now_ms);
    mapping->rule_seen = p->router.snapshot;
    mapping->add_failures = 0;
    mapping->rule_made_ms = p->now_ms;
    mapping->comment_sure_s = mapping->comment_lease_s;
    if (id == 0) {
        mapping_set_rule(&p->tables, m, RULE_UNSURE, 0);
        router_look(&p->router, p->now_ms);
        return;
    }
    mapping_set_rule(&p->tables, m, RULE_PRESENT, id);
}

static uint64_t backoff_ms(unsigned failures)
{
    uint64_t delay_ms = (uint64_t)RETRY_FIRST_MS << (failures < 5 ? failures : 5);
    return delay_ms < RETRY_MAX_MS ? delay_ms : RETRY_MAX_MS;
}

static void command_failed(struct proxy *p, const struct router_outcome *o)
{
    struct mapping *mapping = mapping_at(&p->tables, o->owner);
    mapping_set_rule_retry(&p->tables, mapping, p->now_ms + backoff_ms(mapping->add_failures));
    if (mapping->add_failures < UINT8_MAX)
        mapping->add_failures++;
    if (o->kind == COMMAND_REMOVE) {
        mapping_set_rule(&p->tables, o->owner, RULE_PRESENT, mapping->rule_id);
    } else if (o->kind == COMMAND_SET) {
        mapping->comment_setting = false;
        mapping->comment_stale = true;
    } else {
        mapping_set_rule(&p->tables, o->owner, RULE_ABSENT, 0);
        if (o->error == ROS_ERROR_PERMISSION)
            mapping->refusal = NATPMP_NOT_AUTHORIZED;
    }
    /* The interface or the rule is not what it was. */
    if (o->error == ROS_ERROR_INPUT || o->error == ROS_ERROR_NO_SUCH_ITEM)
        router_look(&p->router, p->now_ms);
}

static void command_lost(struct proxy *p, const struct router_outcome *o)
{
    struct mapping *mapping = mapping_at(&p->tables, o->owner);
    if (o->kind == COMMAND_SET) {
        mapping->comment_setting = false;
        mapping->comment_stale = true;
        return;
    }
    mapping->rule_seen = p->router.snapshot;
    mapping_set_rule(&p->tables, o->owner, RULE_UNSURE, 0);
}

static void command_ended(struct proxy *p, const struct router_outcome *o)
{
    uint16_t m = o->owner;
    if (m == 0)
        return; /* an orphan's removal; if it failed, a snapshot soon shows the rule again */
    struct mapping *mapping = mapping_at(&p->tables, m);
    assert(mapping->client != 0);
    switch (o->type) {
    case ROUTER_ADDED:
        assert(mapping->rule == RULE_ADDING);
        added(p, m, o->id);
        break;
    case ROUTER_REMOVED:
        assert(mapping->rule == RULE_REMOVING);
        mapping_set_rule(&p->tables, m, RULE_ABSENT, 0);
        break;
    case ROUTER_SET_DONE:
        mapping->comment_setting = false;
        mapping->comment_sure_s = mapping->comment_lease_s;
        break;
    case ROUTER_FAILED:
        command_failed(p, o);
        break;
    case ROUTER_LOST:
        command_lost(p, o);
        break;
    case ROUTER_RULE:
    case ROUTER_RULE_FOREIGN:
    case ROUTER_RULE_GONE:
    case ROUTER_RULE_DISABLED:
    case ROUTER_RULE_CHANGED:
    case ROUTER_SNAPSHOT_DONE:
        break;
    }
    mapping_touch(&p->tables, m);
}

void proxy_take_router(struct proxy *p, struct actions *out)
{
    struct router_outcome o;
    while (router_next(&p->router, p->now_ms, &o, out)) {
        switch (o.type) {
        case ROUTER_RULE:
            take_rule(p, &o.rule, out);
            break;
        case ROUTER_RULE_FOREIGN:
            lose_rule(p, o.id, false, out);
            break;
        case ROUTER_RULE_GONE:
            lose_rule(p, o.id, true, out);
            break;
        case ROUTER_RULE_DISABLED:
            disabled_rule(p, o.id);
            break;
        case ROUTER_RULE_CHANGED:
            changed_rule(p, o.id);
            break;
        case ROUTER_SNAPSHOT_DONE:
            snapshot_done(p, out);
            break;
        case ROUTER_ADDED:
        case ROUTER_REMOVED:
        case ROUTER_SET_DONE:
        case ROUTER_FAILED:
        case ROUTER_LOST:
            command_ended(p, &o);
            break;
        }
    }
}
