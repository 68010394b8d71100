#include "core/mapping.h"

#include <assert.h>

enum {
    /* Resting records that are looked at for a client that can make room: the oldest are of clients that came
     * once, unless somebody with many mappings ended them all just then. */
    LOOK_AT_MAX = 256,
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
    uint16_t m = t->resting.first;
    for (unsigned i = 0; m != 0 && i < LOOK_AT_MAX; i++, m = t->resting_link[m].next) {
        uint16_t c = t->mapping[m].client;
        const struct client *client = &t->client[c];
        if (client->records != client->at_rest || client->address_waiters != 0 ||
            client->delete_all_waiters[0] != 0 || client->delete_all_waiters[1] != 0)
            continue;
        for (unsigned left = client->records; left > 0; left--)
            mapping_free_resting_of(t, c);
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
    if (client->records != 0 || client->address_waiters != 0 || client->delete_all_waiters[0] != 0 ||
        client->delete_all_waiters[1] != 0)
        return;
    assert(client->live == 0 && client->working == 0 && client->asking == 0 && client->queue.first == 0);
    if (list_has(&t->client_ready, t->client_ready_link, c))
        list_remove(&t->client_ready, t->client_ready_link, c);
    if (list_has(&t->address_waiting, t->address_waiting_link, c))
        list_remove(&t->address_waiting, t->address_waiting_link, c);
    index_remove(&t->by_address, c);
    t->client[c] = (struct client){0};
    t->client[0].full_told = false;
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
    while (m != 0 &&
           (t->mapping[m].protocol != (unsigned)protocol || t->mapping[m].external_port != external_port))
        m = index_next(&t->by_external_port, m);
    return m;
}

uint16_t mapping_find_rule(const struct mapping_tables *t, uint32_t rule_id)
{
    uint16_t m = index_first(&t->by_rule, index_hash(rule_id));
    while (m != 0 && t->mapping[m].rule_id != rule_id)
        m = index_next(&t->by_rule, m);
    return m;
}

static uint16_t take_record(struct mapping_tables *t)
{
    if (t->free_mapping == 0 && t->used_mappings == MAPPINGS_MAX && t->resting.first != 0)
        mapping_free(t, t->resting.first);
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
    return !mapping->wanted && mapping->rule == RULE_ABSENT && mapping->lease == LEASE_NONE &&
           !mapping->asking && mapping->waiters == 0 && mapping->work == WORK_NONE &&
           !mapping->comment_setting;
}

static void leave(struct list *list, struct list_link *links, uint16_t m)
{
    if (list_has(list, links, m))
        list_remove(list, links, m);
}

static bool had_trouble(const struct mapping_trouble *trouble)
{
    return trouble->ask_retry_ms != 0 || trouble->copies_ms != 0 || trouble->rule_retry_ms != 0 ||
           trouble->refused_until_ms != 0 || trouble->rejoined_ms != 0 || trouble->rotations_since_ms != 0;
}

void mapping_free(struct mapping_tables *t, uint16_t m)
{
    struct mapping *mapping = &t->mapping[m];
    assert(mapping->client != 0 && mapping_is_over(t, m));
    struct client *client = &t->client[mapping->client];

    mapping_wake(t, m);
    if (mapping->given_back)
        index_remove(&t->by_given_port, m);
    mapping_set_router_port(t, m, 0);
    mapping_set_external_port(t, m, 0);
    leave(&t->drive, t->to_drive, m);
    leave(&t->router, t->to_router, m);
    leave(&t->spare, t->spare_link, m);
    leave(&client->queue, t->to_ask, m);
    heap_set(&t->due, m, UINT64_MAX);
    index_remove(&t->by_key, m);
    list_remove(&client->mappings, t->of_client, m);
    client->records--;
    client_release(t, mapping->client);
    *mapping = (struct mapping){0};
    if (had_trouble(&t->trouble[m]))
        t->trouble[m] = (struct mapping_trouble){0};
    t->of_client[m].next = t->free_mapping;
    t->free_mapping = m;
    t->records--;
}

static void note_given_back(struct mapping_tables *t, uint16_t m)
{
    struct mapping *mapping = &t->mapping[m];
    bool given_back = !mapping->wanted && mapping->told_port != 0;
    if (given_back && !mapping->given_back)
        index_add(&t->by_given_port, index_hash(mapping->told_port), m);
    else if (!given_back && mapping->given_back)
        index_remove(&t->by_given_port, m);
    mapping->given_back = given_back;
}

void mapping_rest(struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    if (list_has(&t->resting, t->resting_link, m))
        return;
    list_push(&t->resting, t->resting_link, m);
    t->client[t->mapping[m].client].at_rest++;
    t->at_rest++;
    t->rested_ms[m] = now_ms;
    note_given_back(t, m);
}

void mapping_wake(struct mapping_tables *t, uint16_t m)
{
    if (!list_has(&t->resting, t->resting_link, m))
        return;
    list_remove(&t->resting, t->resting_link, m);
    t->client[t->mapping[m].client].at_rest--;
    t->at_rest--;
}

bool mapping_port_rests(const struct mapping_tables *t, uint16_t m, uint16_t external_port, uint64_t since_ms)
{
    uint16_t r = index_first(&t->by_given_port, index_hash(external_port));
    for (; r != 0; r = index_next(&t->by_given_port, r)) {
        const struct mapping *given = &t->mapping[r];
        bool long_ago = list_has(&t->resting, t->resting_link, r) && t->rested_ms[r] < since_ms;
        if (given->told_port == external_port && !long_ago && given->client != t->mapping[m].client)
            return true;
    }
    return false;
}

bool mapping_free_resting_of(struct mapping_tables *t, uint16_t c)
{
    for (uint16_t m = t->client[c].mappings.first; m != 0; m = t->of_client[m].next) {
        if (!list_has(&t->resting, t->resting_link, m))
            continue;
        mapping_free(t, m);
        return true;
    }
    return false;
}

static enum natpmp_protocol other_protocol(unsigned protocol)
{
    return protocol == NATPMP_UDP ? NATPMP_TCP : NATPMP_UDP;
}

void mapping_set_router_port(struct mapping_tables *t, uint16_t m, uint16_t router_port)
{
    struct mapping *mapping = &t->mapping[m];
    uint16_t old = mapping->router_port;
    if (old == router_port)
        return;
    if (old != 0) {
        index_remove(&t->by_router_port, m);
        if (mapping_find_router_port(t, other_protocol(mapping->protocol), old) == 0)
            portset_remove(&t->router_ports, old);
    }
    mapping->router_port = router_port;
    if (router_port != 0) {
        index_add(&t->by_router_port, port_hash(mapping->protocol, router_port), m);
        portset_add(&t->router_ports, router_port);
    }
}

const struct mapping_trouble *mapping_trouble(const struct mapping_tables *t, const struct mapping *mapping)
{
    return &t->trouble[mapping - t->mapping];
}

struct mapping_trouble *mapping_in_trouble(struct mapping_tables *t, const struct mapping *mapping)
{
    return &t->trouble[mapping - t->mapping];
}

static void set_time(uint64_t *time_ms, uint64_t ms)
{
    if (*time_ms != ms)
        *time_ms = ms;
}

void mapping_set_ask_retry(struct mapping_tables *t, const struct mapping *mapping, uint64_t retry_ms)
{
    set_time(&mapping_in_trouble(t, mapping)->ask_retry_ms, retry_ms);
}

void mapping_set_rule_retry(struct mapping_tables *t, const struct mapping *mapping, uint64_t retry_ms)
{
    set_time(&mapping_in_trouble(t, mapping)->rule_retry_ms, retry_ms);
}

void mapping_set_copies(struct mapping_tables *t, const struct mapping *mapping, uint64_t copies_ms)
{
    set_time(&mapping_in_trouble(t, mapping)->copies_ms, copies_ms);
}

void mapping_set_wanted(struct mapping_tables *t, uint16_t m, bool wanted)
{
    struct mapping *mapping = &t->mapping[m];
    if (mapping->wanted == wanted)
        return;
    mapping->wanted = wanted;
    note_given_back(t, m);
    if (!wanted) {
        t->client[mapping->client].full_told = false;
        mapping_set_ask_retry(t, mapping, 0);
    }
    uint16_t *live = &t->client[mapping->client].live;
    *live = (uint16_t)(wanted ? *live + 1 : *live - 1);
    t->live = (uint16_t)(wanted ? t->live + 1 : t->live - 1);
}

void mapping_set_work(struct mapping_tables *t, uint16_t m, enum work work)
{
    struct mapping *mapping = &t->mapping[m];
    uint16_t *working = &t->client[mapping->client].working;
    if (mapping->work == WORK_MAP)
        --*working;
    if (work == WORK_MAP)
        ++*working;
    mapping->work = (uint8_t)work;
}

void mapping_set_external_port(struct mapping_tables *t, uint16_t m, uint16_t external_port)
{
    struct mapping *mapping = &t->mapping[m];
    if (mapping->external_port == external_port)
        return;
    if (mapping->external_port != 0)
        index_remove(&t->by_external_port, m);
    mapping->external_port = external_port;
    if (external_port != 0)
        index_add(&t->by_external_port, port_hash(mapping->protocol, external_port), m);
}

void mapping_set_lease(struct mapping_tables *t, uint16_t m, enum lease_state lease)
{
    t->mapping[m].lease = (uint8_t)lease;
    if (lease == LEASE_NONE)
        mapping_set_external_port(t, m, 0);
}

void mapping_set_rule(struct mapping_tables *t, uint16_t m, enum rule_state rule, uint32_t rule_id)
{
    struct mapping *mapping = &t->mapping[m];
    assert((rule == RULE_PRESENT || rule == RULE_REMOVING) <= (rule_id != 0));
    mapping->rule = (uint8_t)rule;
    if (rule == RULE_ABSENT) {
        mapping->rule_wrong = false;
        mapping->comment_stale = false;
    }
    if (mapping->rule_id == rule_id)
        return;
    if (mapping->rule_id != 0)
        index_remove(&t->by_rule, m);
    mapping->rule_id = rule_id;
    if (rule_id != 0)
        index_add(&t->by_rule, index_hash(rule_id), m);
}

bool mapping_port_free(const struct mapping_tables *t, uint32_t address, enum natpmp_protocol protocol,
                       uint16_t router_port)
{
    if (mapping_find_router_port(t, protocol, router_port) != 0)
        return false;
    uint16_t companion = mapping_find_router_port(t, other_protocol(protocol), router_port);
    return companion == 0 || mapping_address(t, companion) == address;
}

void mapping_touch(struct mapping_tables *t, uint16_t m)
{
    if (!list_has(&t->drive, t->to_drive, m))
        list_push(&t->drive, t->to_drive, m);
}

/* ---- waiters ---- */

static uint16_t waiter_new(struct mapping_tables *t)
{
    uint16_t w = t->free_waiter;
    if (w != 0)
        t->free_waiter = t->waiter[w].next;
    else if (t->used_waiters < WAITERS_MAX)
        w = ++t->used_waiters;
    return w;
}

bool waiter_add(struct mapping_tables *t, uint16_t *list, const struct waiter *waiter)
{
    unsigned count = 0;
    uint16_t *link = list;
    for (; *link != 0; link = &t->waiter[*link].next) {
        const struct waiter *other = &t->waiter[*link];
        if (other->from.address == waiter->from.address && other->from.port == waiter->from.port)
            return true;
        count++;
    }
    if (count >= WAITERS_PER_REQUEST_MAX)
        return false;
    uint16_t w = waiter_new(t);
    if (w == 0)
        return false;
    t->waiter[w] = *waiter;
    t->waiter[w].next = 0;
    *link = w;
    return true;
}

bool waiter_take(struct mapping_tables *t, uint16_t *list, struct waiter *ret_waiter)
{
    uint16_t w = *list;
    if (w == 0)
        return false;
    *ret_waiter = t->waiter[w];
    *list = t->waiter[w].next;
    t->waiter[w] = (struct waiter){.next = t->free_waiter};
    t->free_waiter = w;
    return true;
}
