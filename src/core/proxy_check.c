/* Every invariant of the tables, asserted: for tests. */
#include "core/proxy_parts.h"

#include <assert.h>

static void check_mapping(const struct proxy *p, uint16_t m)
{
    const struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = &t->mapping[m];
    enum natpmp_protocol protocol = (enum natpmp_protocol)mapping->protocol;
    enum natpmp_protocol other = protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
    uint32_t address = mapping_address(t, m);

    assert(mapping_find(t, address, protocol, mapping->internal_port) == m);
    if (mapping->router_port != 0) {
        assert(mapping_find_router_port(t, protocol, mapping->router_port) == m);
        assert(portset_has(&t->router_ports, mapping->router_port));
        uint16_t companion = mapping_find_router_port(t, other, mapping->router_port);
        assert(companion == 0 || t->mapping[companion].client == mapping->client);
    } else {
        assert(mapping->rule == RULE_ABSENT);
        assert(proxy_is_symmetric(p) || (mapping->lease == LEASE_NONE && !mapping->asking));
    }
    if (mapping->external_port != 0) {
        assert(mapping_find_external_port(t, protocol, mapping->external_port) == m);
        uint16_t neighbour = mapping_find_external_port(t, other, mapping->external_port);
        bool both_live =
            neighbour != 0 && mapping->lease == LEASE_GRANTED && t->mapping[neighbour].lease == LEASE_GRANTED;
        assert(!both_live || t->mapping[neighbour].client == mapping->client);
    }
    assert(mapping->lease != LEASE_NONE || mapping->external_port == 0);
    assert((mapping->rule == RULE_PRESENT || mapping->rule == RULE_REMOVING) <= (mapping->rule_id != 0));
    assert(mapping->work == WORK_MAP || mapping->work == WORK_DELETE || mapping->waiters == 0);
    assert((mapping->work == WORK_MAP) <= mapping->wanted);
    assert(!p->stopping || !mapping->wanted);
    if (list_has(&t->resting, t->resting_link, m))
        assert(mapping_is_over(t, m) && heap_has(&t->due, m));
    /* Whatever is not at rest has somebody who will come back to it: a queue, a command, a transaction, or a
     * time. */
    bool in_hand = mapping->asking || mapping->comment_setting || mapping->rule == RULE_ADDING ||
                   mapping->rule == RULE_REMOVING || mapping->rule == RULE_UNSURE || heap_has(&t->due, m) ||
                   list_has(&t->drive, t->to_drive, m) || list_has(&t->router, t->to_router, m) ||
                   list_has(&t->client[mapping->client].queue, t->to_ask, m);
    assert(in_hand);
}

/* Returns the number of its transactions. */
static unsigned check_client(const struct proxy *p, uint16_t c)
{
    const struct mapping_tables *t = &p->tables;
    const struct client *client = &t->client[c];
    unsigned records = 0;
    unsigned live = 0;
    unsigned working = 0;
    unsigned asking = 0;
    unsigned at_rest = 0;
    for (uint16_t m = client->mappings.first; m != 0; m = t->of_client[m].next) {
        const struct mapping *mapping = &t->mapping[m];
        assert(mapping->client == c);
        records++;
        live += mapping->wanted;
        working += mapping->work == WORK_MAP;
        asking += mapping->asking;
        at_rest += list_has(&t->resting, t->resting_link, m);
    }
    assert(records == client->records && at_rest == client->at_rest && live == client->live &&
           working == client->working && asking == client->asking);
    assert(live <= p->config.client_mappings_max || p->adopted > 0);
    assert(client_find(t, client->address) == c);
    assert((client->address_waiters != 0) == list_has(&t->address_waiting, t->address_waiting_link, c));
    assert(client->queue.first == 0 || client->asking > 0 ||
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
        recovering += t->mapping[m].recover;
    }
    assert(records == t->records && live == t->live && recovering == p->recovering);
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
