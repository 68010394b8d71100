/* An index from a hash to records numbered 1..65535, by linear hashing: the number of buckets grows one at a
 * time with the records, so that neither time nor touched memory jumps. Records with the same hash form a
 * chain; the caller compares their keys. All zero is an empty index. */
#pragma once

#include <stdint.h>

struct index {
    uint32_t buckets; /* in use; 0 only when nothing was ever added */
    uint32_t count;
    uint16_t head[65536];
    struct {
        uint16_t hash[2]; /* in halves: a whole one would cost two bytes of padding */
        uint16_t next;
    } entry[65536];
};

/* Spreads a key over 32 bits. */
uint32_t index_hash(uint64_t key);
/* `record` must not be in the index. */
void index_add(struct index *index, uint32_t hash, uint16_t record);
/* `record` must be in the index under the hash that it was added with. */
void index_remove(struct index *index, uint16_t record);
/* The first record of that hash, then the next one after `record`; 0 at the end. */
uint16_t index_first(const struct index *index, uint32_t hash);
uint16_t index_next(const struct index *index, uint16_t record);
