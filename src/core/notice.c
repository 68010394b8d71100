#include "core/notice.h"

#include "core/strategy.h"

static void push(struct proxy *p, struct notice notice, const struct step *step)
{
    notice.number = p->notices++;
    notice.external_address = p->noted_address;
    actions_push(step->out, (struct action){.type = ACTION_NOTICE, .notice = notice});
    if (notice.kind <= NOTICE_ADDRESS)
        router_want_script(&p->router, step->now_ms);
}

/* ---- mappings ---- */

/* The port that watchers should know. A new one counts when a packet to it reaches the client. */
static uint16_t port_now(const struct strategy *strategy, const struct mapping *mapping, uint64_t now_ms)
{
    if (!mapping->wanted)
        return 0;
    bool fits = strategy->fits == NULL || strategy->fits(mapping);
    bool forwards = fits && rule_holds(mapping) && lease_left_ms(mapping, now_ms) > 0;
    return forwards ? mapping->lease.external_port : mapping->promise.noted;
}

void notice_mapping(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t before = mapping->promise.noted;
    uint16_t port = port_now(p->strategy, mapping, step->now_ms);
    if (port == before)
        return;
    struct notice notice = {
        .kind = (uint8_t)(before == 0 ? NOTICE_MAPPED
                          : port == 0 ? NOTICE_ENDED
                                      : NOTICE_CHANGED),
        .client = mapping_address(&p->tables, m),
        .protocol = mapping->protocol,
        .internal_port = mapping->internal_port,
        .router_port = mapping->router_port,
        .external_port = port != 0 ? port : before,
        .before = before != 0 && port != 0 ? before : 0,
    };
    promise_on_noted(&p->tables, m, port);
    push(p, notice, step);
}

void notice_forgotten(struct proxy *p, const struct step *step)
{
    if (p->tables.live > 0)
        push(p, (struct notice){.kind = NOTICE_ENDED}, step);
}

/* ---- what mappings depend on ---- */

/* All that the router's state depends on, so that a step in which nothing changed costs little. */
static struct router_noted router_now(const struct proxy *p)
{
    return (struct router_noted){
        .trouble = p->router.trouble, .ready = p->router.ready, .standing_by = p->standing_by};
}

static bool same(struct router_noted a, struct router_noted b)
{
    return a.trouble == b.trouble && a.ready == b.ready && a.standing_by == b.standing_by;
}

/* The notice of that state, as router_trouble_text tells it. */
static struct notice about_router(struct router_noted router)
{
    bool failed = failure_text((enum failure)router.trouble)->state != NULL;
    bool works = router.ready && !failed && !router.standing_by;
    bool named = failed && !router.standing_by;
    return (struct notice){.kind = works ? NOTICE_RECOVERED : NOTICE_TROUBLE,
                           .part = NOTICE_ROUTER,
                           .trouble = named ? router.trouble : (uint32_t)FAILURE_NONE,
                           .standing_by = router.standing_by};
}

static void note_router(struct proxy *p, const struct step *step)
{
    struct notice before = about_router(p->noted_router);
    struct notice now = about_router(router_now(p));
    p->noted_router = router_now(p);
    if (now.kind != before.kind || now.trouble != before.trouble || now.standing_by != before.standing_by)
        push(p, now, step);
}

static void note_gateway(struct proxy *p, const struct step *step)
{
    uint8_t now = p->upstream.trouble;
    if (now == p->noted_gateway)
        return;
    p->noted_gateway = now;
    struct notice notice = {.kind = now == GATEWAY_FINE ? NOTICE_RECOVERED : NOTICE_TROUBLE,
                            .part = NOTICE_GATEWAY,
                            .trouble = now};
    push(p, notice, step);
}

void notice_tick(struct proxy *p, const struct step *step)
{
    uint32_t address = p->upstream.address_known ? p->upstream.address : 0;
    if (address == p->noted_address && p->upstream.trouble == p->noted_gateway &&
        same(router_now(p), p->noted_router))
        return;
    if (!actions_room(step->out)) {
        p->more = true;
        return;
    }
    if (address != p->noted_address) {
        p->noted_address = address;
        push(p, (struct notice){.kind = NOTICE_ADDRESS}, step);
    }
    note_router(p, step);
    note_gateway(p, step);
}
