/* The earliest due time of records numbered 1..65535: a binary heap with one time for each record. All zero
 * is empty. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap {
    unsigned count;
    uint16_t at[65536];       /* at[1] is the earliest */
    uint16_t position[65536]; /* of a record in at[]; 0: not in the heap */
    uint64_t due_ms[65536];   /* by record */
};

/* Adds the record or moves it; UINT64_MAX takes it out. */
void heap_set(struct heap *heap, uint16_t record, uint64_t due_ms);
bool heap_has(const struct heap *heap, uint16_t record);
/* The record that is due first; 0 if there is none. */
uint16_t heap_first(const struct heap *heap);
/* UINT64_MAX if the heap is empty. */
uint64_t heap_due_ms(const struct heap *heap);
