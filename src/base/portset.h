/* A set of ports 0..65535 as a bitmap, with a fast search for a free one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct portset {
    uint64_t word[65536 / 64];
};

void portset_clear(struct portset *set);
void portset_fill(struct portset *set);
void portset_add(struct portset *set, uint16_t port);
void portset_remove(struct portset *set, uint16_t port);
/* Adds nothing if first > last. */
void portset_add_range(struct portset *set, uint16_t first, uint16_t last);
bool portset_has(const struct portset *set, uint16_t port);

/* The first port at or after `start`, wrapping inside first..last, that none of the `count` sets holds; 0 if
 * there is none. first <= start <= last, first > 0. */
uint16_t portset_find_free(const struct portset *const *sets, unsigned count, uint16_t first, uint16_t last,
                           uint16_t start);
