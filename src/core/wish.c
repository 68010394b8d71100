#include "core/wish.h"

#include "core/port.h"
#include "core/strategy.h"

static enum wish_kind kind_of(uint16_t suggested)
{
    return suggested == 0 ? WISH_NONE : WISH_OTHER;
}

/* 0: the internal port is suggested already, or cannot be. */
static uint16_t alternative(const struct proxy *p, uint16_t m, uint16_t suggested, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    bool new_lease = p->strategy->suggests_own && mapping->lease.external_port == 0;
    uint16_t own = new_lease ? port_own_suggestion(&p->tables, m, now_ms) : 0;
    return own != suggested ? own : 0;
}

uint16_t wish_suggestion(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    uint16_t wish = port_suggestion(&p->tables, p->strategy, m, now_ms);
    if (!p->tables.mapping[m].lease.suggest_own && !p->wish[kind_of(wish)].refused)
        return wish;
    uint16_t own = alternative(p, m, wish, now_ms);
    return own != 0 ? own : wish;
}

void wish_sent(struct proxy *p, uint16_t m, uint16_t suggested, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    if (suggested != 0 || p->wish[WISH_NONE].granted)
        return;
    uint16_t own = alternative(p, m, suggested, now_ms);
    if (own != 0)
        upstream_set_fallback(&p->upstream, mapping_protocol(mapping), p->strategy->request_port(mapping),
                              own);
}

void wish_granted(struct proxy *p, uint16_t m, uint16_t suggested)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    if (suggested != mapping->router_port) {
        p->wish[kind_of(suggested)].granted = true;
        p->wish[kind_of(suggested)].refused = false;
    } else if (mapping->lease.suggest_own) {
        uint16_t wish = mapping->job.suggested_port;
        p->wish[wish != mapping->router_port ? kind_of(wish) : WISH_OTHER].refused = true;
    }
}

bool wish_refused(struct proxy *p, uint16_t m, uint16_t suggested, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    /* A gateway that refused both lately has no port, or does not authorize mappings. */
    if (mapping->lease.suggest_own)
        p->wishes_refused_until_ms = now_ms + UINT64_C(1000) * GATEWAY_REFUSES_S;
    if (p->wishes_refused_until_ms > now_ms || p->wish[kind_of(suggested)].granted ||
        !mapping_is_wanted_here(mapping) || alternative(p, m, suggested, now_ms) == 0)
        return false;
    lease_suggest_own(&p->tables, m);
    return true;
}

void wish_forget(struct proxy *p)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        p->wish[kind].granted = false;
        p->wish[kind].refused = false;
    }
    p->wishes_refused_until_ms = 0;
}
