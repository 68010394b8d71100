#include "base/address_use.h"

#include <stddef.h>

#include "base/attributes.h"

enum kind {
    OTHER,
    PRIVATE,
    LINK_LOCAL,
    LOOPBACK,
    IMPOSSIBLE,
};

struct use {
    uint32_t first;
    uint32_t last;
    const char *use;
    enum kind kind;
};

static const struct use uses[] = {
    {0x00000000, 0x00FFFFFF, "not an address", IMPOSSIBLE},
    {0x0A000000, 0x0AFFFFFF, "private", PRIVATE},
    {0x64400000, 0x647FFFFF, "of a provider's NAT", OTHER},
    {0x7F000000, 0x7FFFFFFF, "loopback", LOOPBACK},
    {0xA9FE0000, 0xA9FEFFFF, "link-local", LINK_LOCAL},
    {0xAC100000, 0xAC1FFFFF, "private", PRIVATE},
    {0xC0000000, 0xC00000FF, "reserved", IMPOSSIBLE},
    {0xC0000200, 0xC00002FF, "for documentation", OTHER},
    {0xC0A80000, 0xC0A8FFFF, "private", PRIVATE},
    {0xC6120000, 0xC613FFFF, "for benchmarks", OTHER},
    {0xC6336400, 0xC63364FF, "for documentation", OTHER},
    {0xCB007100, 0xCB0071FF, "for documentation", OTHER},
    {0xE0000000, 0xFFFFFFFF, "multicast or reserved", IMPOSSIBLE},
};

static const struct use *find(uint32_t address)
{
    static const struct use public = {0, UINT32_MAX, NULL, OTHER};
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (address >= uses[i].first && address <= uses[i].last)
            return &uses[i];
    return &public;
}

const char *address_use(uint32_t address)
{
    return find(address)->use;
}

bool address_is_possible(uint32_t address)
{
    return find(address)->kind != IMPOSSIBLE && !address_is_loopback(address);
}

bool address_is_private(uint32_t address)
{
    return find(address)->kind == PRIVATE;
}

bool address_is_of_lan(uint32_t address)
{
    return address_is_private(address) || find(address)->kind == LINK_LOCAL;
}

bool address_is_loopback(uint32_t address)
{
    return find(address)->kind == LOOPBACK;
}
