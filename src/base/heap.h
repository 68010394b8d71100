/* The earliest due time of records numbered 1..65535: a heap with one time for each record, in which each has
 * up to four below it: they stand side by side, so a full heap is eight steps and few cache lines high. All
 * zero is empty. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap {
    unsigned count;
    uint16_t at[65536];       /* at[1] is the earliest */
    uint64_t due_ms[65536];   /* of the record at that position */
    uint16_t position[65536]; /* of a record in at[]; 0: not in the heap */
};

/* Adds the record or moves it; UINT64_MAX takes it out. */
void heap_set(struct heap *heap, uint16_t record, uint64_t due_ms);
bool heap_has(const struct heap *heap, uint16_t record);
/* The record that is due first; 0 if there is none. */
uint16_t heap_first(const struct heap *heap);
/* UINT64_MAX if the heap is empty. */
uint64_t heap_due_ms(const struct heap *heap);
