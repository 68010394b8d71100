#include "base/heap.h"

static void place(struct heap *heap, unsigned position, uint16_t record)
{
    heap->at[position] = record;
    heap->position[record] = (uint16_t)position;
}

static void sift_up(struct heap *heap, unsigned position, uint16_t record)
{
    uint64_t due_ms = heap->due_ms[record];
    while (position > 1 && heap->due_ms[heap->at[position / 2]] > due_ms) {
        place(heap, position, heap->at[position / 2]);
        position /= 2;
    }
    place(heap, position, record);
}

static void sift_down(struct heap *heap, unsigned position, uint16_t record)
{
    uint64_t due_ms = heap->due_ms[record];
    for (unsigned child = position * 2; child <= heap->count; child = position * 2) {
        if (child < heap->count && heap->due_ms[heap->at[child + 1]] < heap->due_ms[heap->at[child]])
            child++;
        if (heap->due_ms[heap->at[child]] >= due_ms)
            break;
        place(heap, position, heap->at[child]);
        position = child;
    }
    place(heap, position, record);
}

static void take_out(struct heap *heap, uint16_t record)
{
    unsigned position = heap->position[record];
    uint16_t last = heap->at[heap->count--];
    heap->position[record] = 0;
    if (last == record)
        return;
    if (position > 1 && heap->due_ms[heap->at[position / 2]] > heap->due_ms[last])
        sift_up(heap, position, last);
    else
        sift_down(heap, position, last);
}

void heap_set(struct heap *heap, uint16_t record, uint64_t due_ms)
{
    unsigned position = heap->position[record];
    if (due_ms == UINT64_MAX) {
        if (position != 0)
            take_out(heap, record);
        return;
    }
    uint64_t before_ms = heap->due_ms[record];
    heap->due_ms[record] = due_ms;
    if (position == 0)
        sift_up(heap, ++heap->count, record);
    else if (due_ms < before_ms)
        sift_up(heap, position, record);
    else if (due_ms > before_ms)
        sift_down(heap, position, record);
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
    return heap->count == 0 ? UINT64_MAX : heap->due_ms[heap->at[1]];
}
