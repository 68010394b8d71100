/* Addresses that cannot be reached from the internet: the first and the last of each block, and their
 * neighbours. */
#include <stdio.h>

#include "base/address_use.h"
#include "core/event.h"
#include "unit.h"

static void check_use(uint32_t address, const char *use)
{
    const char *found = address_use(address);
    if (found == use || (found != NULL && use != NULL && strcmp(found, use) == 0))
        return;
    fail_msg("%s is %s", address_text(address).text, found == NULL ? "public" : found);
}

/* IANA's registry of special-purpose addresses, RFC 6890. */
static void test_blocks(void **state)
{
    static const struct {
        uint32_t first;
        uint32_t last;
        const char *use;
    } blocks[] = {
        {0x00000000, 0x00FFFFFF, "not an address"},      /* 0.0.0.0/8 */
        {0x0A000000, 0x0AFFFFFF, "private"},             /* 10.0.0.0/8 */
        {0x64400000, 0x647FFFFF, "of a provider's NAT"}, /* 100.64.0.0/10 */
        {0x7F000000, 0x7FFFFFFF, "loopback"},            /* 127.0.0.0/8 */
        {0xA9FE0000, 0xA9FEFFFF, "link-local"},          /* 169.254.0.0/16 */
        {0xAC100000, 0xAC1FFFFF, "private"},             /* 172.16.0.0/12 */
        {0xC0000000, 0xC00000FF, "reserved"},            /* 192.0.0.0/24 */
        {0xC0000200, 0xC00002FF, "for documentation"},   /* 192.0.2.0/24 */
        {0xC0A80000, 0xC0A8FFFF, "private"},             /* 192.168.0.0/16 */
        {0xC6120000, 0xC613FFFF, "for benchmarks"},      /* 198.18.0.0/15 */
        {0xC6336400, 0xC63364FF, "for documentation"},   /* 198.51.100.0/24 */
        {0xCB007100, 0xCB0071FF, "for documentation"},   /* 203.0.113.0/24 */
        {0xE0000000, 0xFFFFFFFF, "multicast or reserved"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        check_use(blocks[i].first, blocks[i].use);
        check_use(blocks[i].last, blocks[i].use);
        if (blocks[i].first != 0)
            check_use(blocks[i].first - 1, NULL);
        if (blocks[i].last != UINT32_MAX)
            check_use(blocks[i].last + 1, NULL);
    }
}

/* [G10] */
static void test_possible(void **state)
{
    static const uint32_t impossible[] = {0,          1,          0x00FFFFFF, 0x7F000001,
                                          0xC0000001, 0xE0000001, 0xF0000000, 0xFFFFFFFF};
    static const uint32_t possible[] = {0x01000000, 0x0A000001, 0x64400001,
                                        0xC0A80001, 0xCB007101, 0xDFFFFFFF};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(impossible); i++)
        assert_false(address_is_possible(impossible[i]));
    for (size_t i = 0; i < ARRAY_LEN(possible); i++)
        assert_true(address_is_possible(possible[i]));
}

static void test_whose(void **state)
{
    static const struct {
        uint32_t address;
        bool private;
        bool of_lan;
        bool loopback;
    } rows[] = {
        {0x0A000000, true, true, false},   {0xAC1FFFFF, true, true, false},
        {0xAC200000, false, false, false}, {0xC0A80001, true, true, false},
        {0xA9FE0001, false, true, false},  {0x64400001, false, false, false},
        {0x7F000001, false, false, true},  {0x08080808, false, false, false},
        {0xE0000001, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(address_is_private(rows[i].address), rows[i].private);
        assert_int_equal(address_is_of_lan(rows[i].address), rows[i].of_lan);
        assert_int_equal(address_is_loopback(rows[i].address), rows[i].loopback);
    }
}

UNIT(address_use)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_possible),
        cmocka_unit_test(test_whose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
