#include "core/standby.h"

#include "core/change.h"
#include "core/notice.h"

static const char component[] = "proxy";

static void forget_mapping(struct mapping_tables *t, uint16_t m)
{
    struct pending_reply reply;
    while (job_take_pending(t, m, &reply))
        continue;
    job_end(t, m);
    mapping_set_static(t, m, false);
    if (mapping_at(t, m)->lease.asking)
        lease_on_answered(t, m);
    lease_recovered(t, m);
    lease_end(t, m);
    lease_on_gone(t, m);
    if (mapping_at(t, m)->rule.comment_setting)
        rule_on_comment_set(t, m);
    rule_on_gone(t, m);
    change_forget(t, m);
    mapping_free(t, m);
}

static void forget_client(struct mapping_tables *t, uint16_t c)
{
    struct client *client = &t->client[c];
    struct pending_reply reply;
    while (pending_take(t, &client->address_pending, &reply) ||
           pending_take(t, &client->delete_all_pending[0], &reply) ||
           pending_take(t, &client->delete_all_pending[1], &reply))
        continue;
    client_release(t, c);
}

void standby_begin(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint32_t address;
    p->standing_by = router_stands_by(&p->router, &address);
    actions_log_state(
        step->out, LOG_LEVEL_ERROR, component,
        "another double-natpmp with this INSTANCE serves; this one stands by "
        "instance=%s address=%s mappings=%u fix=\"stop one of the two, or give it another INSTANCE\"",
        p->config.instance, address == 0 ? "unknown" : address_text(address).text, (unsigned)t->live);
    router_disown(&p->router);
    upstream_stop(&p->upstream, step->now_ms);
    server_stop(&p->server);
    notice_forgotten(p, step);
    for (unsigned m = 1; m <= t->used_mappings; m++)
        if (t->mapping[m].client != 0)
            forget_mapping(t, (uint16_t)m);
    for (uint16_t c = 1; c <= t->used_clients; c++)
        if (t->client[c].address != 0)
            forget_client(t, c);
    memset(p->symmetric_holder, 0, sizeof p->symmetric_holder);
    p->recover_ms = UINT64_MAX;
    p->recover_until_ms = UINT64_MAX;
    p->promises_broken = false;
    p->address_flush = false;
    p->adopted = 0;
}

void standby_end(struct proxy *p, const struct step *step)
{
    actions_log_state(step->out, LOG_LEVEL_INFO, component,
                      "the other double-natpmp with this INSTANCE has gone; this one serves again");
    p->standing_by = false;
    p->adopting = true;
    server_init(&p->server, step->now_ms);
    server_announce(&p->server, step->now_ms + SERVER_FIRST_ANNOUNCEMENT_MS);
    upstream_start(&p->upstream, step->now_ms);
    router_begin_anew(&p->router, step->now_ms);
}
