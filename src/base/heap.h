/* Finds the record with the earliest due time among records numbered 1..65535. In this heap a node has up to
 * four children, which stand side by side: a full heap has eight levels, and each level costs about one cache
 * line. A heap of zero bytes is empty. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap {
    unsigned count;
    uint16_t at[65536];       /* at[1] is the earliest */
    uint64_t due_ms[65536];   /* of the record at that position */
    uint16_t position[65536]; /* of a record in at[]; 0: not in the heap */
};

/* Adds the record or changes its time; UINT64_MAX removes it. */
void heap_set(struct heap *heap, uint16_t record, uint64_t due_ms);
bool heap_has(const struct heap *heap, uint16_t record);
/* The record that is due first; 0 if there is none. */
uint16_t heap_first(const struct heap *heap);
/* UINT64_MAX if the heap is empty. */
uint64_t heap_due_ms(const struct heap *heap);
