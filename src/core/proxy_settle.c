/* Of one mapping: its router port, the answers that it owes, and its end. */
#include "core/proxy_parts.h"

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

/* ---- choosing a router port ---- */

bool proxy_port_available(const struct proxy *p, uint16_t m, uint16_t port)
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
    uint16_t companion = mapping_find(&p->tables, mapping_address(&p->tables, m),
                                      proxy_other_protocol(mapping), mapping->internal_port);
    if (mapping->moves > 0)
        return random_port(p);
    if (companion != 0 && proxy_port_available(p, m, p->tables.mapping[companion].router_port))
        return p->tables.mapping[companion].router_port;
    if (proxy_port_available(p, m, mapping->suggested_port))
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
    if (mapping->router_port != 0 && !mapping->moving && (!taken || proxy_promised(p, mapping)))
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
    bool goes_on = proxy_promised(p, mapping);
    actions_log(out, mapping->failure == result ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "mapping",
                "%s result=%u %s",
                goes_on ? "could not be renewed; it stays until it ends by itself" : "could not be made",
                (unsigned)result, proxy_text(p, m).text);
    proxy_answer(p, m, result, 0, 0, out);
    mapping->failure = (uint8_t)result;
    mapping->told_until_ms = 0;
    if (goes_on)
        return;
    if (mapping->refusal != 0)
        mapping_in_trouble(&p->tables, mapping)->refused_until_ms = p->now_ms + REFUSED_MS;
    mapping->moving = false;
    mapping_set_wanted(&p->tables, m, false);
}

static uint32_t whole_seconds(uint64_t ms)
{
    return (uint32_t)((ms + 999) / 1000);
}

/* Clients that renew on a clock of their own, whatever they were granted, find their port as it was. */
static bool is_held(const struct proxy *p, const struct mapping *mapping)
{
    switch (p->config.lease_hold) {
    case LEASE_HOLD_AUTO:
        return p->tables.client[mapping->client].late;
    case LEASE_HOLD_ALWAYS:
        return true;
    case LEASE_HOLD_OFF:
        break;
    }
    return false;
}

/* The same answer, as far as it is still true. */
static void answer_again(struct proxy *p, uint16_t m, uint64_t left_ms, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    uint64_t told_ms = mapping->told_until_ms - p->now_ms;
    uint32_t lifetime_s = whole_seconds(told_ms < left_ms ? told_ms : left_ms);
    mapping->told_port = mapping->external_port;
    proxy_answer(p, m, NATPMP_SUCCESS, mapping->external_port, lifetime_s, out);
}

static void succeed(struct proxy *p, uint16_t m, uint32_t lifetime_s, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    /* Never more than was asked (section 3.3 [M-18]), and never more than the rule's comment tells the next
     * run: a renewal for longer gets the rest when it comes again. */
    lifetime_s = lifetime_s < mapping->asked_s ? lifetime_s : mapping->asked_s;
    lifetime_s = lifetime_s < mapping->comment_sure_s ? lifetime_s : mapping->comment_sure_s;
    uint16_t told_port = mapping->told_port;
    bool renewed = proxy_promised(p, mapping) && told_port != 0; /* an earlier run may have told one */
    enum log_level level = renewed && told_port == mapping->external_port ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    const char *what = !renewed ? "mapped" : level == LOG_LEVEL_DEBUG ? "renewed" : "changed";
    mapping->failure = NATPMP_SUCCESS;
    mapping->told_ms = p->now_ms;
    mapping->told_until_ms = p->now_ms + (uint64_t)lifetime_s * 1000; /* [M-20] */
    mapping->ends_ms = mapping->told_until_ms;
    if (is_held(p, mapping) && proxy_hold_ends_ms(mapping) > mapping->ends_ms)
        mapping->ends_ms = proxy_hold_ends_ms(mapping);
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
    bool rule_holds = mapping->rule == RULE_PRESENT && !mapping->rule_wrong &&
                      (!proxy_is_symmetric(p) || mapping->router_port == mapping->external_port);
    bool lease_holds = mapping->lease == LEASE_GRANTED && mapping->lease_sure_ms > p->now_ms;
    bool holds = proxy_ought(mapping) && rule_holds && lease_holds && mapping->pair != PAIR_REJOINS;
    uint64_t left_ms = lease_holds ? mapping->lease_sure_ms - p->now_ms : 0;
    /* While the gateway may have started anew, only its word counts. */
    bool from_memory = holds && !p->upstream.epoch_doubted;
    bool no_room = mapping->gateway_result == NATPMP_OUT_OF_RESOURCES;
    bool again = mapping->again && mapping->told_until_ms > p->now_ms;
    if (mapping->refusal != 0)
        give_up(p, m, (enum natpmp_result)mapping->refusal, out);
    else if (again && from_memory)
        answer_again(p, m, left_ms, out);
    else if (holds && !again && !mapping->need_grant &&
             mapping->pair == PAIR_SETTLED) /* both halves [N-08] */
        succeed(p, m, whole_seconds(left_ms), out);
    else if (from_memory && left_ms >= 1000 && mapping->work_since_ms + MEMORY_MS <= p->now_ms)
        succeed(p, m, (uint32_t)(left_ms / 1000), out);       /* from memory; the gateway is asked on */
    else if (mapping->work_since_ms + ANSWER_MS <= p->now_ms) /* section 3.5: never silence */
        give_up(p, m, no_room ? NATPMP_OUT_OF_RESOURCES : NATPMP_NETWORK_FAILURE, out);
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
    if (!mapping->wanted || mapping->work == WORK_MAP || proxy_promised(p, mapping))
        return;
    actions_log(out, LOG_LEVEL_INFO, "mapping", "expired %s external=%u", proxy_text(p, m).text,
                (unsigned)mapping->external_port);
    mapping_set_wanted(&p->tables, m, false);
}

/* ---- all of it ---- */

void proxy_settle(struct proxy *p, uint16_t m, struct actions *out)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    if (proxy_is_symmetric(p))
        proxy_follow_port(p, m, out);
    else
        settle_port(p, m, out);
    if (mapping->work == WORK_MAP)
        settle_map(p, m, out);
    else if (mapping->work == WORK_DELETE)
        settle_delete(p, m, out);
    settle_end(p, m, out);
}

uint64_t proxy_settle_due_ms(const struct proxy *p, const struct mapping *mapping)
{
    uint64_t due_ms = UINT64_MAX;
    if (mapping->work != WORK_NONE)
        due_ms = proxy_sooner(p, due_ms, mapping->work_since_ms + ANSWER_MS);
    if (mapping->work == WORK_MAP)
        due_ms = proxy_sooner(p, due_ms, mapping->work_since_ms + MEMORY_MS);
    if (mapping->wanted) {
        due_ms = proxy_sooner(p, due_ms, mapping->told_until_ms);
        due_ms = proxy_sooner(p, due_ms, mapping->ends_ms);
    }
    return due_ms;
}
