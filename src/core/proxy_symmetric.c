/* GATEWAY_MODE=symmetric: a gateway that forwards port n to port n only, and chooses n. It has one port for
 * each protocol, and knows it by the internal port 0 that it is asked for. */
#include "core/proxy_parts.h"

enum {
    /* A port is being given up for who asks now. */
    ROOM_RETRY_MS = 250,
};

/* ---- the rule goes where the port is ---- */

/* Who only rests there gives way: the port is the gateway's choice. True if one that is about to end has it
 * yet. */
static bool evict_resting(struct proxy *p, uint16_t m, uint16_t port)
{
    struct mapping_tables *t = &p->tables;
    bool ending = false;
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        uint16_t r = mapping_find_router_port(t, (enum natpmp_protocol)protocol, port);
        if (r == 0 || r == m)
            continue;
        if (list_has(&t->resting, t->resting_link, r))
            mapping_free(t, r);
        else if (protocol == mapping_at(t, m)->protocol)
            ending = !mapping_at(t, r)->wanted;
    }
    return ending;
}

void proxy_follow_port(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t port = mapping->external_port;
    if (!mapping->wanted || mapping->lease != LEASE_GRANTED || mapping->router_port == port ||
        !router_is_ready(&p->router))
        return;
    if (mapping->rule != RULE_ABSENT) {
        mapping->rule_wrong = mapping->rule == RULE_PRESENT;
        return;
    }
    if (evict_resting(p, m, port))
        return;
    mapping_set_router_port(&p->tables, m, proxy_port_available(p, m, port) ? port : 0);
    if (mapping->router_port != 0)
        return;
    proxy_refuse_for_good(p, m);
    actions_log(out, LOG_LEVEL_WARN, "mapping",
                "the gateway's port is taken on the router by another rule, and this gateway forwards to no "
                "other one %s external=%u",
                proxy_text(p, m).text, (unsigned)port);
}

/* ---- one at a time ---- */

uint16_t proxy_symmetric_holder(const struct proxy *p, unsigned protocol)
{
    uint16_t h = p->symmetric_holder[protocol];
    const struct mapping *mapping = &p->tables.mapping[h];
    bool holds = mapping->client != 0 && mapping->protocol == protocol &&
                 (mapping->asking || mapping->lease != LEASE_NONE);
    return holds ? h : 0;
}

/* What another mapping holds: a held one yields, one that ends is waited for, and beside one that is relied
 * on there is no room. */
static void wait_for_holder(struct proxy *p, uint16_t m, uint16_t holder, struct actions *out)
{
    const struct mapping *other = mapping_at(&p->tables, holder);
    struct mapping *mapping = mapping_at(&p->tables, m);
    unsigned shift = mapping->ask_failures < 4 ? mapping->ask_failures : 4;
    mapping->ask_failures++;
    mapping->gateway_result = NATPMP_OUT_OF_RESOURCES;
    mapping_set_ask_retry(&p->tables, mapping, p->now_ms + ((uint64_t)ROOM_RETRY_MS << shift));
    if (!other->wanted) {
        mapping_set_ask_retry(&p->tables, other, 0);
        mapping_touch(&p->tables, holder);
        return;
    }
    if (proxy_make_room(p, m, out))
        return;
    proxy_refuse_for_good(p, m);
    proxy_recovered(p, m);
    mapping_touch(&p->tables, m);
}

bool proxy_symmetric_waits(struct proxy *p, uint16_t m, bool deletes, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t holder = proxy_symmetric_holder(p, mapping->protocol);
    uint64_t until_ms = p->quiet_until_ms[mapping->protocol][deletes];
    if (!deletes && holder != 0 && holder != m) {
        wait_for_holder(p, m, holder, out);
        return true;
    }
    if (upstream_is_busy(&p->upstream, (enum natpmp_protocol)mapping->protocol))
        until_ms = p->now_ms + ROOM_RETRY_MS;
    if (until_ms > p->now_ms)
        mapping_set_ask_retry(&p->tables, mapping, until_ms);
    else if (!deletes)
        p->symmetric_holder[mapping->protocol] = m;
    return until_ms > p->now_ms;
}

void proxy_symmetric_ended(struct proxy *p, uint16_t m, const struct upstream_outcome *o)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint64_t sent_ms = o->copies_ms > o->asked_ms ? o->copies_ms : o->asked_ms;
    if (mapping->releasing)
        p->quiet_until_ms[mapping->protocol][false] = p->now_ms + COPIES_MS;
    else
        p->quiet_until_ms[mapping->protocol][true] = sent_ms + COPIES_MS;
}

bool proxy_symmetric_ends(const struct proxy *p, enum natpmp_protocol protocol, uint16_t external_port)
{
    if (!proxy_is_symmetric(p))
        return false;
    uint16_t m = mapping_find_external_port(&p->tables, protocol, external_port);
    return m != 0 && !p->tables.mapping[m].wanted && p->tables.mapping[m].lease == LEASE_UNSURE;
}

uint16_t proxy_symmetric_owner(const struct proxy *p, const struct upstream_outcome *o)
{
    uint16_t h = proxy_symmetric_holder(p, o->protocol);
    bool deletion = o->lifetime_s == 0;
    bool about_it = deletion ? o->internal_port == p->tables.mapping[h].external_port
                             : o->internal_port == 0 || o->internal_port == o->external_port;
    return about_it ? h : 0;
}
