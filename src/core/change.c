#include "core/change.h"

static const char component[] = "router";

/* ---- budgets ---- */

static struct bucket_limit limit_of_client(const struct proxy *p)
{
    unsigned burst = p->config.client_mappings_max;
    return (struct bucket_limit){.burst = burst > CLIENT_CHANGES_EAGER ? burst : CLIENT_CHANGES_EAGER,
                                 .period_us = 1000 * CLIENT_CHANGE_PERIOD_MS};
}

static struct bucket_limit limit_of_all(const struct proxy *p)
{
    return (struct bucket_limit){.burst = ROUTER_CHANGES_BURST,
                                 .period_us = 1000000u / p->config.router_changes_per_s};
}

static uint64_t client_due_ms(const struct proxy *p, uint16_t c)
{
    return bucket_due_ms(&p->tables.client[c].change_budget, limit_of_client(p), 1);
}

static uint64_t all_due_ms(const struct proxy *p)
{
    return bucket_due_ms(&p->change_budget, limit_of_all(p), 1);
}

/* The time from which there is enough left for changes that can be saved. */
static uint64_t eager_due_ms(const struct proxy *p, uint16_t c)
{
    struct bucket_limit client = limit_of_client(p);
    struct bucket_limit all = limit_of_all(p);
    return later_ms(
        bucket_due_ms(&p->tables.client[c].change_budget, client, client.burst - CLIENT_CHANGES_EAGER + 1),
        bucket_due_ms(&p->change_budget, all, all.burst - ROUTER_CHANGES_EAGER + 1));
}

/* A client that changes its mappings for hours causes one line. */
static void spend(struct proxy *p, struct client *client, uint64_t now_ms)
{
    if (bucket_is_full(&client->change_budget, now_ms))
        client->changes_noted = false;
    if (bucket_is_full(&p->change_budget, now_ms))
        p->changes_noted = false;
    bucket_take(&client->change_budget, limit_of_client(p), now_ms);
    bucket_take(&p->change_budget, limit_of_all(p), now_ms);
}

static void report_client(struct client *client, const struct step *step)
{
    if (first_time(&client->changes_noted))
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "a client changes its mappings too often; its changes wait, one a second is made "
                    "client=%s fix=\"check what runs on that host\"",
                    address_text(client->address).text);
}

static void report_all(struct proxy *p, const struct step *step)
{
    if (first_time(&p->changes_noted))
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "clients change their mappings too often; their changes wait ROUTER_CHANGES_PER_SECOND=%u "
            "fix=\"check which hosts map ports; if the router is fast, raise ROUTER_CHANGES_PER_SECOND\"",
            (unsigned)p->config.router_changes_per_s);
}

/* ---- whose change ---- */

/* True if a client's request causes the command, and not something that the daemon does by itself. */
static bool is_for_client(const struct proxy *p, const struct mapping *mapping, enum rule_want want,
                          uint64_t now_ms)
{
    switch (want) {
    case RULE_WANTS_NOTHING:
        break;
    case RULE_WANTS_ADD: /* a rule that stood before is put back at once */
        return !promise_lives(mapping, now_ms);
    case RULE_WANTS_COMMENT: /* that of an earlier version is replaced by the daemon itself */
        return !mapping->rule.comment_stale;
    case RULE_WANTS_REMOVE: /* at the end of its lease it goes at once */
        return !p->stopping && !mapping->wanted && mapping->job.undone;
    }
    return false;
}

/* A rule that is added before the gateway has granted the lease needs a second change, for its comment, or
 * for its removal if the gateway refuses. So when little is left, or while the gateway refuses, it is asked
 * first. */
static bool can_wait(const struct proxy *p, const struct mapping *mapping, enum rule_want want,
                     uint64_t now_ms)
{
    bool spent = p->config.router_changes_per_s != 0 && eager_due_ms(p, mapping->client) > now_ms;
    if (want == RULE_WANTS_ADD)
        return mapping->lease.state != LEASE_GRANTED && (spent || p->refuses_until_ms > now_ms);
    return want == RULE_WANTS_COMMENT && spent;
}

/* The command that the rule wants now. *ret_budgeted: it costs one of the budgets. */
static enum rule_want wants(const struct proxy *p, uint16_t m, bool *ret_budgeted, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    enum rule_want want = rule_wants(mapping, now_ms);
    bool for_client = is_for_client(p, mapping, want, now_ms);
    *ret_budgeted = for_client && p->config.router_changes_per_s != 0;
    return for_client && can_wait(p, mapping, want, now_ms) ? RULE_WANTS_NOTHING : want;
}

/* ---- queues ---- */

bool change_waits(const struct mapping_tables *t, uint16_t m)
{
    return list_has(&t->client[t->mapping[m].client].changes, t->to_change, m);
}

bool change_is_over_budget(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    uint16_t c = p->tables.mapping[m].client;
    return change_waits(&p->tables, m) && (client_due_ms(p, c) > now_ms || all_due_ms(p) > now_ms);
}

bool change_waits_for_lease(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    return rule_wants(mapping, now_ms) == RULE_WANTS_ADD &&
           is_for_client(p, mapping, RULE_WANTS_ADD, now_ms) && can_wait(p, mapping, RULE_WANTS_ADD, now_ms);
}

void change_forget(struct mapping_tables *t, uint16_t m)
{
    struct client *client = &t->client[mapping_at(t, m)->client];
    if (!change_waits(t, m))
        return;
    list_remove(&client->changes, t->to_change, m);
    if (client->changes.first != 0)
        mapping_touch(t, client->changes.first); /* drive computes when it may go on */
    else
        list_remove(&t->change_ready, t->change_ready_link, mapping_at(t, m)->client);
}

static void join(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = mapping_at(t, m)->client;
    list_push(&t->client[c].changes, t->to_change, m);
    if (client_due_ms(p, c) <= step->now_ms)
        list_push(&t->change_ready, t->change_ready_link, c);
    else
        report_client(&t->client[c], step);
}

void change_queue(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    bool budgeted;
    bool wanted = wants(p, m, &budgeted, step->now_ms) != RULE_WANTS_NOTHING;
    if (!wanted || budgeted)
        list_remove(&t->router, t->to_router, m);
    else
        list_push(&t->router, t->to_router, m);
    if (wanted && budgeted)
        join(p, m, step);
    else
        change_forget(t, m);
}

uint16_t change_next(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    if (t->router.first != 0)
        return t->router.first;
    if (t->change_ready.first == 0)
        return 0;
    if (all_due_ms(p) > step->now_ms) {
        report_all(p, step);
        return 0;
    }
    return t->client[t->change_ready.first].changes.first;
}

void change_done(struct proxy *p, uint16_t m, bool sent, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = mapping_at(t, m)->client;
    list_remove(&t->router, t->to_router, m);
    if (!change_waits(t, m))
        return;
    if (sent)
        spend(p, &t->client[c], step->now_ms);
    list_remove(&t->change_ready, t->change_ready_link, c); /* the other clients have their turn first */
    change_forget(t, m);
    if (t->client[c].changes.first != 0 && client_due_ms(p, c) <= step->now_ms)
        list_push(&t->change_ready, t->change_ready_link, c);
}

uint64_t change_due_ms(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    uint16_t c = p->tables.mapping[m].client;
    if (p->tables.client[c].changes.first == m)
        return sooner_ms(UINT64_MAX, client_due_ms(p, c), now_ms);
    bool budgeted;
    bool waits = wants(p, m, &budgeted, now_ms) == RULE_WANTS_NOTHING && budgeted;
    return waits ? sooner_ms(UINT64_MAX, eager_due_ms(p, c), now_ms) : UINT64_MAX;
}

uint64_t change_ready_ms(const struct proxy *p, uint64_t now_ms)
{
    return p->tables.change_ready.first != 0 ? sooner_ms(UINT64_MAX, all_due_ms(p), now_ms) : UINT64_MAX;
}
