/* Doubly linked lists of records numbered 1..65535. The links stand in an array of their own, indexed by
 * record: one array serves any number of lists as long as a record is in at most one of them. A list of zero
 * bytes is empty. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct list_link {
    uint16_t next;
    uint16_t previous;
};

struct list {
    uint16_t first;
    uint16_t last;
};

/* True if the record is in this list; it must not be in another one with the same links. */
bool list_has(const struct list *list, const struct list_link *links, uint16_t record);
/* Appends, unless the record is in the list already; it must not be in another one with the same links. */
void list_push(struct list *list, struct list_link *links, uint16_t record);
/* Takes the record out, if it is in the list. */
void list_remove(struct list *list, struct list_link *links, uint16_t record);
/* Takes the first record; 0 if the list is empty. */
uint16_t list_pop(struct list *list, struct list_link *links);
