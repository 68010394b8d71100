/* What an external address is set aside for: at the borders of each block of RFC 6890. */
#include "core/address_use.h"
#include "unit.h"

static void test_borders(void **state)
{
    static const struct {
        uint32_t first;
        uint32_t last;
        bool before_is_public;
        bool after_is_public;
    } blocks[] = {
        {0x00000000, 0x00ffffff, false, true}, /* 0.0.0.0/8 */
        {0x0a000000, 0x0affffff, true, true},  /* 10.0.0.0/8 */
        {0x64400000, 0x647fffff, true, true},  /* 100.64.0.0/10 */
        {0x7f000000, 0x7fffffff, true, true},  /* 127.0.0.0/8 */
        {0xa9fe0000, 0xa9feffff, true, true},  /* 169.254.0.0/16 */
        {0xac100000, 0xac1fffff, true, true},  /* 172.16.0.0/12 */
        {0xc0000000, 0xc00000ff, true, true},  /* 192.0.0.0/24 */
        {0xc0000200, 0xc00002ff, true, true},  /* 192.0.2.0/24 */
        {0xc0a80000, 0xc0a8ffff, true, true},  /* 192.168.0.0/16 */
        {0xc6120000, 0xc613ffff, true, true},  /* 198.18.0.0/15 */
        {0xc6336400, 0xc63364ff, true, true},  /* 198.51.100.0/24 */
        {0xcb007100, 0xcb0071ff, true, true},  /* 203.0.113.0/24 */
        {0xe0000000, 0xffffffff, true, false}, /* 224.0.0.0/3 */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        const char *use = address_use(blocks[i].first);
        if (use == NULL || address_use(blocks[i].last) != use)
            fail_msg("block %zu: %s", i, use != NULL ? use : "public");
        if (blocks[i].before_is_public)
            assert_null(address_use(blocks[i].first - 1));
        if (blocks[i].after_is_public)
            assert_null(address_use(blocks[i].last + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
