/* A VPN gateway has few ports (ProtonVPN: five). What nobody relies on now yields to who asks. */
#include "core/proxy_parts.h"

enum {
    /* Mappings that are looked at for one that can be given up: there are fewer ports than this. */
    LOOK_AT_MAX = 64,
};

static bool is_live(const struct proxy *p, const struct mapping *mapping)
{
    return mapping->work == WORK_MAP || mapping->told_until_ms > p->now_ms;
}

void proxy_note_spare(struct proxy *p, uint16_t m)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    bool spare = mapping->lease != LEASE_NONE && !is_live(p, mapping);
    bool listed = list_has(&t->spare, t->spare_link, m);
    if (spare && !listed)
        list_push(&t->spare, t->spare_link, m);
    else if (!spare && listed)
        list_remove(&t->spare, t->spare_link, m);
}

/* ---- what the operator is told, once ---- */

static void report(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    unsigned ports = 0;
    unsigned ending = 0;
    if (p->ports_short)
        return;
    p->ports_short = true;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        const struct mapping *mapping = &t->mapping[i];
        if (mapping->client == 0 || mapping->external_port == 0)
            continue;
        /* Both protocols of one number are one port. */
        uint16_t twin = mapping_find_external_port(t, proxy_other_protocol(mapping), mapping->external_port);
        if (twin != 0 && mapping->protocol == NATPMP_UDP)
            continue;
        ports++;
        ending += !mapping->wanted;
    }
    if (proxy_is_symmetric(p)) {
        actions_log(out, LOG_LEVEL_WARN, "gateway",
                    "the gateway's one port is in use (GATEWAY_MODE=symmetric); others are refused until it "
                    "is free");
        return;
    }
    actions_log(
        out, LOG_LEVEL_WARN, "gateway",
        "the gateway has no port left; mappings that nobody renewed are given up for new ones, then new "
        "ones are refused; ProtonVPN gives five ports in all ports=%u ending=%u",
        ports, ending);
}

/* ---- making room ---- */

/* A deletion that was not confirmed may still take the port: it is tried again now. */
static bool hurry_deletions(struct proxy *p)
{
    struct mapping_tables *t = &p->tables;
    bool any = false;
    uint16_t m = t->spare.first;
    for (unsigned i = 0; m != 0 && i < LOOK_AT_MAX; i++, m = t->spare_link[m].next) {
        struct mapping *mapping = mapping_at(t, m);
        if (mapping->wanted)
            continue;
        mapping_set_ask_retry(&p->tables, mapping, 0);
        mapping_touch(t, m);
        any = true;
    }
    return any;
}

static void give_up(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    actions_log(out, LOG_LEVEL_INFO, "mapping",
                "given up for a client that asks now: its own has not renewed it %s external=%u",
                proxy_text(p, m).text, (unsigned)mapping->external_port);
    proxy_end_promise(mapping);
    mapping_set_wanted(&p->tables, m, false);
    mapping_touch(&p->tables, m);
}

/* The one of which nobody has heard for the longest time. Both protocols of a port go together, and as long
 * as one is relied on, ending the other frees nothing. */
static bool give_up_held(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = t->spare.first;
    for (unsigned i = 0; m != 0 && i < LOOK_AT_MAX; i++, m = t->spare_link[m].next) {
        const struct mapping *mapping = mapping_at(t, m);
        uint16_t twin = mapping_find_external_port(t, proxy_other_protocol(mapping), mapping->external_port);
        twin = mapping->external_port != 0 ? twin : 0;
        if (twin != 0 && is_live(p, mapping_at(t, twin)))
            continue;
        give_up(p, m, out);
        if (twin != 0)
            give_up(p, twin, out);
        return true;
    }
    return false;
}

bool proxy_yield(struct proxy *p, uint16_t m, uint16_t holder, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *held = mapping_at(t, holder);
    uint16_t twin = mapping_find_external_port(t, proxy_other_protocol(held), held->external_port);
    if (!is_live(p, mapping_at(t, m)) || is_live(p, held) || !held->wanted ||
        (twin != 0 && is_live(p, mapping_at(t, twin))))
        return false;
    give_up(p, holder, out);
    if (twin != 0)
        give_up(p, twin, out);
    return true;
}

bool proxy_make_room(struct proxy *p, uint16_t m, struct actions *out)
{
    report(p, out);
    return is_live(p, mapping_at(&p->tables, m)) && (hurry_deletions(p) || give_up_held(p, out));
}
