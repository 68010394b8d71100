#include "core/address_use.h"

#include "core/nat_rule.h"

const char *address_use(uint32_t address)
{
    static const struct {
        struct prefix prefix;
        const char *use;
    } uses[] = {
        {{0x00000000, 8}, "not an address"},
        {{0x0A000000, 8}, "private"},
        {{0x64400000, 10}, "of a provider's NAT"},
        {{0x7F000000, 8}, "loopback"},
        {{0xA9FE0000, 16}, "link-local"},
        {{0xAC100000, 12}, "private"},
        {{0xC0000000, 24}, "reserved"},
        {{0xC0000200, 24}, "for documentation"},
        {{0xC0A80000, 16}, "private"},
        {{0xC6120000, 15}, "for benchmarks"},
        {{0xC6336400, 24}, "for documentation"},
        {{0xCB007100, 24}, "for documentation"},
        {{0xE0000000, 3}, "multicast or reserved"},
    };
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (prefix_has(&uses[i].prefix, address))
            return uses[i].use;
    return NULL;
}
