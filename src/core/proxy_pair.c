/* What follows from a gateway that changes external ports: who is told, and how TCP and UDP of one port come
 * together again. */
#include "core/proxy_parts.h"

enum {
    /* So many changes of one mapping within that time are no accident. */
    OFTEN = 3,
    OFTEN_MS = 30 * 60 * 1000,
    /* They are told again when they had stopped for so long. */
    TOLD_MS = 60 * 60 * 1000,
    /* To give a lease back is a risk; a gateway that rotates often does not make us do it each time. */
    REJOIN_APART_MS = 10 * 60 * 1000,
};

static const char component[] = "gateway";

static uint16_t companion_of(const struct proxy *p, uint16_t m)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint16_t c = mapping_find(&p->tables, mapping_address(&p->tables, m), proxy_other_protocol(mapping),
                              mapping->internal_port);
    return c != 0 && proxy_lease_lives(p, c) ? c : 0;
}

/* Most programs announce one number for both protocols. A port that has just changed says nothing yet: the
 * companion's renewal may follow it. */
static void compare(struct proxy *p, uint16_t m, uint16_t c, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    struct mapping *companion = mapping_at(&p->tables, c);
    bool differs = companion->external_port != mapping->external_port;
    if (differs && !mapping->pair_told && !companion->pair_told)
        actions_log(out, LOG_LEVEL_WARN, component,
                    "TCP and UDP of one port have different external ports: a program that announces one "
                    "number is reached by one of them only %s external=%u other=%u",
                    proxy_text(p, m).text, (unsigned)mapping->external_port,
                    (unsigned)companion->external_port);
    mapping->pair_told = differs;
    companion->pair_told = differs;
}

/* ---- a port that changed ---- */

static void count(struct proxy *p, struct mapping_trouble *trouble, struct actions *out)
{
    if (trouble->rotations == 0 || trouble->rotations_since_ms + OFTEN_MS <= p->now_ms) {
        trouble->rotations_since_ms = p->now_ms;
        trouble->rotations = 0;
    }
    if (trouble->rotations < OFTEN)
        trouble->rotations++;
    if (trouble->rotations < OFTEN)
        return;
    if (p->rotation_told_until_ms <= p->now_ms)
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the gateway changes external ports often: most likely the same WireGuard key is in use "
            "somewhere else at the same time, or the tunnel loses packets, or the server is in "
            "trouble; make a key for this tunnel alone, then try another server changes=%u minutes=%u",
            (unsigned)OFTEN, (unsigned)((p->now_ms - trouble->rotations_since_ms) / 60000 + 1));
    p->rotation_told_until_ms = p->now_ms + TOLD_MS;
}

/* Some gateways change both protocols of a port at once: so the companion is asked before its number is taken
 * for another one. */
static bool ask_companion(struct proxy *p, uint16_t m, uint16_t old)
{
    uint16_t c = companion_of(p, m);
    struct mapping *companion = c != 0 ? mapping_at(&p->tables, c) : NULL;
    if (companion == NULL || proxy_is_symmetric(p) || companion->external_port != old ||
        companion->pair != PAIR_SETTLED || companion->router_port != mapping_at(&p->tables, m)->router_port)
        return false;
    mapping_at(&p->tables, m)->pair = PAIR_ASKED;
    companion->need_grant = true;
    mapping_set_ask_retry(&p->tables, companion, 0);
    mapping_touch(&p->tables, c);
    return true;
}

/* It is known now where the mapping stands. */
static void settled(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    mapping->pair = PAIR_SETTLED;
    if (mapping->told_port != 0 && mapping->told_port != mapping->external_port)
        proxy_break_promise(p, mapping);
    mapping_touch(&p->tables, m);
}

static bool rejoined_lately(const struct proxy *p, const struct mapping *mapping)
{
    uint64_t rejoined_ms = mapping_trouble(&p->tables, mapping)->rejoined_ms;
    return rejoined_ms != 0 && rejoined_ms + REJOIN_APART_MS > p->now_ms;
}

void proxy_port_granted(struct proxy *p, uint16_t m, uint16_t old, bool rotated, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool changed = old != 0 && old != mapping->external_port;
    uint16_t c = companion_of(p, m);
    struct mapping *companion = c != 0 ? mapping_at(&p->tables, c) : NULL;
    bool was_asked_for = companion != NULL && companion->pair == PAIR_ASKED;
    mapping->pair = PAIR_SETTLED;
    if (c != 0 && !changed && !was_asked_for)
        compare(p, m, c, out);
    if (changed && proxy_promised(p, mapping)) {
        actions_log(out, LOG_LEVEL_WARN, component, "the gateway changed the external port %s old=%u new=%u",
                    proxy_text(p, m).text, (unsigned)old, (unsigned)mapping->external_port);
        if (rotated)
            count(p, mapping_in_trouble(&p->tables, mapping), out);
        if (!rotated || was_asked_for || !ask_companion(p, m, old))
            proxy_break_promise(p, mapping);
    }
    if (!was_asked_for)
        return;
    if (companion->external_port == mapping->external_port || rejoined_lately(p, companion)) {
        settled(p, c);
        return;
    }
    /* A gateway that gives both protocols one number does so when a lease is made, not when it is renewed. */
    companion->pair = PAIR_REJOINS;
    mapping_in_trouble(&p->tables, companion)->rejoined_ms = p->now_ms;
    mapping_touch(&p->tables, c);
}

void proxy_port_failed(struct proxy *p, uint16_t m)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t c = companion_of(p, m);
    if (c != 0 && mapping_at(&p->tables, c)->pair == PAIR_ASKED)
        settled(p, c);
    if (mapping->pair == PAIR_REJOINS && !mapping->releasing)
        settled(p, m);
}

bool proxy_end_rejoin(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    if (mapping->pair != PAIR_REJOINS || !proxy_ought(mapping))
        return false;
    mapping_set_lease(&p->tables, m, LEASE_UNSURE);
    mapping->need_grant = true;
    mapping_set_ask_retry(&p->tables, mapping, 0);
    settled(p, m);
    return true;
}
