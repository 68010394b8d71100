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
static uint16_t port_now(const struct proxy *p, const struct mapping *mapping, uint64_t now_ms)
{
    /* A static mapping is wanted even if the gateway refuses it. */
    if (!mapping->wanted || lease_is_refused(mapping) || mapping->lease.ended)
        return 0;
    bool fits = p->strategy->fits == NULL || p->strategy->fits(mapping);
    bool forwards = fits && rule_forwards(mapping) && lease_left_ms(mapping, now_ms) > 0 &&
                    !proxy_may_be_contradicted(p, mapping, now_ms);
    return forwards ? mapping->lease.external_port : mapping->promise.noted;
}

bool notice_mapping(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t before = mapping->promise.noted;
    uint16_t port = port_now(p, mapping, step->now_ms);
    if (port == before)
        return false;
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
    return true;
}

void notice_forgotten(struct proxy *p, const struct step *step)
{
    if (p->tables.live > 0)
        push(p, (struct notice){.kind = NOTICE_ENDED}, step);
}

/* ---- what mappings depend on ---- */

/* All that the troubles depend on, in one number, so that a step in which nothing changed costs little. */
static uint32_t state_now(const struct proxy *p)
{
    return (uint32_t)proxy_router_failure(p) | (uint32_t)p->router.ready << 8 |
           (uint32_t)p->standing_by << 9 | (uint32_t)proxy_gateway_trouble(p) << 16;
}

/* The notice of that state, as router_trouble_text describes it. */
static struct notice about_router(uint32_t state)
{
    uint8_t trouble = (uint8_t)state;
    bool standing_by = (state & 1 << 9) != 0;
    bool failed = failure_text((enum failure)trouble)->state != NULL;
    bool works = (state & 1 << 8) != 0 && !failed && !standing_by;
    return (struct notice){.kind = works ? NOTICE_RECOVERED : NOTICE_TROUBLE,
                           .part = NOTICE_ROUTER,
                           .trouble = failed && !standing_by ? trouble : (uint8_t)FAILURE_NONE,
                           .standing_by = standing_by};
}

static void note_router(struct proxy *p, uint32_t state, const struct step *step)
{
    struct notice before = about_router(p->noted_state);
    struct notice now = about_router(state);
    if (now.kind != before.kind || now.trouble != before.trouble || now.standing_by != before.standing_by)
        push(p, now, step);
}

static void note_gateway(struct proxy *p, uint32_t state, const struct step *step)
{
    uint32_t now = state >> 16;
    struct notice notice = {.kind = now == GATEWAY_FINE ? NOTICE_RECOVERED : NOTICE_TROUBLE,
                            .part = NOTICE_GATEWAY,
                            .trouble = now};
    if (now != p->noted_state >> 16)
        push(p, notice, step);
}

void notice_tick(struct proxy *p, const struct step *step)
{
    uint32_t address = p->upstream.address_known ? p->upstream.address : 0;
    uint32_t state = state_now(p);
    if (address == p->noted_address && state == p->noted_state)
        return;
    if (!actions_room(step->out)) {
        p->more = true;
        return;
    }
    if (address != p->noted_address) {
        p->noted_address = address;
        push(p, (struct notice){.kind = NOTICE_ADDRESS}, step);
    }
    note_router(p, state, step);
    note_gateway(p, state, step);
    p->noted_state = state;
}
