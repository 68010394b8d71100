/* Entries of the router's connection table that are older than a rule: which are asked for, and removed. */
#include "router_unit.h"

#define PRINT "/ip/firewall/connection/print"
#define REMOVE "/ip/firewall/connection/remove"

static const struct entry_target target = {
    .owner = 1, .router_port = 51820, .internal_port = 51820, .protocol = NATPMP_UDP, .client = 0xc0a8580b};

/* The tunnel has these addresses. */
static void read_with(const char *addresses)
{
    router_resync(router, now_ms);
    wait_until(now_ms + 1);
    note_sent();
    answer("/ip/address/print", addresses);
    answer("/interface/list/print", "");
    answer("/interface/list/member/print", "");
    answer("/ip/firewall/nat/print", "");
}

static void print_entries(void)
{
    actions_clear(&out, LOG_LEVEL_INFO);
    router_entries_read(router, &target, 1, at(now_ms));
    note_sent();
}

/* [P10] While no address of the tunnel is known, an entry with the port may be anybody's: none is asked for.
 */
static void test_no_address_of_the_tunnel(void **state)
{
    (void)state;
    assert_int_equal(router_entries_room(router), 0);
    read_with(
        " =address=203.0.113.7/24 =interface=ether1| =address=10.2.0.2/32 =interface=wg1 =disabled=true");
    assert_int_equal(router_entries_room(router), 0);
    read_with(" =address=10.2.0.2/32 =interface=wg1");
    assert_int_equal(router_entries_room(router), ENTRY_QUERIES_MAX);
}

static void test_entries_of_others_stay(void **state)
{
    (void)state;
    read_with(" =address=203.0.113.7/24 =interface=ether1| =address=10.2.0.2/32 =interface=wg1");
    print_entries();
    answer(PRINT,
           " =.id=*1 =protocol=udp =dst-address=198.51.100.9 =dst-port=51820"
           " =reply-src-address=198.51.100.9 =reply-src-port=51820|"
           " =.id=*2 =protocol=udp =dst-address=203.0.113.7:51820 =reply-src-address=192.168.88.9:51820|"
           " =.id=*3 =protocol=udp =dst-address=10.2.0.2 =dst-port=51820"
           " =reply-src-address=192.168.88.11 =reply-src-port=51820|"
           " =.id=*4 =protocol=tcp =dst-address=10.2.0.2 =dst-port=51820"
           " =reply-src-address=10.2.0.2 =reply-src-port=51820|"
           " =.id=*5 =protocol=udp =dst-address=10.2.0.2:51820 =reply-src-address=10.2.0.2:51820");
    check_attribute(check_sent(&out, 0, REMOVE), ".id", "*5");
    check_sends(1);
}

/* [P10] The router is not busy with one port for ever, and what is left is said. */
static void test_more_entries_than_are_removed(void **state)
{
    (void)state;
    static char text[65536];
    size_t len = 0;
    read_with(" =address=10.2.0.2/32 =interface=wg1");
    print_entries();
    router->entries.rounds = ENTRY_ROUNDS_MAX; /* the last one */
    unsigned tag = tag_of(PRINT);
    for (unsigned i = 0; i < ENTRY_REMOVALS_MAX + 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "!re .tag=%u =.id=*%X =protocol=udp =dst-address=10.2.0.2:51820 "
                                "=reply-src-address=10.2.0.2:51820|",
                                tag, i + 1);
    (void)snprintf(text + len, sizeof(text) - len, "!done .tag=%u", tag);
    hear(text);
    while (router->entries.targets > 0) {
        (void)snprintf(text, sizeof(text), "!done .tag=%u", ++tag);
        hear(text);
        assert_int_equal(count_actions(&out, ACTION_LOG), router->entries.targets == 0);
    }
    assert_non_null(strstr(last_log(&out), "router=51820"));
    assert_int_equal(router_entries_room(router), ENTRY_QUERIES_MAX);
}

UNIT(router_entries)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_address_of_the_tunnel, start_ready, stop),
        cmocka_unit_test_setup_teardown(test_entries_of_others_stay, start_ready, stop),
        cmocka_unit_test_setup_teardown(test_more_entries_than_are_removed, start_ready, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
