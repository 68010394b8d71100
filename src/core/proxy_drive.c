/* What is follows what ought to be: one mapping at a time, then the queues towards router and gateway. */
#include "core/proxy_parts.h"

#include <assert.h>
#include <stdio.h>

enum {
    /* IANA's dynamic range, RFC 6335. */
    DYNAMIC_FIRST = 49152,
    DYNAMIC_LAST = 65535,
    /* A client that asks again at once gets the same answer, without a rule coming and going on the router.
     */
    REFUSED_MS = 2000,
    /* Resting records that may be given up in one search for a port. */
    EVICTIONS_MAX = 64,
};

struct mapping_text proxy_text(const struct proxy *p, uint16_t m)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    struct mapping_text text;
    snprintf(text.text, sizeof text.text, "client=%s protocol=%s internal=%u router=%u",
             address_text(mapping_address(&p->tables, m)).text,
             mapping->protocol == NATPMP_TCP ? "tcp" : "udp", (unsigned)mapping->internal_port,
             (unsigned)mapping->router_port);
    return text;
}

static enum natpmp_protocol other_protocol(const struct mapping *mapping)
{
    return mapping->protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
}

static bool ought(const struct mapping *mapping)
{
    return mapping->wanted && !mapping->moving;
}

/* Clients were told that it lives, and it is not over yet. */
static bool promised(const struct proxy *p, const struct mapping *mapping)
{
    return mapping->ends_ms > p->now_ms;
}

/* ---- choosing a router port ---- */

static bool port_available(const struct proxy *p, uint16_t m, uint16_t port)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    enum natpmp_protocol protocol = (enum natpmp_protocol)mapping->protocol;
    return port != 0 && !router_port_taken(&p->router, protocol, port) &&
           mapping_port_free(&p->tables, mapping_address(&p->tables, m), protocol, port);
}

/* Free of both protocols, so that the companion can have the same number later. High, as section 3.3 has it
 * for who suggests nothing [M-04]. */
static uint16_t random_port(struct proxy *p)
{
    const struct portset *sets[] = {&p->router.taken[0], &p->router.taken[1], &p->tables.router_ports};
    uint16_t start = (uint16_t)(DYNAMIC_FIRST + prng_below(&p->prng, DYNAMIC_LAST - DYNAMIC_FIRST + 1));
    uint16_t port = portset_find_free(sets, ARRAY_LEN(sets), DYNAMIC_FIRST, DYNAMIC_LAST, start);
    for (unsigned i = 0; port == 0 && p->tables.resting.first != 0 && i < EVICTIONS_MAX; i++) {
        mapping_free(&p->tables, p->tables.resting.first);
        port = portset_find_free(sets, ARRAY_LEN(sets), DYNAMIC_FIRST, DYNAMIC_LAST, start);
    }
    return port;
}

/* The companion's port, so that the gateway gives both protocols of a client's port one external port; then
 * what the client suggested; then any [M-05]. */
static uint16_t choose_port(struct proxy *p, uint16_t m)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint16_t companion = mapping_find(&p->tables, mapping_address(&p->tables, m), other_protocol(mapping),
                                      mapping->internal_port);
    if (mapping->moves > 0)
        return random_port(p);
    if (companion != 0 && port_available(p, m, p->tables.mapping[companion].router_port))
        return p->tables.mapping[companion].router_port;
    if (port_available(p, m, mapping->suggested_port))
        return mapping->suggested_port;
    return random_port(p);
}

/* Before anything is on the router or at the gateway the port may still be chosen: at first, when it is to
 * move, and when a foreign rule took it while it rested. */
static void settle_port(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool nowhere = mapping->rule == RULE_ABSENT && mapping->lease == LEASE_NONE && !mapping->asking;
    if (!mapping->wanted || !nowhere || !router_is_ready(&p->router))
        return;
    bool taken = mapping->router_port != 0 &&
                 router_port_taken(&p->router, (enum natpmp_protocol)mapping->protocol, mapping->router_port);
    if (mapping->router_port != 0 && !mapping->moving && (!taken || promised(p, mapping)))
        return;
    mapping->moving = false;
    mapping_set_router_port(&p->tables, m, choose_port(p, m));
    if (mapping->router_port != 0)
        return;
    mapping->refusal = NATPMP_OUT_OF_RESOURCES;
    actions_log(out, LOG_LEVEL_WARN, "mapping",
                "no router port is free: dst-nat rules on the router take the others %s",
                proxy_text(p, m).text);
}

/* ---- answers and ends ---- */

static void give_up(struct proxy *p, uint16_t m, enum natpmp_result result, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool goes_on = promised(p, mapping);
    actions_log(out, LOG_LEVEL_WARN, "mapping", "%s result=%u %s",
                goes_on ? "could not be renewed; it stays until its lease ends" : "could not be made",
                (unsigned)result, proxy_text(p, m).text);
    proxy_answer(p, m, result, 0, 0, out);
    if (goes_on)
        return;
    mapping->refused_until_ms = mapping->refusal != 0 ? p->now_ms + REFUSED_MS : 0;
    mapping->moving = false;
    mapping_set_wanted(&p->tables, m, false);
}

static uint32_t whole_seconds(uint64_t ms)
{
    return (uint32_t)((ms + 999) / 1000);
}

static void succeed(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    /* Never more than was asked (section 3.3 [M-18]), never more than the gateway's lease holds, and never
     * more than the rule's comment tells the next run: a renewal for longer gets the rest when it comes
     * again. */
    uint32_t lifetime_s = whole_seconds(mapping->lease_ends_ms - p->now_ms);
    lifetime_s = lifetime_s < mapping->asked_s ? lifetime_s : mapping->asked_s;
    lifetime_s = lifetime_s < mapping->comment_sure_s ? lifetime_s : mapping->comment_sure_s;
    uint16_t told_port = mapping->told_port;
    bool renewed = promised(p, mapping) && told_port != 0; /* an earlier run may have told one */
    enum log_level level = renewed && told_port == mapping->external_port ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    const char *what = !renewed ? "mapped" : level == LOG_LEVEL_DEBUG ? "renewed" : "changed";
    mapping->ends_ms = p->now_ms + (uint64_t)lifetime_s * 1000; /* [M-20] */
    mapping->adopted = false;
    mapping->told_port = mapping->external_port;
    if (level <= out->log_level)
        actions_log(out, level, "mapping", "%s %s external=%u lifetime=%u", what, proxy_text(p, m).text,
                    (unsigned)mapping->external_port, (unsigned)lifetime_s);
    proxy_answer(p, m, NATPMP_SUCCESS, mapping->external_port, lifetime_s, out);
}

static void settle_map(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool rule_holds = mapping->rule == RULE_PRESENT && !mapping->rule_wrong;
    bool lease_holds = mapping->lease == LEASE_GRANTED && mapping->lease_ends_ms > p->now_ms;
    if (mapping->refusal != 0)
        give_up(p, m, (enum natpmp_result)mapping->refusal, out);
    else if (ought(mapping) && rule_holds && lease_holds && !mapping->need_grant) /* both halves [N-08] */
        succeed(p, m, out);
    else if (mapping->work_since_ms + ANSWER_MS <= p->now_ms)
        give_up(p, m, NATPMP_NETWORK_FAILURE, out); /* section 3.5: never silence */
    else if (rule_holds && !lease_holds)
        mapping->need_grant = true; /* a short lease ran out while the router was away */
}

/* Of a deletion of everything: does a rule of that client and protocol still stand? */
static bool others_stand(const struct proxy *p, const struct mapping *all)
{
    const struct mapping_tables *t = &p->tables;
    for (uint16_t m = t->client[all->client].mappings.first; m != 0; m = t->of_client[m].next)
        if (t->mapping[m].protocol == all->protocol && t->mapping[m].delete_all &&
            t->mapping[m].rule != RULE_ABSENT)
            return true;
    return false;
}

/* Confirmed when nothing forwards to the client any more [D-03]; section 3.4 wants an error otherwise
 * [D-06]. */
static void settle_delete(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool all = mapping->internal_port == 0;
    bool gone = mapping->rule == RULE_ABSENT && !p->adopting && !(all && others_stand(p, mapping));
    if (!gone && mapping->work_since_ms + ANSWER_MS > p->now_ms)
        return;
    enum natpmp_result result = gone ? NATPMP_SUCCESS : NATPMP_NETWORK_FAILURE;
    if (gone && mapping->router_port != 0)
        actions_log(out, LOG_LEVEL_INFO, "mapping", "unmapped %s", proxy_text(p, m).text);
    else if (!gone)
        actions_log(out, LOG_LEVEL_WARN, "mapping", "the router has not removed the rule yet; trying on %s",
                    proxy_text(p, m).text);
    if (mapping->delete_all)
        proxy_delete_all_progress(p, m, result, out);
    proxy_answer(p, m, result, 0, 0, out);
}

/* Section 3.4: its time is over [M-21]. */
static void settle_end(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (!mapping->wanted || mapping->work == WORK_MAP || promised(p, mapping))
        return;
    actions_log(out, LOG_LEVEL_INFO, "mapping", "expired %s external=%u", proxy_text(p, m).text,
                (unsigned)mapping->external_port);
    mapping_set_wanted(&p->tables, m, false);
}

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
    if (mapping->rule_retry_ms > p->now_ms)
        return false;
    if (mapping->rule == RULE_ABSENT)
        return ought(mapping) && mapping->router_port != 0;
    if (mapping->rule != RULE_PRESENT || mapping->comment_setting)
        return false;
    return !ought(mapping) || mapping->rule_wrong || comment_outdated(mapping);
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
    if (ought(mapping) && !mapping->rule_wrong)
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

/* ---- what the gateway is to do ---- */

/* Half of a lease (section 3.3 [C-21]) that is shorter than what the clients were told. */
static uint64_t self_renewal_ms(const struct mapping *mapping)
{
    bool short_lease = mapping->lease == LEASE_GRANTED && mapping->lease_ends_ms + 1000 < mapping->ends_ms;
    return short_lease ? mapping->granted_ms + (uint64_t)mapping->granted_s * 500 : UINT64_MAX;
}

static bool wants_grant(const struct proxy *p, const struct mapping *mapping)
{
    if (!ought(mapping) || mapping->router_port == 0)
        return false;
    return (mapping->work == WORK_MAP && mapping->need_grant) || mapping->recover ||
           (mapping->lease == LEASE_NONE && promised(p, mapping)) || self_renewal_ms(mapping) <= p->now_ms;
}

static bool wants_release(const struct mapping *mapping)
{
    return !ought(mapping) && mapping->lease != LEASE_NONE;
}

static bool wants_gateway(const struct proxy *p, const struct mapping *mapping)
{
    return !mapping->asking && mapping->ask_retry_ms <= p->now_ms && mapping->copies_ms <= p->now_ms &&
           (wants_grant(p, mapping) || wants_release(mapping));
}

void proxy_client_turn(struct proxy *p, uint16_t c)
{
    struct mapping_tables *t = &p->tables;
    unsigned limit = p->stopping ? UPSTREAM_PARALLEL_MAX : 1;
    bool may = t->client[c].queue.first != 0 && t->client[c].asking < limit;
    if (may && !list_has(&t->client_ready, t->client_ready_link, c))
        list_push(&t->client_ready, t->client_ready_link, c);
}

/* A request that is not wanted any more is forgotten, but the gateway may have granted it: that is settled by
 * a deletion. */
static void forget_request(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (!mapping->asking || mapping->releasing || ought(mapping))
        return;
    upstream_cancel(&p->upstream, (enum natpmp_protocol)mapping->protocol, mapping->router_port);
    mapping->asking = false;
    mapping->forgotten = true;
    p->tables.client[mapping->client].asking--;
    proxy_client_turn(p, mapping->client);
    mapping->ask_retry_ms = 0;
    uint64_t ends_ms = p->now_ms + (uint64_t)mapping->asked_s * 1000;
    mapping->lease = LEASE_UNSURE;
    mapping->lease_ends_ms = ends_ms > mapping->lease_ends_ms ? ends_ms : mapping->lease_ends_ms;
}

static uint64_t lease_gone_ms(const struct mapping *mapping)
{
    return mapping->lease_gone_ms > mapping->lease_ends_ms ? mapping->lease_gone_ms : mapping->lease_ends_ms;
}

static void settle_lease(struct proxy *p, uint16_t m)
{
    struct mapping_tables *t = &p->tables;
    struct mapping *mapping = mapping_at(t, m);
    forget_request(p, m);
    if (!ought(mapping))
        proxy_recovered(p, m);
    if (!mapping->asking && !ought(mapping) && mapping->lease != LEASE_NONE &&
        lease_gone_ms(mapping) <= p->now_ms) {
        mapping->lease = LEASE_NONE; /* it ended by itself */
        mapping_set_external_port(t, m, 0);
    }
    struct client *client = &t->client[mapping->client];
    if (!wants_gateway(p, mapping) || list_has(&client->queue, t->to_ask, m))
        return;
    list_push(&client->queue, t->to_ask, m);
    proxy_client_turn(p, mapping->client);
}

static void ask_gateway(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool grant = ought(mapping);
    uint32_t lifetime_s = mapping->asked_s > 0 ? mapping->asked_s : 1;
    /* The gateway sends to the rule's port [C-18]. */
    upstream_ask(&p->upstream, m, (enum natpmp_protocol)mapping->protocol, mapping->router_port,
                 grant ? proxy_suggestion(p, m) : 0, grant ? lifetime_s : 0, p->now_ms, out);
    mapping->asking = true;
    mapping->releasing = !grant;
    p->tables.client[mapping->client].asking++;
}

/* Clients take turns, one request each at a time (RFC 6886 section 3.1), so that nobody waits for a busy
 * neighbour. At the end nobody is there to be disturbed, and everything goes at once. */
static void pump_upstream(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    while (t->client_ready.first != 0 && upstream_free(&p->upstream)) {
        if (!actions_room(out)) {
            p->more = true;
            return;
        }
        uint16_t c = list_pop(&t->client_ready, t->client_ready_link);
        uint16_t m = list_pop(&t->client[c].queue, t->to_ask);
        if (m != 0 && wants_gateway(p, mapping_at(t, m)))
            ask_gateway(p, m, out);
        proxy_client_turn(p, c);
    }
}

/* ---- one mapping ---- */

static uint64_t earliest(uint64_t due_ms, uint64_t at_ms, uint64_t now_ms)
{
    return at_ms > now_ms && at_ms < due_ms ? at_ms : due_ms;
}

static uint64_t next_due_ms(const struct proxy *p, const struct mapping *mapping)
{
    uint64_t now_ms = p->now_ms;
    uint64_t due_ms = UINT64_MAX;
    if (mapping->work != WORK_NONE)
        due_ms = earliest(due_ms, mapping->work_since_ms + ANSWER_MS, now_ms);
    if (mapping->wanted)
        due_ms = earliest(due_ms, mapping->ends_ms, now_ms);
    if (mapping->rule_retry_ms > now_ms)
        due_ms = earliest(due_ms, mapping->rule_retry_ms, now_ms);
    if (wants_grant(p, mapping) || wants_release(mapping)) {
        due_ms = earliest(due_ms, mapping->ask_retry_ms, now_ms);
        due_ms = earliest(due_ms, mapping->copies_ms, now_ms);
    }
    due_ms = earliest(due_ms, self_renewal_ms(mapping), now_ms);
    if (!ought(mapping) && mapping->lease != LEASE_NONE)
        due_ms = earliest(due_ms, lease_gone_ms(mapping), now_ms);
    return due_ms;
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
    settle_port(p, m, out);
    if (mapping->work == WORK_MAP)
        settle_map(p, m, out);
    else if (mapping->work == WORK_DELETE)
        settle_delete(p, m, out);
    settle_end(p, m, out);
    settle_lease(p, m);
    if (wants_router(p, mapping) && !list_has(&t->router, t->to_router, m))
        list_push(&t->router, t->to_router, m);
    uint64_t due_ms = next_due_ms(p, mapping);
    if (mapping_is_over(t, m)) {
        if (mapping->router_port == 0) {
            mapping_free(t, m);
            return;
        }
        mapping_rest(t, m);
        due_ms = p->now_ms + REST_MS;
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
        pump_upstream(p, out);
    } while (t->drive.first != 0 && actions_room(out));
    p->more = p->more || t->drive.first != 0;
    proxy_pump_addresses(p, out);
}
