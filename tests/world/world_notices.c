#include "world_notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

void world_notices_begin(struct world *w)
{
    struct world_notices *n = &w->notices[w->process];
    bool shown = n->shown;

    memset(n, 0, sizeof(*n));
    n->shown = shown;
}

/* The entry for that mapping, or a free one. */
static struct world_noticed *find(struct world *w, uint32_t client, uint8_t protocol, uint16_t internal_port)
{
    struct world_notices *n = &w->notices[w->process];
    struct world_noticed *free = NULL;

    for (unsigned i = 0; i < n->used; i++) {
        struct world_noticed *one = &n->at[i];

        if (one->client == client && one->protocol == protocol && one->internal_port == internal_port)
            return one;
        if (one->client == 0)
            free = one;
    }
    if (!free && n->used == NOTICED_MAX)
        world_fail(w, "the notices tell of too many mappings");
    return free ? free : &n->at[n->used++];
}

static void about_mapping(struct world *w, const struct notice *notice)
{
    struct world_notices *n = &w->notices[w->process];
    struct world_noticed *one = find(w, notice->client, notice->protocol, notice->internal_port);
    uint16_t before = one->client != 0 ? one->external_port : 0;

    if (notice->kind == NOTICE_MAPPED && before != 0)
        world_fail(w, "a notice tells twice that port %u is mapped", notice->internal_port);
    if (notice->kind == NOTICE_CHANGED && (before != notice->before || before == notice->external_port))
        world_fail(w, "a notice of a change from %u to %u, and it was %u", notice->before,
                   notice->external_port, before);
    if (notice->kind == NOTICE_ENDED && (before == 0 || before != notice->external_port))
        world_fail(w, "a notice tells the end of external port %u, and it was %u", notice->external_port,
                   before);
    n->count += notice->kind == NOTICE_MAPPED;
    n->count -= notice->kind == NOTICE_ENDED;
    *one = (struct world_noticed){.client = notice->client,
                                  .internal_port = notice->internal_port,
                                  .external_port = notice->external_port,
                                  .protocol = notice->protocol};
    if (notice->kind == NOTICE_ENDED)
        one->client = 0;
    else
        inv_noticed(w, notice);
}

static void about_part(struct world *w, const struct notice *notice)
{
    bool works = notice->kind == NOTICE_RECOVERED;
    struct world_notices *n = &w->notices[w->process];
    bool *known = notice->part == NOTICE_ROUTER ? &n->router_works : &n->gateway_works;

    if (works && *known)
        world_fail(w, "a notice tells twice that something works");
    *known = works;
}

static const char *why(const struct notice *notice)
{
    static char text[128];
    struct proxy_status status = {.standing_by = notice->standing_by};

    status.router_failure = (enum failure)notice->trouble;
    status.gateway_trouble = (enum gateway_trouble)notice->trouble;
    (void)snprintf(text, sizeof(text), ": %s",
                   notice->part == NOTICE_ROUTER ? router_trouble_text(&status)
                                                 : gateway_state_text(&status));
    return notice->kind == NOTICE_RECOVERED ? "" : text;
}

static void show(struct world *w, const struct notice *notice)
{
    static const char *const names[NOTICES] = {"mapped",  "changed", "ended",
                                               "address", "trouble", "recovered"};

    bool keep = w->trace.keep;

    if (!w->notices[w->process].shown)
        return;
    w->trace.keep = true;
    if (notice->kind <= NOTICE_ENDED)
        trace_line(&w->trace, w->now_ms, "notice %s %s %s %u external %s:%u", names[notice->kind],
                   address_text(notice->client).text, notice->protocol == NATPMP_TCP ? "tcp" : "udp",
                   notice->internal_port, address_text(notice->external_address).text, notice->external_port);
    else if (notice->kind == NOTICE_ADDRESS)
        trace_line(&w->trace, w->now_ms, "notice address %s", address_text(notice->external_address).text);
    else
        trace_line(&w->trace, w->now_ms, "notice %s %s%s", names[notice->kind],
                   notice->part == NOTICE_ROUTER ? "router" : "gateway", why(notice));
    w->trace.keep = keep;
}

void world_notice(struct world *w, const struct notice *notice)
{
    struct world_notices *n = &w->notices[w->process];

    if (notice->number != n->number)
        world_fail(w, "notice %" PRIu64 " has the number %" PRIu64, n->number, notice->number);
    n->number++;
    show(w, notice);
    switch ((enum notice_kind)notice->kind) {
    case NOTICE_ENDED:
        if (notice->client == 0) {
            memset(n->at, 0, sizeof(n->at));
            n->used = 0;
            n->count = 0;
            break;
        }
        about_mapping(w, notice);
        break;
    case NOTICE_MAPPED:
    case NOTICE_CHANGED:
        about_mapping(w, notice);
        break;
    case NOTICE_ADDRESS:
        if (notice->external_address == n->address)
            world_fail(w, "a notice tells the same address again");
        n->address = notice->external_address;
        break;
    case NOTICE_TROUBLE:
    case NOTICE_RECOVERED:
        about_part(w, notice);
        break;
    case NOTICES:
        world_fail(w, "a notice of no kind");
    }
}

void world_notices_check(struct world *w)
{
    struct proxy_status status = proxy_status(w->proxy, w->now_ms);
    const struct world_notices *n = &w->notices[w->process];
    struct mapping_status mapping;
    unsigned count = 0;

    if (w->exited || proxy_deadline_ms(w->proxy) <= w->now_ms)
        return; /* the step had no room for everything */
    if (status.external_address != n->address)
        world_fail(w, "the notices do not tell the external address");
    if ((router_trouble_text(&status) == NULL) != n->router_works ||
        (gateway_state_text(&status) == NULL) != n->gateway_works)
        world_fail(w, "the notices do not tell what works");
    for (uint16_t m = 0; (m = mapping_status_from(w->proxy, m, w->now_ms, &mapping)) != 0; m++) {
        const struct world_noticed *one;

        if (mapping.noted == 0)
            continue;
        one = find(w, mapping.client, mapping.protocol, mapping.internal_port);
        if (one->client == 0 || one->external_port != mapping.noted)
            world_fail(w, "no notice told of %s port %u", address_text(mapping.client).text,
                       mapping.internal_port);
        if (mapping.condition == MAPPING_ENDING || mapping.condition == MAPPING_REFUSED)
            world_fail(w, "no notice told the end of %s port %u", address_text(mapping.client).text,
                       mapping.internal_port);
        count++;
        if (m == UINT16_MAX)
            break;
    }
    if (count != n->count)
        world_fail(w, "%u mappings, and the notices told of %u", count, n->count);
}
