#include "base/heap.h"

enum { FANOUT = 4 };

static unsigned parent_of(unsigned position)
{
    return (position + FANOUT - 2) / FANOUT;
}

static void place(struct heap *heap, unsigned position, uint16_t record, uint64_t due_ms)
{
    heap->at[position] = record;
    heap->due_ms[position] = due_ms;
    heap->position[record] = (uint16_t)position;
}

static void move(struct heap *heap, unsigned from, unsigned to)
{
    place(heap, to, heap->at[from], heap->due_ms[from]);
}

static void sift_up(struct heap *heap, unsigned position, uint16_t record, uint64_t due_ms)
{
    while (position > 1 && heap->due_ms[parent_of(position)] > due_ms) {
        move(heap, parent_of(position), position);
        position = parent_of(position);
    }
    place(heap, position, record, due_ms);
}

static void sift_down(struct heap *heap, unsigned position, uint16_t record, uint64_t due_ms)
{
    for (;;) {
        unsigned first = position * FANOUT - (FANOUT - 2);
        unsigned end = first + FANOUT <= heap->count ? first + FANOUT : heap->count + 1;
        unsigned least = first;
        for (unsigned child = first + 1; child < end; child++)
            if (heap->due_ms[child] < heap->due_ms[least])
                least = child;
        if (first >= end || heap->due_ms[least] >= due_ms)
            break;
        move(heap, least, position);
        position = least;
    }
    place(heap, position, record, due_ms);
}

/* Puts the record where it belongs, beginning at a position that has become free. */
static void sift(struct heap *heap, unsigned position, uint16_t record, uint64_t due_ms)
{
    if (position > 1 && heap->due_ms[parent_of(position)] > due_ms)
        sift_up(heap, position, record, due_ms);
    else
        sift_down(heap, position, record, due_ms);
}

static void take_out(struct heap *heap, uint16_t record)
{
    unsigned position = heap->position[record];
    unsigned last = heap->count--;
    heap->position[record] = 0;
    if (position != last)
        sift(heap, position, heap->at[last], heap->due_ms[last]);
}

void heap_set(struct heap *heap, uint16_t record, uint64_t due_ms)
{
    unsigned position = heap->position[record];
    if (due_ms == UINT64_MAX) {
        if (position != 0)
            take_out(heap, record);
    } else if (position == 0) {
        sift_up(heap, ++heap->count, record, due_ms);
    } else if (heap->due_ms[position] != due_ms) {
        sift(heap, position, record, due_ms);
    }
}

bool heap_has(const struct heap *heap, uint16_t record)
{
    return heap->position[record] != 0;
}

uint16_t heap_first(const struct heap *heap)
{
    return heap->count == 0 ? 0 : heap->at[1];
}

uint64_t heap_due_ms(const struct heap *heap)
{
    return heap->count == 0 ? UINT64_MAX : heap->due_ms[1];
}
