/* A gateway that forwards an external port to the internal port of the request (RFC 6886). */
#include "core/port.h"
#include "core/proxy_state.h"
#include "core/strategy.h"

enum {
    /* The number of records in quarantine that one search for a port may free. */
    EVICTIONS_MAX = 64,
};

/* The gateway forwards to the rule's port on the router [C-18]. */
static uint16_t router_port_of(const struct mapping *mapping)
{
    return mapping->router_port;
}

static uint16_t companion(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    return mapping_find_router_port(t, mapping_other_protocol(mapping), mapping->router_port);
}

/* If no port is free, mappings in quarantine are freed until one is; 0: none. */
static uint16_t random_port(struct proxy *p, uint16_t m)
{
    struct mapping_tables *t = &p->tables;
    unsigned range = PORT_DYNAMIC_LAST - PORT_DYNAMIC_FIRST + 1;
    uint16_t start = (uint16_t)(PORT_DYNAMIC_FIRST + prng_below(&p->prng, range));
    uint16_t port = port_free_from(t, &p->router, m, start);
    for (unsigned i = 0; port == 0 && t->quarantine.first != 0 && i < EVICTIONS_MAX; i++) {
        mapping_free(t, t->quarantine.first);
        port = port_free_from(t, &p->router, m, start);
    }
    return port;
}

/* The router port can be chosen as long as neither a rule nor a lease exists. The daemon chooses it for a new
 * mapping, for one that moves, and if a foreign rule took the port while the mapping was in quarantine. */
static void settle_port(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    bool rule_stands = mapping->rule.state != RULE_ABSENT;
    bool lease_stands = mapping->lease.state != LEASE_NONE || mapping->lease.asking;
    if (!mapping->wanted || rule_stands || !router_is_ready(&p->router))
        return;
    bool taken = mapping->router_port != 0 &&
                 router_port_taken(&p->router, mapping_protocol(mapping), mapping->router_port) &&
                 !promise_lives(mapping, step->now_ms);
    /* A client wants the mapping again before its lease has been deleted. */
    if (lease_stands && taken)
        mapping_set_moving(t, m, true);
    if (lease_stands || (mapping->router_port != 0 && !mapping->moving && !taken))
        return;
    mapping_set_moving(t, m, false);
    uint16_t preferred = port_preferred(t, &p->router, m);
    mapping_set_router_port(t, m, preferred != 0 ? preferred : random_port(p, m));
    if (mapping->router_port != 0)
        return;
    job_refuse(t, m, NATPMP_OUT_OF_RESOURCES);
    actions_log(step->out, LOG_LEVEL_WARN, "mapping",
                "no router port is free; other rules on the router take all of them %s "
                "fix=\"run double-natpmp check, which names the rule that takes most\"",
                mapping_text(t, m).text);
}

static uint16_t owner(const struct proxy *p, const struct upstream_outcome *o)
{
    return mapping_find_router_port(&p->tables, o->protocol, o->internal_port);
}

const struct strategy strategy_normal = {
    .request_port = router_port_of,
    .release_port = router_port_of,
    .rule_first = true,
    .withdraws = true,
    .moves = true,
    .suggests_own = true,
    .companion = companion,
    .settle_port = settle_port,
    .owner = owner,
};
