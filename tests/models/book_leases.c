/* The leases that the gateway may have, and whose they are. */
#include "book.h"

struct book_lease *book_lease_at(const struct book *b, bool tcp, uint16_t router_port)
{
    return &b->own.leases[(uint32_t)tcp << 16 | (b->config.symmetric ? 0 : router_port)];
}

const struct book_lease *book_lease_of(const struct book *b, bool tcp, uint16_t router_port)
{
    const struct book_lease *lease = book_lease_at(b, tcp, router_port);

    return lease->used ? lease : NULL;
}

struct book_lease *book_take_lease(struct book *b, bool tcp, uint16_t router_port)
{
    struct book_lease *lease = book_lease_at(b, tcp, router_port);

    if (!lease->used) {
        *lease = (struct book_lease){.used = true, .tcp = tcp, .router_port = router_port};
        b->own.lease_of[b->own.lease_count++] = (uint32_t)(lease - b->own.leases);
    }
    return lease;
}

uint64_t book_lease_ends_ms(const struct book_lease *lease)
{
    uint64_t ends_ms = 0;

    for (unsigned i = 0; i < lease->grants; i++) {
        if (lease->grant[i].ends_ms > ends_ms)
            ends_ms = lease->grant[i].ends_ms;
    }
    return ends_ms;
}

uint64_t book_lease_gone_ms(const struct book_lease *lease)
{
    uint64_t gone_ms = 0;

    for (unsigned i = 0; i < lease->grants; i++) {
        if (lease->grant[i].gone_ms > gone_ms)
            gone_ms = lease->grant[i].gone_ms;
    }
    return gone_ms;
}

void book_lingers(struct book *b, struct book_lease *lease, uint64_t until_ms)
{
    if (lease->lingers_ms < until_ms)
        lease->lingers_ms = until_ms;
    if (b->own.lingers_ms < until_ms)
        b->own.lingers_ms = until_ms;
}

bool book_lease_is_sure(const struct book *b, const struct book_lease *lease, uint64_t until_ms)
{
    return lease->grants == 1 && lease->grant[0].ends_ms > until_ms &&
           lease->doubted_ms < lease->grant[0].got_ms && !b->own.other_clock.known;
}

struct book_mapping *book_owner_of(const struct book *b, const struct book_lease *lease)
{
    const struct book_rule *rule = book_rule_of(b, lease->owner, lease->tcp, lease->owner_port);

    if (lease->owner == 0 || (rule && rule->router_port != lease->router_port))
        return NULL;
    return book_find(b, lease->owner, lease->tcp, lease->owner_port);
}

static bool has_rule(const struct book *b, const struct book_lease *lease)
{
    for (unsigned i = 0; i < b->rule_count; i++) {
        if (b->rules[i].tcp == lease->tcp && b->rules[i].router_port == lease->router_port)
            return true;
    }
    return false;
}

/* The gateway may be asked before the router, so the client's request is one of those without a rule. */
static void give_up_without_rule(struct book *b, const struct book_mapping *m)
{
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease->tcp == m->tcp && lease->open && !lease->deletes && !has_rule(b, lease))
            lease->may_be_given_up = true;
    }
}

void book_give_up(struct book *b, const struct book_mapping *m)
{
    const struct book_rule *rule = book_rule_of(b, m->address, m->tcp, m->port);
    struct book_lease *lease;

    if (b->config.symmetric)
        return;
    if (!rule) {
        give_up_without_rule(b, m);
        return;
    }
    lease = book_lease_at(b, rule->tcp, rule->router_port);
    lease->maybe_open = lease->open; /* the daemon may keep the mapping alive */
    lease->open = false;
}

/* ---- the rules show whose a lease is ---- */

struct book_mapping *book_mapping_of_rule(const struct book *b, const struct book_rule *rule)
{
    return rule->sane && rule->enabled ? book_find(b, rule->address, rule->tcp, rule->port) : NULL;
}

void book_rules(struct book *b, uint64_t now_ms, const struct book_rule *rules, unsigned count)
{
    b->rules = rules;
    b->rule_count = count;
    b->rule_generation++;
    book_count_changes(b, now_ms);
    for (unsigned i = 0; i < count; i++) {
        const struct book_rule *rule = &rules[i];
        struct book_mapping *m = book_mapping_of_rule(b, rule);
        struct book_lease *lease;

        if (!m)
            continue;
        if (m->rule_generation + 1 != b->rule_generation)
            m->rule_ms = now_ms;
        m->rule_generation = b->rule_generation;
        lease = book_lease_at(b, rule->tcp, rule->router_port);
        if (!lease->used || b->config.symmetric || rule->by_hand)
            continue;
        if (lease->open && lease->suggested_of != 0 && lease->suggested_of != rule->address &&
            lease->owner != rule->address)
            book_fail(b, "port %u was suggested for router port %u, and another client has it",
                      lease->suggested, rule->router_port);
        lease->owner = rule->address;
        lease->owner_port = rule->port;
    }
}
