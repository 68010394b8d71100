#include "base/index.h"

#include <assert.h>

uint32_t index_hash(uint64_t key)
{
    /* The finalizer of MurmurHash3: every bit of the key changes half of the result. */
    key ^= key >> 33;
    key *= 0xFF51AFD7ED558CCDULL;
    key ^= key >> 33;
    key *= 0xC4CEB9FE1A85EC53ULL;
    key ^= key >> 33;
    return (uint32_t)key;
}

/* While `buckets` is between two powers of two, the buckets that were split already are addressed with one
 * bit more than the others. */
static uint32_t bucket_of(const struct index *index, uint32_t hash)
{
    uint32_t mask = UINT32_MAX >> __builtin_clz(index->buckets);
    uint32_t bucket = hash & mask;
    return bucket < index->buckets ? bucket : bucket & mask >> 1;
}

static uint32_t hash_of(const struct index *index, uint16_t record)
{
    return (uint32_t)index->entry[record].hash[0] << 16 | index->entry[record].hash[1];
}

static void push(struct index *index, uint16_t record)
{
    uint32_t bucket = bucket_of(index, hash_of(index, record));
    index->entry[record].next = index->head[bucket];
    index->head[bucket] = record;
}

static void grow(struct index *index)
{
    uint32_t half = 1;
    while (half * 2 <= index->buckets)
        half <<= 1;
    uint32_t split = index->buckets - half;
    uint16_t record = index->head[split];
    index->head[split] = 0;
    index->buckets++;
    while (record != 0) {
        uint16_t next = index->entry[record].next;
        push(index, record);
        record = next;
    }
}

void index_add(struct index *index, uint32_t hash, uint16_t record)
{
    assert(record != 0);
    if (index->buckets == 0)
        index->buckets = 1;
    else if (index->count >= index->buckets && index->buckets < 65536)
        grow(index);
    index->entry[record].hash[0] = (uint16_t)(hash >> 16);
    index->entry[record].hash[1] = (uint16_t)hash;
    push(index, record);
    index->count++;
}

void index_remove(struct index *index, uint16_t record)
{
    uint16_t *link = &index->head[bucket_of(index, hash_of(index, record))];
    while (*link != record) {
        assert(*link != 0);
        link = &index->entry[*link].next;
    }
    *link = index->entry[record].next;
    index->count--;
}

static uint16_t same_hash(const struct index *index, uint16_t record, uint32_t hash)
{
    while (record != 0 && hash_of(index, record) != hash)
        record = index->entry[record].next;
    return record;
}

uint16_t index_first(const struct index *index, uint32_t hash)
{
    return index->buckets == 0 ? 0 : same_hash(index, index->head[bucket_of(index, hash)], hash);
}

uint16_t index_next(const struct index *index, uint16_t record)
{
    return same_hash(index, index->entry[record].next, hash_of(index, record));
}
