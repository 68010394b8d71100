#include "core/mapping.h"

#include <assert.h>
#include <stdio.h>

enum {
    /* The number of records in quarantine that are searched for a client to free. The oldest records usually
     * belong to clients that came once, unless a client with many mappings ended all of them just then. */
    SEARCH_MAX = 256,
};

static uint32_t key_hash(uint32_t address, unsigned protocol, uint16_t internal_port)
{
    return index_hash((uint64_t)address << 32 | (uint64_t)protocol << 16 | internal_port);
}

static uint32_t port_hash(unsigned protocol, uint16_t port)
{
    return index_hash((uint64_t)protocol << 16 | port);
}

struct mapping *mapping_at(struct mapping_tables *t, uint16_t m)
{
    assert(m != 0);
    return &t->mapping[m];
}

uint32_t mapping_address(const struct mapping_tables *t, uint16_t m)
{
    return t->client[t->mapping[m].client].address;
}

struct mapping_text mapping_text(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    struct mapping_text text;
    char internal[sizeof "65535"] = "all"; /* a deletion of all mappings */
    char router[sizeof " router=65535"] = "";
    if (mapping->internal_port != 0)
        snprintf(internal, sizeof internal, "%u", (unsigned)mapping->internal_port);
    if (mapping->router_port != 0) /* it has been chosen */
        snprintf(router, sizeof router, " router=%u", (unsigned)mapping->router_port);
    snprintf(text.text, sizeof text.text, "client=%s protocol=%s internal=%s%s",
             address_text(mapping_address(t, m)).text, mapping->protocol == NATPMP_TCP ? "tcp" : "udp",
             internal, router);
    return text;
}

bool mapping_is_wanted_here(const struct mapping *mapping)
{
    return mapping->wanted && !mapping->moving;
}

enum natpmp_protocol mapping_protocol(const struct mapping *mapping)
{
    return (enum natpmp_protocol)mapping->protocol;
}

enum natpmp_protocol mapping_other_protocol(const struct mapping *mapping)
{
    return mapping->protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
}

uint16_t mapping_companion(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    return mapping_find(t, mapping_address(t, m), mapping_other_protocol(mapping), mapping->internal_port);
}

bool mapping_is_quarantined(const struct mapping_tables *t, uint16_t m)
{
    return list_has(&t->quarantine, t->quarantine_link, m);
}

/* ---- clients ---- */

uint16_t client_find(const struct mapping_tables *t, uint32_t address)
{
    uint16_t c = index_first(&t->by_address, index_hash(address));
    while (c != 0 && t->client[c].address != address)
        c = index_next(&t->by_address, c);
    return c;
}

static void make_room(struct mapping_tables *t)
{
    uint16_t m = t->quarantine.first;
    for (unsigned i = 0; m != 0 && i < SEARCH_MAX; i++, m = t->quarantine_link[m].next) {
        uint16_t c = t->mapping[m].client;
        const struct client *client = &t->client[c];
        if (client->records != client->quarantined || client->address_pending != 0 ||
            client->delete_all_pending[0] != 0 || client->delete_all_pending[1] != 0)
            continue;
        for (unsigned left = client->records; left > 0; left--)
            mapping_free_quarantined_of(t, c);
        return;
    }
}

uint16_t client_take(struct mapping_tables *t, uint32_t address)
{
    uint16_t c = client_find(t, address);
    if (c != 0)
        return c;
    if (t->free_client == 0 && t->used_clients == CLIENTS_MAX)
        make_room(t);
    if (t->free_client != 0) {
        c = t->free_client;
        t->free_client = t->client_ready_link[c].next;
        t->client_ready_link[c].next = 0;
    } else if (t->used_clients < CLIENTS_MAX) {
        c = ++t->used_clients;
    } else {
        return 0;
    }
    t->client[c] = (struct client){.address = address};
    index_add(&t->by_address, index_hash(address), c);
    t->clients++;
    return c;
}

void client_release(struct mapping_tables *t, uint16_t c)
{
    const struct client *client = &t->client[c];
    if (client->records != 0 || client->address_pending != 0 || client->delete_all_pending[0] != 0 ||
        client->delete_all_pending[1] != 0)
        return;
    assert(client->live == 0 && client->map_jobs == 0 && client->asking == 0 && client->queue.first == 0 &&
           client->releases.first == 0 && client->changes.first == 0);
    list_remove(&t->client_ready, t->client_ready_link, c);
    list_remove(&t->change_ready, t->change_ready_link, c);
    list_remove(&t->address_waiting, t->address_waiting_link, c);
    index_remove(&t->by_address, c);
    t->client[c] = (struct client){0};
    t->client_ready_link[c].next = t->free_client;
    t->free_client = c;
    t->clients--;
}

/* ---- mappings ---- */

uint16_t mapping_find(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                      uint16_t internal_port)
{
    uint16_t m = index_first(&t->by_key, key_hash(address, protocol, internal_port));
    while (m != 0) {
        const struct mapping *mapping = &t->mapping[m];
        if (mapping->protocol == (unsigned)protocol && mapping->internal_port == internal_port &&
            mapping_address(t, m) == address)
            return m;
        m = index_next(&t->by_key, m);
    }
    return 0;
}

uint16_t mapping_find_router_port(const struct mapping_tables *t, enum natpmp_protocol protocol,
                                  uint16_t router_port)
{
    uint16_t m = index_first(&t->by_router_port, port_hash(protocol, router_port));
    while (m != 0 &&
           (t->mapping[m].protocol != (unsigned)protocol || t->mapping[m].router_port != router_port))
        m = index_next(&t->by_router_port, m);
    return m;
}

uint16_t mapping_find_external_port(const struct mapping_tables *t, enum natpmp_protocol protocol,
                                    uint16_t external_port)
{
    uint16_t m = index_first(&t->by_external_port, port_hash(protocol, external_port));
    while (m != 0 && (t->mapping[m].protocol != (unsigned)protocol ||
                      t->mapping[m].lease.external_port != external_port))
        m = index_next(&t->by_external_port, m);
    return m;
}

uint16_t mapping_find_rule(const struct mapping_tables *t, uint32_t rule_id)
{
    uint16_t m = index_first(&t->by_rule, index_hash(rule_id));
    while (m != 0 && t->mapping[m].rule.id != rule_id)
        m = index_next(&t->by_rule, m);
    return m;
}

static uint16_t take_record(struct mapping_tables *t)
{
    if (t->free_mapping == 0 && t->used_mappings == MAPPINGS_MAX && t->quarantine.first != 0)
        mapping_free(t, t->quarantine.first);
    uint16_t m = t->free_mapping;
    if (m != 0) {
        t->free_mapping = t->of_client[m].next;
        t->of_client[m].next = 0;
    } else if (t->used_mappings < MAPPINGS_MAX) {
        m = ++t->used_mappings;
    }
    return m;
}

uint16_t mapping_new(struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                     uint16_t internal_port)
{
    uint16_t m = take_record(t);
    if (m == 0)
        return 0;
    uint16_t c = client_take(t, address);
    if (c == 0) {
        t->of_client[m].next = t->free_mapping;
        t->free_mapping = m;
        return 0;
    }
    t->mapping[m] = (struct mapping){
        .client = c,
        .internal_port = internal_port,
        .protocol = (uint8_t)protocol,
    };
    t->client[c].records++;
    list_push(&t->client[c].mappings, t->of_client, m);
    index_add(&t->by_key, key_hash(address, protocol, internal_port), m);
    t->records++;
    return m;
}

bool mapping_is_over(const struct mapping_tables *t, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    return !mapping->wanted && mapping->rule.state == RULE_ABSENT && mapping->lease.state == LEASE_NONE &&
           !mapping->lease.asking && mapping->job.pending == 0 && mapping->job.kind == JOB_NONE &&
           !mapping->rule.comment_setting;
}

void mapping_free(struct mapping_tables *t, uint16_t m)
{
    struct mapping *mapping = &t->mapping[m];
    assert(mapping->client != 0 && mapping_is_over(t, m));
    struct client *client = &t->client[mapping->client];
    assert(!list_has(&client->changes, t->to_change, m));

    mapping_wake(t, m);
    mapping_unrelease(t, m);
    mapping_set_router_port(t, m, 0);
    mapping_index_external_port(t, m, 0);
    list_remove(&t->drive, t->to_drive, m);
    list_remove(&t->router, t->to_router, m);
    list_remove(&t->spare, t->spare_link, m);
    list_remove(&t->fresh, t->fresh_link, m);
    list_remove(&client->queue, t->to_ask, m);
    list_remove(&client->releases, t->to_release, m);
    heap_set(&t->due, m, UINT64_MAX);
    index_remove(&t->by_key, m);
    list_remove(&client->mappings, t->of_client, m);
    client->records--;
    client_release(t, mapping->client);
    *mapping = (struct mapping){0};
    t->of_client[m].next = t->free_mapping;
    t->free_mapping = m;
    t->records--;
}

void mapping_note_fresh(struct mapping_tables *t, uint16_t m)
{
    list_push(&t->fresh, t->fresh_link, m);
}

static void note_released(struct mapping_tables *t, uint16_t m)
{
    struct mapping *mapping = &t->mapping[m];
    if (mapping->promise.port == 0 || mapping->released)
        return;
    index_add(&t->by_released_port, index_hash(mapping->promise.port), m);
    mapping->released = true;
}

void mapping_unrelease(struct mapping_tables *t, uint16_t m)
{
    if (t->mapping[m].released)
        index_remove(&t->by_released_port, m);
    t->mapping[m].released = false;
}

void mapping_quarantine(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    if (mapping_is_quarantined(t, m))
        return;
    list_push(&t->quarantine, t->quarantine_link, m);
    t->client[t->mapping[m].client].quarantined++;
    t->quarantined++;
    t->quarantined_ms[m] = now_ms;
    note_released(t, m);
}

void mapping_wake(struct mapping_tables *t, uint16_t m)
{
    if (!mapping_is_quarantined(t, m))
        return;
    list_remove(&t->quarantine, t->quarantine_link, m);
    t->client[t->mapping[m].client].quarantined--;
    t->quarantined--;
}

bool mapping_port_is_quarantined(const struct mapping_tables *t, uint16_t m, uint16_t external_port,
                                 uint64_t since_ms)
{
    uint16_t r = index_first(&t->by_released_port, index_hash(external_port));
    for (; r != 0; r = index_next(&t->by_released_port, r)) {
        const struct mapping *given = &t->mapping[r];
        bool long_ago = mapping_is_quarantined(t, r) && t->quarantined_ms[r] < since_ms;
        if (given->promise.port == external_port && !long_ago && given->client != t->mapping[m].client)
            return true;
    }
    return false;
}

bool mapping_free_quarantined_of(struct mapping_tables *t, uint16_t c)
{
    uint16_t victim = 0;
    for (uint16_t m = t->client[c].mappings.first; m != 0; m = t->of_client[m].next)
        if (mapping_is_quarantined(t, m) &&
            (victim == 0 || (t->mapping[victim].released && !t->mapping[m].released)))
            victim = m;
    if (victim != 0)
        mapping_free(t, victim);
    return victim != 0;
}

void mapping_set_router_port(struct mapping_tables *t, uint16_t m, uint16_t router_port)
{
    struct mapping *mapping = &t->mapping[m];
    uint16_t old = mapping->router_port;
    if (old == router_port)
        return;
    if (old != 0) {
        index_remove(&t->by_router_port, m);
        if (mapping_find_router_port(t, mapping_other_protocol(mapping), old) == 0)
            portset_remove(&t->router_ports, old);
    }
    mapping->router_port = router_port;
    if (router_port != 0) {
        index_add(&t->by_router_port, port_hash(mapping->protocol, router_port), m);
        portset_add(&t->router_ports, router_port);
    }
}

void mapping_set_wanted(struct mapping_tables *t, uint16_t m, bool wanted)
{
    struct mapping *mapping = &t->mapping[m];
    if (mapping->wanted == wanted)
        return;
    mapping->wanted = wanted;
    mapping->moving = false;
    if (!wanted) {
        note_released(t, m);
        t->client[mapping->client].full_noted = false;
    }
    uint16_t *live = &t->client[mapping->client].live;
    *live = (uint16_t)(wanted ? *live + 1 : *live - 1);
    t->live = (uint16_t)(wanted ? t->live + 1 : t->live - 1);
}

void mapping_set_static(struct mapping_tables *t, uint16_t m, bool is_static)
{
    mapping_at(t, m)->is_static = is_static;
}

void mapping_set_moving(struct mapping_tables *t, uint16_t m, bool moving)
{
    t->mapping[m].moving = moving;
}

void mapping_index_external_port(struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    const struct mapping *mapping = &t->mapping[m];
    if (mapping->lease.external_port != 0)
        index_remove(&t->by_external_port, m);
    if (external_port != 0)
        index_add(&t->by_external_port, port_hash(mapping->protocol, external_port), m);
}

void mapping_index_rule(struct mapping_tables *t, uint16_t m, uint32_t rule_id)
{
    if (t->mapping[m].rule.id != 0)
        index_remove(&t->by_rule, m);
    if (rule_id != 0)
        index_add(&t->by_rule, index_hash(rule_id), m);
}

bool mapping_port_free(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                       uint16_t router_port)
{
    if (mapping_find_router_port(t, protocol, router_port) != 0)
        return false;
    uint16_t companion =
        mapping_find_router_port(t, protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP, router_port);
    return companion == 0 || mapping_address(t, companion) == address;
}

void mapping_set_spare(struct mapping_tables *t, uint16_t m, bool spare)
{
    if (spare)
        list_push(&t->spare, t->spare_link, m);
    else
        list_remove(&t->spare, t->spare_link, m);
}

void mapping_touch(struct mapping_tables *t, uint16_t m)
{
    list_push(&t->drive, t->to_drive, m);
}

/* ---- pending replies ---- */

static uint16_t pending_new(struct mapping_tables *t)
{
    uint16_t w = t->free_pending;
    if (w != 0)
        t->free_pending = t->pending[w].next;
    else if (t->used_pending < PENDING_REPLIES_MAX)
        w = ++t->used_pending;
    return w;
}

bool pending_add(struct mapping_tables *t, uint16_t *list, const struct pending_reply *reply)
{
    unsigned count = 0;
    uint16_t *link = list;
    for (; *link != 0; link = &t->pending[*link].next) {
        const struct pending_reply *other = &t->pending[*link];
        if (other->path.to.address == reply->path.to.address && other->path.to.port == reply->path.to.port)
            return true;
        count++;
    }
    if (count >= PENDING_PER_REQUEST_MAX)
        return false;
    uint16_t w = pending_new(t);
    if (w == 0)
        return false;
    t->pending[w] = *reply;
    t->pending[w].next = 0;
    *link = w;
    return true;
}

bool pending_take(struct mapping_tables *t, uint16_t *list, struct pending_reply *ret_reply)
{
    uint16_t w = *list;
    if (w == 0)
        return false;
    *ret_reply = t->pending[w];
    *list = t->pending[w].next;
    t->pending[w] = (struct pending_reply){.next = t->free_pending};
    t->free_pending = w;
    return true;
}
