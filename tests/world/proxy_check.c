#include "proxy_check.h"

#include <assert.h>

#include "core/change.h"
#include "core/proxy_state.h"
#include "core/strategy.h"

static void check_ports(const struct proxy *p, uint16_t m)
{
    const struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = &t->mapping[m];
    enum natpmp_protocol protocol = mapping_protocol(mapping);
    enum natpmp_protocol other = mapping_other_protocol(mapping);
    uint16_t external_port = mapping->lease.external_port;
    if (mapping->router_port != 0) {
        assert(mapping_find_router_port(t, protocol, mapping->router_port) == m);
        assert(portset_has(&t->router_ports, mapping->router_port));
        uint16_t companion = mapping_find_router_port(t, other, mapping->router_port);
        assert(companion == 0 || t->mapping[companion].client == mapping->client);
    } else {
        assert(mapping->rule.state == RULE_ABSENT);
        assert(!p->strategy->rule_first || (mapping->lease.state == LEASE_NONE && !mapping->lease.asking));
    }
    if (external_port != 0) {
        assert(mapping_find_external_port(t, protocol, external_port) == m);
        uint16_t neighbour = mapping_find_external_port(t, other, external_port);
        bool both_live = neighbour != 0 && mapping->lease.state == LEASE_GRANTED &&
                         t->mapping[neighbour].lease.state == LEASE_GRANTED;
        assert(!both_live || t->mapping[neighbour].client == mapping->client);
    }
    assert(mapping->lease.state != LEASE_NONE || external_port == 0);
}

static void check_mapping(const struct proxy *p, uint16_t m)
{
    const struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = &t->mapping[m];
    const struct rule *rule = &mapping->rule;
    const struct job *job = &mapping->job;

    assert(mapping_find(t, mapping_address(t, m), mapping_protocol(mapping), mapping->internal_port) == m);
    check_ports(p, m);
    if (rule->state == RULE_PRESENT || rule->state == RULE_REMOVING)
        assert(rule->id != 0);
    assert(job->kind == JOB_MAP || job->kind == JOB_DELETE || job->pending == 0);
    if (job->kind == JOB_MAP)
        assert(mapping->wanted);
    assert(!p->stopping || !mapping->wanted);
    assert(mapping->promise.noted == 0 || mapping->wanted || list_has(&t->drive, t->to_drive, m));
    if (mapping_is_quarantined(t, m))
        assert(mapping_is_over(t, m) && heap_has(&t->due, m));
    /* Every mapping that is not in quarantine is referred to by something that continues it: a queue, a
     * command, a transaction, or a time. */
    bool in_hand = mapping->lease.asking || rule->comment_setting || rule->state == RULE_ADDING ||
                   rule->state == RULE_REMOVING || rule->state == RULE_UNSURE || heap_has(&t->due, m) ||
                   list_has(&t->drive, t->to_drive, m) || list_has(&t->router, t->to_router, m) ||
                   list_has(&t->client[mapping->client].queue, t->to_ask, m) ||
                   list_has(&t->client[mapping->client].releases, t->to_release, m) || change_waits(t, m);
    /* A client's mapping has a time at which its lifetime ends. A static one waits for the delay of
     * section 3.7, or for the router, to get another router port. */
    bool waits = p->recover_ms != UINT64_MAX || (mapping->moving && !router_is_ready(&p->router));
    in_hand = in_hand || (mapping->is_static && waits);
    assert(in_hand);
}

/* Returns the number of its transactions. */
static unsigned check_client(const struct proxy *p, uint16_t c)
{
    const struct mapping_tables *t = &p->tables;
    const struct client *client = &t->client[c];
    unsigned records = 0;
    unsigned live = 0;
    unsigned map_jobs = 0;
    unsigned asking = 0;
    unsigned quarantined = 0;
    unsigned statics = p->config.static_mappings;
    for (uint16_t m = client->mappings.first; m != 0; m = t->of_client[m].next) {
        const struct mapping *mapping = &t->mapping[m];
        assert(mapping->client == c);
        records++;
        live += mapping->wanted;
        map_jobs += mapping->job.kind == JOB_MAP;
        asking += mapping->lease.asking;
        quarantined += mapping_is_quarantined(t, m);
    }
    assert(records == client->records && quarantined == client->quarantined && live == client->live &&
           map_jobs == client->map_jobs && asking == client->asking);
    /* A record leaves quarantine without being a mapping if a lease turns up that has to be deleted. */
    assert(t->live <= p->config.mappings_max + statics || p->adopted > 0);
    assert(live <= p->config.client_mappings_max + statics || p->adopted > 0);
    assert(client_find(t, client->address) == c);
    assert((client->address_pending != 0) == list_has(&t->address_waiting, t->address_waiting_link, c));
    assert((client->queue.first == 0 && client->releases.first == 0) || client->asking > 0 ||
           list_has(&t->client_ready, t->client_ready_link, c));
    return asking;
}

void proxy_check(const struct proxy *p)
{
    const struct mapping_tables *t = &p->tables;
    unsigned records = 0;
    unsigned live = 0;
    unsigned recovering = 0;
    for (unsigned m = 1; m <= t->used_mappings; m++) {
        if (t->mapping[m].client == 0)
            continue;
        check_mapping(p, (uint16_t)m);
        records++;
        live += t->mapping[m].wanted;
        recovering += t->mapping[m].lease.recover;
    }
    assert(records == t->records && live == t->live && recovering == t->recovering);
    unsigned clients = 0;
    unsigned asking = 0;
    for (unsigned c = 1; c <= t->used_clients; c++) {
        if (t->client[c].address == 0)
            continue;
        asking += check_client(p, (uint16_t)c);
        clients++;
    }
    assert(clients == t->clients && asking == p->upstream.used);
    assert(!p->started || proxy_deadline_ms(p) >= p->now_ms);
}
