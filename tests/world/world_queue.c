#include "world_queue.h"

#include <assert.h>
#include <stdlib.h>

static bool before(const struct world_event *a, const struct world_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct world_event *a, struct world_event *b)
{
    struct world_event held = *a;

    *a = *b;
    *b = held;
}

static void rise(struct world_queue *queue, size_t i)
{
    while (i > 0 && before(&queue->at[i], &queue->at[(i - 1) / 2])) {
        swap(&queue->at[i], &queue->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void insert(struct world_queue *queue, const struct world_event *event)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity ? queue->capacity * 2 : 256;
        queue->at = realloc(queue->at, queue->capacity * sizeof(*queue->at));
        assert(queue->at);
    }
    queue->at[queue->count] = *event;
    rise(queue, queue->count++);
}

void world_queue_push(struct world_queue *queue, struct world_event event, struct span bytes)
{
    event.order = queue->next_order++;
    event.bytes = NULL;
    event.len = bytes.len;
    if (bytes.len > 0) {
        event.bytes = malloc(bytes.len);
        assert(event.bytes);
        memcpy(event.bytes, bytes.data, bytes.len);
    }
    insert(queue, &event);
}

void world_queue_postpone(struct world_queue *queue, struct world_event event, uint64_t at_ms)
{
    event.at_ms = at_ms;
    insert(queue, &event);
}

uint64_t world_queue_next_ms(const struct world_queue *queue)
{
    return queue->count > 0 ? queue->at[0].at_ms : UINT64_MAX;
}

struct world_event world_queue_pop(struct world_queue *queue)
{
    struct world_event first = queue->at[0];
    size_t i = 0;

    queue->at[0] = queue->at[--queue->count];
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && before(&queue->at[child + 1], &queue->at[child]))
            child++;
        if (!before(&queue->at[child], &queue->at[i]))
            break;
        swap(&queue->at[child], &queue->at[i]);
        i = child;
    }
    return first;
}

void world_queue_drop(struct world_queue *queue, enum world_event_type type, unsigned first_slot,
                      unsigned slots)
{
    size_t kept = 0;

    for (size_t i = 0; i < queue->count; i++) {
        unsigned slot = queue->at[i].slot;

        if (queue->at[i].type == type && slot >= first_slot && slot < first_slot + slots)
            free(queue->at[i].bytes);
        else
            queue->at[kept++] = queue->at[i];
    }
    queue->count = kept;
    for (size_t i = 1; i < kept; i++)
        rise(queue, i);
}

void world_queue_free(struct world_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        free(queue->at[i].bytes);
    free(queue->at);
    *queue = (struct world_queue){0};
}
