/* GATEWAY_MODE=symmetric: a gateway that forwards port n to port n only, and chooses n. It has one port for
 * each protocol, which is requested with internal port 0, so neither requests nor answers show to which
 * mapping they belong. Therefore the daemon has one transaction at a time for each protocol. Between a
 * request and a deletion, in either order, it waits until the datagrams that are on their way have arrived.
 * After this pause, an answer to an earlier request can be recognized by its epoch. */
#include "core/port.h"
#include "core/statics.h"
#include "core/strategy.h"
#include "core/turn.h"

enum {
    /* The next attempt, while another transaction of the same protocol is in flight. */
    BUSY_RETRY_MS = 250,
};

static uint16_t request_port(const struct mapping *mapping)
{
    (void)mapping;
    return 0;
}

/* The deletion names the port, because a deletion of internal port 0 would delete all mappings. */
static uint16_t release_port(const struct mapping *mapping)
{
    return mapping->lease.external_port;
}

static bool fits(const struct mapping *mapping)
{
    return mapping->router_port == mapping->lease.external_port;
}

/* ---- the router port follows the external port ---- */

/* The gateway has chosen this port, so records in quarantine that have it are freed. True: a mapping that is
 * ending still has the port, or its other protocol for another client. */
static bool evict_quarantined(struct mapping_tables *t, uint16_t m, uint16_t port)
{
    bool ending = false;
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        uint16_t other = mapping_find_router_port(t, (enum natpmp_protocol)protocol, port);
        if (other == 0 || other == m)
            continue;
        if (mapping_is_quarantined(t, other))
            mapping_free(t, other);
        else if (protocol == mapping_at(t, m)->protocol ||
                 mapping_at(t, other)->client != mapping_at(t, m)->client)
            ending = ending || !mapping_at(t, other)->wanted;
    }
    return ending;
}

static void settle_port(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    uint16_t port = mapping->lease.external_port;
    if (!mapping->wanted || mapping->lease.state != LEASE_GRANTED || mapping->router_port == port ||
        mapping->lease.pair == PAIR_REJOINS || !router_is_ready(&p->router))
        return;
    if (mapping->rule.state != RULE_ABSENT) {
        rule_replace(t, m);
        return;
    }
    bool ending = evict_quarantined(t, m, port);
    mapping_set_router_port(t, m, !ending && port_is_available(t, &p->router, m, port) ? port : 0);
    if (ending || mapping->router_port != 0)
        return;
    turn_refuse(p, m, step);
    if (mapping->is_static) {
        statics_give_back(p, m, step);
        return; /* this happens again and again, and the log has reported the first time */
    }
    actions_log(step->out, LOG_LEVEL_WARN, "mapping",
                "another rule on the router takes the gateway's port, the only one that it forwards to %s "
                "external=%u",
                mapping_text(t, m).text, (unsigned)port);
}

/* ---- one transaction at a time ---- */

/* Returns the mapping that has the gateway's port of that protocol, or may have it; 0: none. */
static uint16_t holder_of(const struct proxy *p, enum natpmp_protocol protocol)
{
    uint16_t holder = p->symmetric_holder[protocol];
    const struct mapping *mapping = &p->tables.mapping[holder];
    bool holds = mapping->client != 0 && mapping_protocol(mapping) == protocol &&
                 (mapping->lease.asking || mapping->lease.state != LEASE_NONE);
    return holds ? holder : 0;
}

/* If the holder is ending, the mapping waits for that. If the holder is only kept alive, the daemon releases
 * it. If a client uses the holder, there is no port for another mapping. */
static void wait_for_holder(struct proxy *p, uint16_t m, uint16_t holder, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    lease_on_refused(t, m, NATPMP_OUT_OF_RESOURCES, step->now_ms);
    lease_retry_soon(t, m, step->now_ms);
    if (!mapping_at(t, holder)->wanted) {
        lease_retry_at(t, holder, 0);
        mapping_touch(t, holder);
        return;
    }
    if (turn_make_room(p, m, step))
        return;
    turn_refuse(p, m, step);
    mapping_touch(t, m);
}

static bool claim(struct proxy *p, uint16_t m, bool releases, const struct step *step)
{
    enum natpmp_protocol protocol = mapping_protocol(mapping_at(&p->tables, m));
    uint16_t holder = holder_of(p, protocol);
    if (!releases && holder != 0 && holder != m) {
        wait_for_holder(p, m, holder, step);
        return false;
    }
    uint64_t until_ms = upstream_apart_ms(&p->upstream, protocol, releases);
    if (upstream_is_busy(&p->upstream, protocol))
        until_ms = step->now_ms + BUSY_RETRY_MS;
    if (until_ms > step->now_ms)
        lease_retry_at(&p->tables, m, until_ms);
    else if (!releases)
        p->symmetric_holder[protocol] = m;
    return until_ms <= step->now_ms;
}

static bool is_being_released(const struct mapping_tables *t, enum natpmp_protocol protocol, uint16_t port)
{
    uint16_t m = mapping_find_external_port(t, protocol, port);
    return m != 0 && !t->mapping[m].wanted && t->mapping[m].lease.state == LEASE_UNSURE;
}

static uint16_t owner(const struct proxy *p, const struct upstream_outcome *o)
{
    uint16_t holder = holder_of(p, o->protocol);
    bool deletion = o->lifetime_s == 0;
    bool about_it = deletion ? o->internal_port == p->tables.mapping[holder].lease.external_port
                             : o->internal_port == 0 || o->internal_port == o->external_port;
    return about_it ? holder : 0;
}

/* Another mapping may wait for this router port. */
static void ended(struct mapping_tables *t, uint16_t m)
{
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        uint16_t next =
            mapping_find_external_port(t, (enum natpmp_protocol)protocol, mapping_at(t, m)->router_port);
        if (next != 0)
            mapping_touch(t, next);
    }
}

const struct strategy strategy_symmetric = {
    .request_port = request_port,
    .release_port = release_port,
    .one_port = true,
    .no_port = "the gateway's one port is in use; other mappings are refused until it is free "
               "GATEWAY_MODE=symmetric",
    .fits = fits,
    .companion = mapping_companion,
    .settle_port = settle_port,
    .claim = claim,
    .is_being_released = is_being_released,
    .owner = owner,
    .ended = ended,
};
