#include "world_asks.h"

#include <assert.h>
#include <stdlib.h>

#include "world.h"

static struct inv_entry *probe(const struct inv_table *table, uint64_t key, uint64_t kind)
{
    uint64_t hash = (key ^ kind << 59) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(hash >> 32) & (table->capacity - 1);

    while (table->at[i].kind != 0 && (table->at[i].key != key || table->at[i].kind != kind))
        i = (i + 1) & (table->capacity - 1);
    return &table->at[i];
}

struct inv_entry *asks_find(const struct inv_table *table, uint64_t key, uint64_t kind)
{
    struct inv_entry *entry = probe(table, key, kind);

    return entry->kind != 0 ? entry : NULL;
}

void asks_init(struct inv_table *table, size_t capacity)
{
    *table = (struct inv_table){.at = calloc(capacity, sizeof(struct inv_entry)), .capacity = capacity};
    assert(table->at);
}

void asks_free(struct inv_table *table)
{
    free(table->at);
    *table = (struct inv_table){0};
}

struct inv_entry *asks_add(struct inv_table *table, uint64_t key, uint64_t kind)
{
    struct inv_entry *entry;

    if (table->count * 2 >= table->capacity) {
        struct inv_table larger;

        asks_init(&larger, table->capacity * 2);
        for (size_t i = 0; i < table->capacity; i++) {
            if (table->at[i].kind != 0)
                *probe(&larger, table->at[i].key, table->at[i].kind) = table->at[i];
        }
        larger.count = table->count;
        free(table->at);
        *table = larger;
    }
    entry = probe(table, key, kind);
    if (entry->kind == 0) {
        entry->key = key;
        entry->kind = kind;
        table->count++;
    }
    return entry;
}

uint64_t asks_key(uint32_t address, unsigned port)
{
    return (uint64_t)address << 32 | port;
}

uint64_t asks_pending_key(struct endpoint from, unsigned internal_port)
{
    return (uint64_t)from.address << 32 | (uint64_t)from.port << 16 | internal_port;
}

struct inv_entry *inv_find_ask(const struct world *w, uint32_t address, bool tcp, uint16_t port)
{
    return asks_find(&w->invariants.asks, asks_key(address, port), tcp ? KIND_ASK_TCP : KIND_ASK_UDP);
}

void inv_asked_before(struct world *w, uint32_t address, bool tcp, uint16_t port)
{
    struct inv_entry *ask =
        asks_add(&w->invariants.asks, asks_key(address, port), tcp ? KIND_ASK_TCP : KIND_ASK_UDP);

    ask->doubtful = true;
}

uint32_t inv_ask_address(const struct inv_entry *ask)
{
    return (uint32_t)(ask->key >> 32);
}

uint16_t inv_ask_port(const struct inv_entry *ask)
{
    return (uint16_t)ask->key;
}

bool inv_ask_tcp(const struct inv_entry *ask)
{
    return ask->kind == KIND_ASK_TCP;
}

void inv_each_ask(struct world *w, void (*each)(struct world *w, struct inv_entry *ask))
{
    for (size_t i = 0; i < w->invariants.asks.capacity; i++) {
        if (w->invariants.asks.at[i].kind != 0)
            each(w, &w->invariants.asks.at[i]);
    }
}
