#include "base/list.h"

#include <assert.h>

bool list_has(const struct list *list, const struct list_link *links, uint16_t record)
{
    return list->first == record || links[record].previous != 0;
}

void list_push(struct list *list, struct list_link *links, uint16_t record)
{
    assert(record != 0);
    if (list_has(list, links, record))
        return;
    assert(links[record].next == 0);
    links[record].previous = list->last;
    if (list->last != 0)
        links[list->last].next = record;
    else
        list->first = record;
    list->last = record;
}

void list_remove(struct list *list, struct list_link *links, uint16_t record)
{
    struct list_link link = links[record];
    if (!list_has(list, links, record))
        return;
    if (link.previous != 0)
        links[link.previous].next = link.next;
    else
        list->first = link.next;
    if (link.next != 0)
        links[link.next].previous = link.previous;
    else
        list->last = link.previous;
    links[record] = (struct list_link){0};
}

uint16_t list_pop(struct list *list, struct list_link *links)
{
    uint16_t record = list->first;
    if (record != 0)
        list_remove(list, links, record);
    return record;
}
