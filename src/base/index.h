/* An index from a hash to records numbered 1..65535, by linear hashing: buckets are added one at a time, so
 * neither the time of an insertion nor the memory in use ever jumps. Records with the same hash form a chain,
 * and the caller compares their keys. An index of zero bytes is empty. */
#pragma once

#include <stdint.h>

struct index {
    uint32_t buckets; /* in use; 0 only when nothing was ever added */
    uint32_t count;
    uint16_t head[65536];
    struct {
        uint16_t hash[2]; /* in halves, because a uint32_t would cost two bytes of padding */
        uint16_t next;
    } entry[65536];
};

/* Spreads a key over 32 bits. */
uint32_t index_hash(uint64_t key);
/* `record` must not be in the index. */
void index_add(struct index *index, uint32_t hash, uint16_t record);
/* `record` must be in the index under the hash that it was added with. */
void index_remove(struct index *index, uint16_t record);
/* The first record of that hash, and the one that follows `record`; 0 if there is none. */
uint16_t index_first(const struct index *index, uint32_t hash);
uint16_t index_next(const struct index *index, uint16_t record);
