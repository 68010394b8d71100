#include "base/portset.h"

#include <assert.h>
#include <string.h>

enum { WORD_BITS = 64 };

static uint64_t bit_of(uint16_t port)
{
    return UINT64_C(1) << port % WORD_BITS;
}

/* The bits of word `index` that stand for ports of first..last. */
static uint64_t mask_of(unsigned index, uint16_t first, uint16_t last)
{
    uint64_t mask = UINT64_MAX;
    if (index == first / WORD_BITS)
        mask &= UINT64_MAX << first % WORD_BITS;
    if (index == last / WORD_BITS)
        mask &= UINT64_MAX >> (WORD_BITS - 1 - last % WORD_BITS);
    return mask;
}

void portset_clear(struct portset *set)
{
    memset(set->word, 0, sizeof(set->word));
}

void portset_fill(struct portset *set)
{
    memset(set->word, 0xFF, sizeof(set->word));
}

void portset_add(struct portset *set, uint16_t port)
{
    set->word[port / WORD_BITS] |= bit_of(port);
}

void portset_remove(struct portset *set, uint16_t port)
{
    set->word[port / WORD_BITS] &= ~bit_of(port);
}

void portset_add_range(struct portset *set, uint16_t first, uint16_t last)
{
    for (unsigned i = first / WORD_BITS; i <= last / WORD_BITS; i++)
        set->word[i] |= mask_of(i, first, last);
}

bool portset_has(const struct portset *set, uint16_t port)
{
    return (set->word[port / WORD_BITS] & bit_of(port)) != 0;
}

static uint16_t find_upwards(const struct portset *const *sets, unsigned count, uint16_t from, uint16_t to)
{
    for (unsigned i = from / WORD_BITS; i <= to / WORD_BITS; i++) {
        uint64_t free = mask_of(i, from, to);
        for (unsigned s = 0; s < count; s++)
            free &= ~sets[s]->word[i];
        if (free != 0)
            return (uint16_t)(i * WORD_BITS + (unsigned)__builtin_ctzll(free));
    }
    return 0;
}

uint16_t portset_find_free(const struct portset *const *sets, unsigned count, uint16_t first, uint16_t last,
                           uint16_t start)
{
    assert(first > 0 && first <= start && start <= last);
    uint16_t port = find_upwards(sets, count, start, last);
    if (port == 0 && start > first)
        port = find_upwards(sets, count, first, (uint16_t)(start - 1));
    return port;
}
