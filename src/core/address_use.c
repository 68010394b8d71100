#include "core/address_use.h"

#include "core/nat_rule.h"

struct use {
    struct prefix prefix;
    const char *use;
    bool impossible; /* no host can have it */
};

static const struct use uses[] = {
    {{0x00000000, 8}, "not an address", true},
    {{0x0A000000, 8}, "private", false},
    {{0x64400000, 10}, "of a provider's NAT", false},
    {{0x7F000000, 8}, "loopback", true},
    {{0xA9FE0000, 16}, "link-local", false},
    {{0xAC100000, 12}, "private", false},
    {{0xC0000000, 24}, "reserved", true},
    {{0xC0000200, 24}, "for documentation", false},
    {{0xC0A80000, 16}, "private", false},
    {{0xC6120000, 15}, "for benchmarks", false},
    {{0xC6336400, 24}, "for documentation", false},
    {{0xCB007100, 24}, "for documentation", false},
    {{0xE0000000, 3}, "multicast or reserved", true},
};

static const struct use *find(uint32_t address)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (prefix_has(&uses[i].prefix, address))
            return &uses[i];
    return NULL;
}

const char *address_use(uint32_t address)
{
    const struct use *use = find(address);
    return use != NULL ? use->use : NULL;
}

bool address_is_possible(uint32_t address)
{
    const struct use *use = find(address);
    return use == NULL || !use->impossible;
}
