/* What is follows what ought to be: one mapping at a time, then the queues towards router and gateway. */
#include "core/proxy_parts.h"

/* ---- what the router is to do ---- */

static bool comment_outdated(const struct mapping *mapping)
{
    if (mapping->comment_stale)
        return true;
    if (mapping->lease != LEASE_GRANTED)
        return false;
    /* It must not promise less than the lease, nor much more. That it is not to the second spares the router
     * a command at each renewal. */
    return mapping->comment_port != mapping->external_port || mapping->granted_s > mapping->comment_lease_s ||
           mapping->granted_s < mapping->comment_lease_s / 2;
}

static bool wants_router(const struct proxy *p, const struct mapping *mapping)
{
    if (mapping_trouble(&p->tables, mapping)->rule_retry_ms > p->now_ms)
        return false;
    if (mapping->rule == RULE_ABSENT)
        return proxy_ought(mapping) && mapping->router_port != 0;
    if (mapping->rule != RULE_PRESENT || mapping->comment_setting)
        return false;
    return !proxy_ought(mapping) || mapping->rule_wrong || comment_outdated(mapping);
}

static uint32_t lease_for_comment(const struct mapping *mapping)
{
    return mapping->lease == LEASE_GRANTED ? mapping->granted_s : mapping->asked_s;
}

static bool add_rule(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    struct router_rule rule = {
        .protocol = (enum natpmp_protocol)mapping->protocol, /* and no other [M-07] [M-08] */
        .router_port = mapping->router_port,
        .client = mapping_address(&p->tables, m),
        .internal_port = mapping->internal_port,
        .external_port = mapping->external_port,
        .lease_s = lease_for_comment(mapping),
    };
    if (!router_add(&p->router, m, &rule, p->now_ms, out))
        return false;
    mapping->comment_port = rule.external_port;
    mapping->comment_lease_s = rule.lease_s;
    mapping_set_rule(&p->tables, m, RULE_ADDING, 0);
    return true;
}

static bool set_comment(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    uint32_t lease_s = lease_for_comment(mapping);
    if (!router_set_comment(&p->router, m, mapping->rule_id, mapping->external_port, lease_s, p->now_ms, out))
        return false;
    mapping->comment_port = mapping->external_port;
    mapping->comment_lease_s = lease_s;
    if (lease_s < mapping->comment_sure_s)
        mapping->comment_sure_s = lease_s;
    mapping->comment_stale = false;
    mapping->comment_setting = true;
    return true;
}

/* One command; false: the router cannot take it now. */
static bool command_router(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->rule == RULE_ABSENT)
        return add_rule(p, m, out);
    if (proxy_ought(mapping) && !mapping->rule_wrong)
        return set_comment(p, m, out);
    if (!router_remove(&p->router, m, mapping->rule_id, p->now_ms, out))
        return false;
    mapping_set_rule(&p->tables, m, RULE_REMOVING, mapping->rule_id);
    return true;
}

static void pump_router(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    while (router_is_ready(&p->router) && t->router.first != 0) {
        uint16_t m = t->router.first;
        if (!actions_room(out)) {
            p->more = true;
            return;
        }
        if (wants_router(p, mapping_at(t, m)) && !command_router(p, m, out))
            return;
        list_remove(&t->router, t->to_router, m);
    }
}

/* ---- one mapping ---- */

static uint64_t next_due_ms(const struct proxy *p, const struct mapping *mapping)
{
    uint64_t due_ms =
        proxy_sooner(p, proxy_settle_due_ms(p, mapping), mapping_trouble(&p->tables, mapping)->rule_retry_ms);
    return proxy_sooner(p, due_ms, proxy_ask_due_ms(p, mapping));
}

/* A mapping that lapsed is remembered for as long as a client may come back late to it. */
static uint64_t rest_until_ms(const struct proxy *p, const struct mapping *mapping)
{
    uint64_t until_ms = p->now_ms + REST_MS;
    bool lapsed = mapping->told_until_ms != 0 && p->config.lease_hold == LEASE_HOLD_AUTO;
    return lapsed && proxy_hold_ends_ms(mapping) > until_ms ? proxy_hold_ends_ms(mapping) : until_ms;
}

static void drive(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    struct mapping *mapping = mapping_at(t, m);
    if (list_has(&t->resting, t->resting_link, m)) {
        if (!heap_has(&t->due, m)) /* it was due: it has rested */
            mapping_free(t, m);
        return;
    }
    proxy_settle(p, m, out);
    proxy_settle_lease(p, m);
    proxy_note_spare(p, m);
    if (wants_router(p, mapping) && !list_has(&t->router, t->to_router, m))
        list_push(&t->router, t->to_router, m);
    uint64_t due_ms = next_due_ms(p, mapping);
    if (mapping_is_over(t, m)) {
        if (mapping->router_port == 0) {
            mapping_free(t, m);
            return;
        }
        mapping_rest(t, m, p->now_ms);
        uint16_t next =
            mapping_find_external_port(t, (enum natpmp_protocol)mapping->protocol, mapping->router_port);
        if (next != 0 && proxy_is_symmetric(p))
            mapping_touch(t, next); /* it waits for this port */
        due_ms = rest_until_ms(p, mapping);
    }
    heap_set(&t->due, m, due_ms);
}

void proxy_drive(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    while (heap_due_ms(&t->due) <= p->now_ms) {
        uint16_t m = heap_first(&t->due);
        heap_set(&t->due, m, UINT64_MAX);
        mapping_touch(t, m);
    }
    do {
        while (t->drive.first != 0 && actions_room(out))
            drive(p, list_pop(&t->drive, t->to_drive), out);
        pump_router(p, out);
        proxy_pump_upstream(p, out);
    } while (t->drive.first != 0 && actions_room(out));
    p->more = p->more || t->drive.first != 0;
    proxy_pump_addresses(p, out);
}
