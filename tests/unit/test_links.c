/* The links on which a service announces itself. */

#include "io/links.h"
#include "unit.h"

enum {
    LO = 1,
    LAN = 2,
    WAN = 3,
    GUEST = 4,
};

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static struct link make(uint32_t interface, uint32_t address)
{
    return (struct link){.interface = interface,
                         .address = address,
                         .up = true,
                         .multicast = interface != LO,
                         .loopback = interface == LO};
}

static struct link chosen[LINKS_MAX];

static const uint32_t lan = ADDRESS(192, 168, 88, 1);
static const uint32_t wan = ADDRESS(10, 2, 0, 2);
static const uint32_t guest = ADDRESS(172, 31, 255, 1);

static unsigned choose(const struct link *links, unsigned count, uint32_t listen, uint32_t uplink)
{
    memset(chosen, 0, sizeof(chosen));
    return links_choose(links, count, listen, uplink, chosen);
}

static void test_wildcard(void **state)
{
    const struct link links[] = {make(LO, ADDRESS(127, 0, 0, 1)), make(LAN, lan), make(WAN, wan),
                                 make(GUEST, guest)};
    (void)state;
    assert_int_equal(choose(links, 4, 0, wan), 2);
    assert_int_equal(chosen[0].address, lan);
    assert_int_equal(chosen[0].interface, LAN);
    assert_int_equal(chosen[1].address, guest);
    assert_int_equal(choose(links, 4, 0, 0), 3);
    /* An uplink's address that is on none of them excludes none. */
    assert_int_equal(choose(links, 4, 0, ADDRESS(10, 9, 9, 9)), 3);
}

static void test_whole_uplink_is_left_out(void **state)
{
    const struct link links[] = {make(WAN, ADDRESS(192, 168, 1, 7)), make(WAN, wan), make(LAN, lan)};
    (void)state;
    assert_int_equal(choose(links, 3, 0, wan), 1);
    assert_int_equal(chosen[0].address, lan);
}

static void test_uplink_if_there_is_no_other(void **state)
{
    const struct link links[] = {make(LO, ADDRESS(127, 0, 0, 1)), make(LAN, ADDRESS(172, 17, 0, 2)),
                                 make(GUEST, ADDRESS(100, 64, 0, 1))};
    (void)state;
    assert_int_equal(choose(links, 3, 0, ADDRESS(172, 17, 0, 2)), 1);
    assert_int_equal(chosen[0].interface, LAN);
}

static void test_named_address(void **state)
{
    const struct link links[] = {make(LO, ADDRESS(127, 0, 0, 1)), make(LAN, lan), make(WAN, wan)};
    (void)state;
    assert_int_equal(choose(links, 3, wan, wan), 1);
    assert_int_equal(chosen[0].interface, WAN);
    assert_int_equal(choose(links, 3, ADDRESS(127, 0, 0, 1), wan), 1);
    assert_int_equal(chosen[0].interface, LO);
    assert_int_equal(choose(links, 3, ADDRESS(10, 9, 9, 9), wan), 0);
}

static void test_unfit_links(void **state)
{
    struct link down = make(LAN, lan);
    struct link deaf = make(GUEST, guest);
    struct link loop = make(LAN, lan);
    down.up = false;
    deaf.multicast = false;
    loop.loopback = true;
    const struct link links[] = {down, deaf, loop};
    (void)state;
    assert_int_equal(choose(links, 3, 0, 0), 0);
}

static void test_private_addresses(void **state)
{
    static const struct {
        uint32_t address;
        bool private;
    } cases[] = {
        {ADDRESS(10, 0, 0, 0), true},         {ADDRESS(10, 255, 255, 255), true},
        {ADDRESS(11, 0, 0, 0), false},        {ADDRESS(9, 255, 255, 255), false},
        {ADDRESS(172, 15, 255, 255), false},  {ADDRESS(172, 16, 0, 0), true},
        {ADDRESS(172, 31, 255, 255), true},   {ADDRESS(172, 32, 0, 0), false},
        {ADDRESS(192, 167, 255, 255), false}, {ADDRESS(192, 168, 0, 0), true},
        {ADDRESS(192, 168, 255, 255), true},  {ADDRESS(192, 169, 0, 0), false},
        {ADDRESS(169, 254, 0, 1), true},      {ADDRESS(169, 253, 255, 255), false},
        {ADDRESS(100, 64, 0, 1), false},      {ADDRESS(203, 0, 113, 1), false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct link link = make(LAN, cases[i].address);
        assert_int_equal(choose(&link, 1, 0, 0), cases[i].private ? 1 : 0);
    }
}

static void test_in_place(void **state)
{
    struct link links[] = {make(LO, ADDRESS(127, 0, 0, 1)), make(WAN, wan), make(LAN, lan)};
    (void)state;
    assert_int_equal(links_choose(links, 3, 0, wan, links), 1);
    assert_int_equal(links[0].address, lan);
    struct link alone[] = {make(LO, ADDRESS(127, 0, 0, 1)), make(WAN, wan)};
    assert_int_equal(links_choose(alone, 2, 0, wan, alone), 1);
    assert_int_equal(alone[0].address, wan);
}

UNIT(links)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_whole_uplink_is_left_out),
        cmocka_unit_test(test_uplink_if_there_is_no_other),
        cmocka_unit_test(test_named_address),
        cmocka_unit_test(test_unfit_links),
        cmocka_unit_test(test_private_addresses),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
